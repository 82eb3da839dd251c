"""`ffref predict`: classes of new samples, as CSV."""

import csv
import io
from argparse import Namespace
from pathlib import Path

from ffref._checks import require
from ffref.data.npz import read_arrays
from ffref.estimators import load
from ffref.experiments.run_folder import write_text


def run(options: Namespace) -> int:
    """Print or write one line a sample: its class, and probabilities if asked for."""
    classifier = load(options.run)
    X = read_arrays(Path(options.data), ("X",))["X"]
    require(
        X.dtype.kind in "biuf" and X.ndim >= 2,
        f"{options.data}: X must hold numbers of shape (samples, features), got {X.dtype} of "
        f"shape {X.shape}",
    )
    X = X.reshape(len(X), -1)
    header, columns = ["class"], [classifier.predict(X)]
    if options.proba:
        header += [f"p({label})" for label in classifier.classes_]
        columns += [column.round(6) for column in classifier.predict_proba(X).T]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    if options.out:
        write_text(Path(options.out), text.getvalue())
    else:
        print(text.getvalue(), end="")
    return 0
