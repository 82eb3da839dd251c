"""What studies are made of: a task in memory, cases that return a row of numbers, measures.

A study asks one question by several cases; `ffref.experiments.study_rows` runs them, and leaves
out what is done.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.data import Stream
from ffref.estimators import ESTIMATORS, Classifier
from ffref.experiments.datasets import TrainTest
from ffref.training import passes
from ffref.types import Array

Row = dict[str, Any]


class Task(NamedTuple):
    """Training and held-out samples, all in memory: most studies take them apart."""

    X: Array
    y: np.ndarray
    X_test: Array
    y_test: np.ndarray


class Settings(NamedTuple):
    """What all cases have in common."""

    hidden: tuple[int, ...] = (360, 360)
    """sizes that the classes of the data divide, for the methods that share units out"""
    epochs: int = 10
    batch_size: int = 100
    learning_rate: float = 0.001
    common: tuple[tuple[str, Any], ...] = ()
    """further arguments of every classifier"""
    own: Mapping[str, Row] = MappingProxyType({})
    """and of those of one algorithm"""
    most_epochs: int = 100
    """for little data, whose epochs are longer in number"""


class Case(NamedTuple):
    """One row of one study."""

    study: str
    name: str
    run: Callable[[int], Row]
    """seed -> what was measured"""


UNTRAINED = {"learning_rate_init": 1e-12, "max_iter": 1}
"""Steps so small that no float32 weight moves: layers stay as drawn, with centroids that fit."""


def build_classifier(algorithm: str, settings: Settings, seed: int, **choices: Any) -> Classifier:  # noqa: ANN401
    """Make a classifier of a study; `choices` override what the settings say."""
    shared = {
        "hidden_layer_sizes": settings.hidden,
        "max_iter": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate_init": settings.learning_rate,
        "random_state": seed,
    }
    own = settings.own.get(algorithm, {})
    return ESTIMATORS[algorithm](**{**shared, **dict(settings.common), **own, **choices})


Fit = Callable[[str, int], Classifier]
"""(algorithm, seed) -> a fitted classifier, which several cases may share: none may change it"""


def fitted(task: Callable[[int], Task], settings: Settings) -> Fit:
    """Fit each algorithm once for each seed, to that seed's task, when it is first asked for."""

    @cache
    def fit(algorithm: str, seed: int) -> Classifier:
        data = task(seed)
        return build_classifier(algorithm, settings, seed).fit(data.X, data.y)

    return fit


def at_seed(
    study: Callable[..., Row],
    data: Task,
    settings: Settings,
    *arguments: Any,  # noqa: ANN401
) -> Callable[[int], Row]:
    """A case's function: the study with all but the seed bound."""

    def run(seed: int) -> Row:
        return study(data, settings, seed, *arguments)

    return run


def in_memory(data: TrainTest) -> Task:
    """Return the samples as arrays, or refuse streams."""
    if isinstance(data.X, Stream) or isinstance(data.X_test, Stream):
        raise ValueError("the studies take samples that fit into memory, and got a stream")
    return Task(data.X, data.y, data.X_test, data.y_test)


def transfer(source: Task, model: Classifier | None, target: Task) -> Row:
    """Test accuracy of a linear readout on another task, of features that never saw it.

    model, fitted to the source; None: the samples themselves.
    """
    features, target_features = target.X, target.X_test
    own = None
    if model is not None:
        features, target_features = model.transform(target.X), model.transform(target.X_test)
        own = model.score(source.X_test, source.y_test)
    accuracy = linear_readout_accuracy(features, target.y, target_features, target.y_test)
    return {"accuracy": accuracy, "source_accuracy": own, "features": features.shape[1]}


def class_halves(data: Task) -> tuple[Task, Task]:
    """Samples of the first half of the classes, and of the second: two tasks."""
    classes = np.unique(data.y)
    require(len(classes) >= 4, f"two tasks need at least 4 classes, got {len(classes)}")
    half = len(classes) // 2
    return only_classes(data, classes[:half]), only_classes(data, classes[half:])


def only_classes(data: Task, classes: np.ndarray) -> Task:
    """Samples of these classes."""
    train, test = np.isin(data.y, classes), np.isin(data.y_test, classes)
    return Task(data.X[train], data.y[train], data.X_test[test], data.y_test[test])


def share_of_each_class(y: np.ndarray, share: float, *, seed: int) -> np.ndarray:
    """Mask of a share of each class, rounded, of at least two samples, drawn with the seed."""
    require(0 < share <= 1, f"share must lie in (0, 1], got {share!r}")
    rng = np.random.default_rng(seed)
    kept = np.zeros(len(y), bool)
    for label in np.unique(y):
        own = rng.permutation(np.flatnonzero(y == label))
        kept[own[: max(round(share * len(own)), 2)]] = True
    return kept


def linear_readout_accuracy(
    features: Array, y: np.ndarray, test_features: Array, y_test: np.ndarray
) -> float:
    """Test accuracy of ridge regression onto the classes, in closed form.

    The penalty is a thousandth of the features' mean variance.
    """
    classes = np.unique(y)
    x = features.astype(np.float64)
    mean = x.mean(axis=0)
    x -= mean
    wanted = (y[:, None] == classes) - np.mean(y[:, None] == classes, axis=0)
    covariance = x.T @ x / len(x)
    penalty = max(1e-3 * np.trace(covariance) / len(covariance), np.finfo(x.dtype).tiny)
    covariance[np.diag_indices_from(covariance)] += penalty
    weight = np.linalg.solve(covariance, x.T @ wanted / len(x))
    scores = (test_features - mean) @ weight + np.mean(y[:, None] == classes, axis=0)
    return float((classes[scores.argmax(axis=1)] == y_test).mean())


def hidden_layers(model: Classifier, X: Array) -> list[Array]:
    """Features of every layer of a classifier whose layers take plain samples."""
    x = X if model.standardizer_ is None else model.standardizer_(X)
    return [passed.features for passed in passes(model.state_.network, x)]


def layer_accuracies(model: Classifier, data: Task) -> list[float]:
    """Test accuracy of each layer by itself; [] where layers have no scores of their own."""
    scores = model.layer_goodness(data.X_test)
    return [
        float((model.classes_[layer.argmax(axis=1)] == data.y_test).mean()) for layer in scores
    ]


def seconds(model: Classifier) -> float:
    """Seconds that training took."""
    return float(sum(record.seconds for record in model.history_))
