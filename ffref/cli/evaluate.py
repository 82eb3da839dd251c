"""`ffref evaluate`: accuracy of a trained run, layer by layer."""

import json
from argparse import Namespace
from pathlib import Path

from ffref._checks import require
from ffref.data import load as load_data
from ffref.data import names, read_npz
from ffref.estimators import load
from ffref.experiments import evaluate, load_train_test
from ffref.experiments.run_folder import read_config
from ffref.types import Array, Labels


def run(options: Namespace) -> int:
    """Print accuracies, as text or as JSON."""
    classifier = load(options.run)
    X, y = _samples(options)
    result = evaluate(classifier, X, y)
    if options.json:
        print(json.dumps(result))
        return 0
    print(f"accuracy {result['accuracy']:.2%} on {result['samples']} samples")
    if not options.quiet:
        for layer, accuracy in enumerate(result["layer_accuracy"], 1):
            print(f"  layer {layer} alone      {accuracy:.2%}")
        for name, accuracy in result["readout_accuracy"].items():
            print(f"  {name:<18} {accuracy:.2%}")
    return 0


def _samples(options: Namespace) -> tuple[Array, Labels]:
    data_dir = getattr(options, "data_dir", None)
    if hasattr(options, "data"):
        if options.data in names():
            return load_data(options.data, data_dir, options.split)
        require(
            options.data.endswith(".npz"),
            f"there is no data set named {options.data!r}: choose one of {', '.join(names())} or "
            f"an .npz file",
        )
        return read_npz(options.data)
    run_folder = Path(options.run)
    require(run_folder.is_dir(), "a saved .npz does not know its data: name them by --data")
    config = read_config(run_folder)
    data = load_train_test(
        config["data"], data_dir or config["data_dir"], test_fraction=config["test_fraction"]
    )
    if options.split == "train":
        return data.X, data.y
    return data.X_test, data.y_test
