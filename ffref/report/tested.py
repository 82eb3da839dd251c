"""A run read back, and what its network makes of the test samples: all that a report shows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.data import describe, first_rows, names
from ffref.estimators import Classifier, LocalClassifier, load
from ffref.experiments import (
    check_knows_labels,
    evaluation,
    load_run_data,
    own_readout,
    predict_all,
)
from ffref.experiments.free_riding import measure
from ffref.experiments.jobs import JOBS, PROGRESS, separation_by_layer
from ffref.experiments.run_folder import CONFIG, ENVIRONMENT, METRICS, read_config
from ffref.formulas.diagnostics import LayerDiagnostics
from ffref.negatives import uniform_wrong_label
from ffref.training import layer_units
from ffref.types import Array

SAMPLES = 2000
"""Test samples that are looked at one by one, the first; accuracies are of all."""
SETTINGS = "train.toml"


class LayerFacts(NamedTuple):
    """One layer on the test samples; None for what an algorithm does not have."""

    units: int
    accuracy: float | None
    """of its class scores alone"""
    summed_accuracy: float | None
    """of the class scores of this layer and all below, added"""
    separation: float | None
    pairwise_error: float | None
    positive_goodness: float | None
    negative_goodness: float | None
    dead_units: float | None
    free_riding: float | None
    """share of the slope that is missing, of cumulative goodness"""
    activation: np.ndarray | None
    """(units,) share of the samples on which each unit is active"""


class TestedRun(NamedTuple):
    """One run and what its network makes of the test samples."""

    name: str
    folder: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    settings: str
    """text of train.toml; empty for a job of a comparison, a sweep, or of Python"""
    classifier: Classifier
    result: dict[str, Any]
    """as `ffref evaluate --json` prints it"""
    layers: list[LayerFacts]
    y: np.ndarray
    """of all test samples"""
    predicted: np.ndarray
    X: Array
    """the first test samples"""
    image_shape: tuple[int, int, int] | None
    by_epoch: list[float]
    """accuracy on test samples after each epoch, where a job noted it"""

    @property
    def title(self) -> str:
        """Algorithm or recipe, and data."""
        data = Path(self.config["data"]).name
        return f"{self.config.get('recipe') or self.config['algorithm']} on {data}"

    def class_name(self, label: object) -> str:
        """Name of a class: the label itself, save in named data sets, which number theirs."""
        data = self.config["data"]
        own = describe(data).class_names if data in names() else ()
        return own[int(f"{label}")] if own else f"{label}"

    @property
    def seconds(self) -> float:
        """Of training."""
        return sum(record.seconds for record in self.classifier.history_)


def run_folders(paths: list[str]) -> list[Path]:
    """Run folders, those of a comparison or sweep in place of its own.

    Raises
    ------
    ValueError
        If a path is neither, or has nothing trained.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if (path / JOBS).is_file():
            own = sorted(each.parent for each in path.glob(f"*/{METRICS}"))
            require(len(own) > 0, f"{path} has no run that was trained yet")
            found += own
        else:
            require(
                (path / CONFIG).is_file(),
                f"{path} is no run folder: it has no {CONFIG}; name what ffref train, compare or "
                f"sweep wrote",
            )
            found.append(path)
    return found


def read_run(
    folder: Path,
    name: str,
    data_dir: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TestedRun:
    """Read a run, and test its network; `progress` is called with (samples done, samples)."""
    config, classifier = read_config(folder), load(folder)
    require(len(classifier.history_) > 0, f"{folder} has nothing to report: no epoch is done yet")
    data = load_run_data(config, data_dir)
    check_knows_labels(classifier, data.y_test)
    predicted = predict_all(classifier, data.X_test, progress)
    result = evaluation(classifier, data.X_test, data.y_test, predicted)
    few = first_rows(data.X_test, SAMPLES)
    return TestedRun(
        name,
        folder,
        config,
        _json(folder / ENVIRONMENT, {}),
        _text(folder / SETTINGS),
        classifier,
        result,
        _layers(
            classifier,
            few,
            data.y_test[:SAMPLES],
            result | {"summed": [float((own == data.y_test).mean()) for own in predicted.summed]},
        ),
        data.y_test,
        predicted.readouts[own_readout(classifier)],
        few,
        _image_shape(config, classifier),
        _json(folder / PROGRESS, []),
    )


def _layers(
    classifier: Classifier, X: Array, y: np.ndarray, result: dict[str, Any]
) -> list[LayerFacts]:
    known = np.isin(y, classifier.classes_)
    X, y = X[known], y[known]
    index = np.searchsorted(classifier.classes_, y)
    scores = classifier.readout_goodness(X)[0] if len(X) else np.empty((0, 0, 0))
    columns: dict[str, list[Any]] = {
        "units": [layer_units(layer) for layer in classifier.state_.network.layers],
        "accuracy": result["layer_accuracy"],
        "summed_accuracy": result["summed"],
        "separation": separation_by_layer(scores, index),
        "free_riding": _free_riding(classifier, scores, index),
        "activation": _activation(classifier, X, y),
        **{
            name: [layer[name] for layer in result["diagnostics"]]
            for name in LayerDiagnostics._fields
        },
    }
    count = len(columns["units"])
    # a network that scores classes at its top alone has one row of scores, for that layer
    padded = {name: [None] * (count - len(own)) + list(own) for name, own in columns.items()}
    return [LayerFacts(**{name: padded[name][at] for name in padded}) for at in range(count)]


def _activation(classifier: Classifier, X: Array, y: np.ndarray) -> list[np.ndarray]:
    """Of layers that are trained on their own."""
    if not isinstance(classifier, LocalClassifier) or not len(X):
        return []
    return [(seen.activity != 0).mean(axis=0) for seen in classifier.watch(X, y)]


def _free_riding(classifier: Classifier, scores: Array, index: np.ndarray) -> list[float]:
    """Of cumulative goodness, by one pair a sample, with an evenly drawn wrong label."""
    if classifier.algorithm != "cumulative" or not scores.size:
        return []
    rng = np.random.default_rng([classifier.seed_, 3])
    wrong = uniform_wrong_label(index, classes=scores.shape[2], rng=rng)
    rows = np.arange(len(index))
    settings = classifier.get_params()
    layers = measure(
        scores[:, rows, index] - scores[:, rows, wrong],
        **{name: settings[name] for name in ("remedy", "carried_weight", "steepness")},
    )
    return [layer.free_riding for layer in layers]


def _image_shape(config: dict[str, Any], classifier: Classifier) -> tuple[int, int, int] | None:
    """Of samples that are known to be images."""
    shape = getattr(classifier, "image_shape", None)
    if shape is None and config["data"] in names():
        shape = describe(config["data"]).image_shape
    if shape is None:
        return None
    height, width, channels = (*shape, 1)[:3]
    return int(height), int(width), int(channels)


def _json(path: Path, absent: Any) -> Any:  # noqa: ANN401  what JSON holds
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else absent


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
