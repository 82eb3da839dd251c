"""`ffref evaluate`: accuracy of a trained run, layer by layer."""

import json
from argparse import Namespace
from pathlib import Path

from ffref._checks import require
from ffref.data import OwnData, is_table, read_own
from ffref.estimators import Classifier, load
from ffref.experiments import (
    TrainTest,
    check_data_dir,
    evaluate,
    is_one_part,
    load_run_data,
    load_train_test,
)
from ffref.experiments.run_folder import read_config


def run(options: Namespace) -> int:
    """Print accuracies, as text or as JSON."""
    classifier = load(options.run)
    samples = _samples(options, classifier)
    result = evaluate(classifier, samples.X, samples.y)
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
        for note in samples.notes:
            print(f"  {note}")
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


def _samples(options: Namespace, classifier: Classifier) -> OwnData:
    if hasattr(options, "data") and is_one_part(options.data):
        require(
            not hasattr(options, "split"),
            f"--split does nothing for {options.data}, which is taken whole",
        )
        check_data_dir(options.data, getattr(options, "data_dir", None))
        return _own_samples(options, classifier)
    require(
        not hasattr(options, "label"),
        "--label names a column of FILE.csv; it goes with --data FILE.csv",
    )
    data = _both_parts(options)
    if getattr(options, "split", "test") == "train":
        return OwnData(data.X, data.y)
    return OwnData(data.X_test, data.y_test)


def _own_samples(options: Namespace, classifier: Classifier) -> OwnData:
    """Read samples as those of the training were read."""
    label = getattr(options, "label", None)
    if label is None and is_table(options.data) and Path(options.run).is_dir():
        label = read_config(Path(options.run)).get("label")
    return read_own(
        options.data,
        label=label,
        feature_names=getattr(classifier, "feature_names_in_", None),
        image_shape=getattr(classifier, "image_shape", None),
    )


def _both_parts(options: Namespace) -> TrainTest:
    data_dir = getattr(options, "data_dir", None)
    if hasattr(options, "data"):
        check_data_dir(options.data, data_dir)
        return load_train_test(options.data, data_dir)
    run_folder = Path(options.run)
    require(run_folder.is_dir(), "a saved .npz does not know its data: name them by --data")
    config = read_config(run_folder)
    check_data_dir(config["data"], data_dir)
    return load_run_data(config, data_dir)
