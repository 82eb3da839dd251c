"""`ffref predict`: classes of new samples: pictures, or the rows of a table or of an array."""

import csv
import io
import json
import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.data import is_picture, is_table, read_features, read_image
from ffref.data.npz import read_arrays
from ffref.data.pictures import Shape, check_shape
from ffref.estimators import Classifier, PlainSamples, image_shape, load
from ffref.experiments.run_folder import write_text
from ffref.types import Array

_ROUNDING = 1e-6


class _New(NamedTuple):
    """Samples to predict."""

    X: Array
    files: tuple[str, ...] | None
    """of each sample, where each is a picture"""


def run(options: Namespace) -> int:
    """Print or write one line a sample: its class, and probabilities if asked for."""
    classifier = load(options.run)
    paths = [*options.inputs, *([options.data] if options.data is not None else [])]
    require(bool(paths), "nothing to predict: name pictures, a FILE.npz with X, or a FILE.csv")
    new = _read(paths, classifier, invert=options.invert)
    text = (
        _as_json(classifier, new, options) if options.json else _as_csv(classifier, new, options)
    )
    if options.out:
        write_text(Path(options.out), text)
    else:
        print(text, end="")
    return 0


def _as_csv(classifier: Classifier, new: _New, options: Namespace) -> str:
    header: list[str] = ["class"]
    columns: list[Any] = [classifier.predict(new.X)]
    if new.files is not None or options.proba:
        probabilities = classifier.predict_proba(new.X).round(6)
    if new.files is not None:
        header = ["file", *header, "probability"]
        columns = [new.files, *columns, probabilities.max(axis=1)]
    if options.proba:
        header += [f"p({label})" for label in classifier.classes_]
        columns += list(probabilities.T)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue()


def _as_json(classifier: Classifier, new: _New, options: Namespace) -> str:
    probabilities = classifier.predict_proba(new.X).astype(float)
    predictions: list[dict[str, Any]] = [
        {"class": label, "probability": max(row)}
        for label, row in zip(
            classifier.predict(new.X).tolist(), probabilities.tolist(), strict=True
        )
    ]
    for number, prediction in enumerate(predictions):
        if new.files is not None:
            prediction["file"] = new.files[number]
        if options.proba:
            prediction["probabilities"] = probabilities[number].tolist()
    classes = classifier.classes_.tolist()
    return json.dumps({"classes": classes, "predictions": predictions}) + "\n"


def _read(paths: list[str], classifier: Classifier, *, invert: bool) -> _New:
    pictures = [path for path in paths if is_picture(path)]
    if pictures:
        others = [path for path in paths if path not in pictures]
        require(
            not others,
            f"pictures go without other files: {pictures[0]} is a picture, {' '.join(others)} "
            f"is not; predict them apart",
        )
        return _read_pictures(pictures, classifier, invert=invert)
    require(not invert, "--invert does nothing for what is no picture")
    require(len(paths) == 1, f"one file of samples at a time, got {len(paths)}: {' '.join(paths)}")
    return _New(_read_rows(paths[0], classifier), None)


def _read_rows(path: str, classifier: Classifier) -> Array:
    if is_table(path):
        names = getattr(classifier, "feature_names_in_", None)
        return read_features(path, classifier.n_features_in_, feature_names=names)
    require(
        not Path(path).is_dir(),
        f"{path} is a folder; name the pictures in it, as {path.rstrip('/')}/*.png",
    )
    X = read_arrays(Path(path), ("X",))["X"]
    require(
        X.dtype.kind in "biuf" and X.ndim >= 2,
        f"{path}: X must hold numbers of shape (samples, features), got {X.dtype} of shape "
        f"{X.shape}",
    )
    return X.reshape(len(X), -1)


def _read_pictures(paths: list[str], classifier: Classifier, *, invert: bool) -> _New:
    """Prepare pictures as those of the training were, and say on stderr what was done to them."""
    shape = _shape_in_training(classifier)
    X = np.empty((len(paths), *shape), np.float32)
    changes: Counter[str] = Counter()
    for number, path in enumerate(paths):
        X[number], done = read_image(path, image_shape=shape)
        changes.update(done)
    for what, count in changes.items():
        which = paths[0] if len(paths) == 1 else f"{count} of {len(paths)} pictures"
        print(f"ffref: {which}: {what}", file=sys.stderr)
    if invert:
        np.subtract(1, X, out=X)
    return _New(X.reshape(len(X), -1), tuple(paths))


def _shape_in_training(classifier: Classifier) -> Shape:
    """Height, width and channels of the training's images; refuse a run that had none."""
    if not isinstance(classifier, PlainSamples) or hasattr(classifier, "feature_names_in_"):
        raise ValueError(
            "this run was not trained on pictures, but on text or on the columns of a table"
        )
    features = classifier.n_features_in_
    shape = check_shape(image_shape(classifier.image_shape, features))
    require(
        int(np.prod(shape)) == features,
        f"this run has {features} features, which are no image of shape {shape}",
    )
    standardizer = classifier.standardizer_
    if standardizer is not None:
        low, high = float(standardizer.mean.min()), float(standardizer.mean.max())
        require(
            low >= -_ROUNDING and high <= 1 + _ROUNDING,
            f"this run was not trained on pixels between 0 and 1: the means of its features lie "
            f"between {low:.4g} and {high:.4g}; scale the picture as the training data were, "
            f"and pass it as X in an .npz file",
        )
    return shape
