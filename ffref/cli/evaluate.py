"""`ffref evaluate`: accuracy of a trained run, layer by layer."""

import json
from argparse import Namespace
from pathlib import Path

from ffref._checks import require
from ffref.data import Samples
from ffref.estimators import load
from ffref.experiments import (
    TrainTest,
    check_data_dir,
    evaluate,
    is_one_part,
    load_train_test,
    read_path,
)
from ffref.experiments.run_folder import read_config
from ffref.types import Labels


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
        for layer, found in enumerate(result["diagnostics"], 1):
            print(f"  layer {layer} has {_in_words(found)}")
    return 0


def _in_words(found: dict[str, float | None]) -> str:
    """Diagnostics of a layer, those that it has."""
    words = (
        ("pairwise_error", "{:.2%} of pairs wrong"),
        ("positive_goodness", "goodness {:.4g}"),
        ("negative_goodness", "of negatives {:.4g}"),
        ("dead_units", "{:.1%} of units dead"),
    )
    return ", ".join(text.format(found[name]) for name, text in words if found[name] is not None)


def _samples(options: Namespace) -> tuple[Samples, Labels]:
    if hasattr(options, "data") and is_one_part(options.data):
        require(
            not hasattr(options, "split"),
            f"--split does nothing for {options.data}, which is taken whole",
        )
        check_data_dir(options.data, getattr(options, "data_dir", None))
        return read_path(options.data)
    data = _both_parts(options)
    if getattr(options, "split", "test") == "train":
        return data.X, data.y
    return data.X_test, data.y_test


def _both_parts(options: Namespace) -> TrainTest:
    data_dir = getattr(options, "data_dir", None)
    if hasattr(options, "data"):
        check_data_dir(options.data, data_dir)
        return load_train_test(options.data, data_dir)
    run_folder = Path(options.run)
    require(run_folder.is_dir(), "a saved .npz does not know its data: name them by --data")
    config = read_config(run_folder)
    check_data_dir(config["data"], data_dir)
    return load_train_test(
        config["data"], data_dir or config["data_dir"], test_fraction=config["test_fraction"]
    )
