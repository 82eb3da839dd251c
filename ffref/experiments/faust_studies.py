"""Studies of FAUST: what its similarity, its loss, its batches and its data are worth.

The three experiments that a reading of the paper proposes first (similarities and convergence; the
similarity removed; transfer), and its open points (batch size, little data, how alike layers are,
collapse and saturation). Each case is a function without arguments that returns a row of numbers,
so that whoever runs them can leave out what is done. By `python benchmarks/run_faust_studies.py`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.data import Stream
from ffref.estimators import ESTIMATORS, Classifier
from ffref.experiments.datasets import TrainTest
from ffref.formulas import linear_cka, representation_diagnostics
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
    most_epochs: int = 100
    """for little data, whose epochs are longer in number"""


DIGITS = Settings(learning_rate=0.003)
MNIST = Settings(
    hidden=(900, 900), batch_size=200, common=(("standardize", False), ("input_norm", "rms"))
)
"""The paper's own architecture and settings were not found."""


class Case(NamedTuple):
    """One row of one study."""

    study: str
    name: str
    run: Callable[[int], Row]
    """seed -> what was measured"""


def build_classifier(algorithm: str, settings: Settings, seed: int, **choices: Any) -> Classifier:  # noqa: ANN401
    """Make a classifier of the studies; `choices` override what all have in common."""
    shared = {
        "hidden_layer_sizes": settings.hidden,
        "max_iter": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate_init": settings.learning_rate,
        "random_state": seed,
    }
    return ESTIMATORS[algorithm](**{**shared, **dict(settings.common), **choices})


UNTRAINED = {"learning_rate_init": 1e-12, "max_iter": 1}
"""Steps so small that no float32 weight moves: layers stay as drawn, with centroids that fit."""

SIMILARITY_CASES: dict[str, Row] = {
    "cosine": {},
    "cosine, scale 5": {"scale": 5.0},
    "cosine, scale 20": {"scale": 20.0},
    "dot of raw activity": {"similarity": "dot", "activity_norm": "none", "scale": 0.1},
    "squared distance of raw activity": {
        "similarity": "euclidean", "activity_norm": "none", "scale": 0.1,
    },
    "learned metric": {"similarity": "mahalanobis", "scale": 5.0},
}  # fmt: skip
"""Dot product and squared distance of normalised activity are the cosine at another scale
(docs/derivations/formulas.md), so they have no rows of their own."""

ABLATION_CASES: dict[str, tuple[str, Row]] = {
    "faust": ("faust", {}),
    "no similarity loss: layers as drawn, centroids": ("faust", UNTRAINED),
    "goodness of class units instead (cwc)": ("cwc", {}),
    "similarity to learned prototypes instead (hff)": ("hff", {}),
    "similarity to running centroids instead (distance-forward)": ("distance-forward", {}),
    "goodness of labelled samples instead (ff)": ("ff", {"label_strength": 4.0}),
    "back-propagation": ("backprop", {}),
}
BATCH_SIZES = (20, 50, 100, 200, 500)
SHARES = (0.01, 0.05, 0.1, 1.0)


# -- the three first experiments -----------------------------------------------------------------


def convergence(data: Task, settings: Settings, seed: int, choices: Row) -> Row:
    """Test accuracy after every epoch, and each layer's own at the end."""
    model = build_classifier("faust", settings, seed, **choices)
    curve = [model.score(data.X_test, data.y_test) for _ in model.fit_epochs(data.X, data.y)]
    return {
        "accuracy": curve[-1],
        "accuracy_by_epoch": curve,
        "layer_accuracy": layer_accuracies(model, data),
        "loss": list(model.history_[-1].loss),
        "seconds": seconds(model),
    }


def ablation(data: Task, settings: Settings, seed: int, algorithm: str, choices: Row) -> Row:
    """Test accuracy of the same layers, trained in another way."""
    model = build_classifier(algorithm, settings, seed, **choices).fit(data.X, data.y)
    return {
        "accuracy": model.score(data.X_test, data.y_test),
        "layer_accuracy": layer_accuracies(model, data),
        "seconds": seconds(model),
    }


def transfer(
    source: Task,
    settings: Settings,
    seed: int,
    target: Task,
    algorithm: str | None,
    choices: Row,
) -> Row:
    """Test accuracy of a linear readout on another task, of features that never saw it.

    algorithm None: the samples themselves.
    """
    features, target_features = target.X, target.X_test
    own = None
    if algorithm is not None:
        model = build_classifier(algorithm, settings, seed, **choices).fit(source.X, source.y)
        features, target_features = model.transform(target.X), model.transform(target.X_test)
        own = model.score(source.X_test, source.y_test)
    accuracy = linear_readout_accuracy(features, target.y, target_features, target.y_test)
    return {"accuracy": accuracy, "source_accuracy": own, "features": features.shape[1]}


TRANSFER_CASES: dict[str, tuple[str | None, Row]] = {
    "samples themselves": (None, {}),
    "layers as drawn": ("faust", UNTRAINED),
    "faust": ("faust", {}),
    "hff": ("hff", {}),
    "ff": ("ff", {"label_strength": 4.0}),
    "back-propagation": ("backprop", {}),
}


# -- open points ---------------------------------------------------------------------------------


def batch_size(data: Task, settings: Settings, seed: int, size: int) -> Row:
    """Test accuracy with another batch: more rows to draw tuples from, and fewer steps."""
    model = build_classifier("faust", settings, seed, batch_size=size).fit(data.X, data.y)
    return {
        "accuracy": model.score(data.X_test, data.y_test),
        "steps": -(-len(data.X) // size) * settings.epochs,
        "seconds": seconds(model),
    }


def little_data(data: Task, settings: Settings, seed: int, algorithm: str, share: float) -> Row:
    """Test accuracy after training on a share of the samples, for about as many steps."""
    kept = share_of_each_class(data.y, share, seed=seed)
    passes = min(round(settings.epochs / share), settings.most_epochs)
    model = build_classifier(algorithm, settings, seed, max_iter=passes)
    model.fit(data.X[kept], data.y[kept])
    return {
        "accuracy": model.score(data.X_test, data.y_test),
        "samples": int(kept.sum()),
        "epochs": passes,
        "seconds": seconds(model),
    }


def layers_alike(data: Task, settings: Settings, seed: int) -> Row:
    """Linear CKA on test samples: input and layers of one network, and layers of another seed."""
    models = (build_classifier("faust", settings, one) for one in (seed, seed + 1000))
    network, other = (hidden_layers(model.fit(data.X, data.y), data.X_test) for model in models)
    levels = [data.X_test, *network]
    return {
        "within": [[linear_cka(a, b) for b in levels] for a in levels],
        "other_seed": [linear_cka(a, b) for a, b in zip(network, other, strict=True)],
    }


def collapse(data: Task, settings: Settings, seed: int, choices: Row) -> Row:
    """Rank, dead and saturated units, and how far classes fell together, before and after."""
    rows: Row = {}
    for moment, how in (("as drawn", {**choices, **UNTRAINED}), ("trained", choices)):
        model = build_classifier("faust", settings, seed, **how).fit(data.X, data.y)
        rows[moment] = [
            representation_diagnostics(activity, np.unique(data.y_test, return_inverse=True)[1])
            ._asdict()
            for activity in hidden_layers(model, data.X_test)
        ]  # fmt: skip
    return rows


# -- all of them ---------------------------------------------------------------------------------


def all_cases(data: Task, settings: Settings, *, target: Task | None = None) -> list[Case]:
    """Every case of every study.

    Parameters
    ----------
    data : Task
    settings : Settings
    target : Task, optional
        Another data set of as many features, to transfer to. The second half of the classes of
        `data` is another task in any case.
    """
    cases = [
        Case("similarity", name, _at_seed(convergence, data, settings, choices))
        for name, choices in SIMILARITY_CASES.items()
    ]
    cases += [
        Case("ablation", name, _at_seed(ablation, data, settings, *choices))
        for name, choices in ABLATION_CASES.items()
    ]
    first, second = class_halves(data)
    tasks = {"second half of the classes": (first, second)}
    if target is not None:
        tasks["another data set"] = (data, target)
    for task, (source, other) in tasks.items():
        cases += [
            Case(
                "transfer", f"{name}, to {task}", _at_seed(transfer, source, settings, other, *how)
            )
            for name, how in TRANSFER_CASES.items()
        ]
    cases += [
        Case("batch size", str(size), _at_seed(batch_size, data, settings, size))
        for size in BATCH_SIZES
    ]
    cases += [
        Case(
            "little data",
            f"{algorithm}, {100 * share:g} %",
            _at_seed(little_data, data, settings, algorithm, share),
        )
        for share in SHARES
        for algorithm in ("faust", "hff", "backprop")
    ]
    cases.append(Case("layers alike", "linear CKA", _at_seed(layers_alike, data, settings)))
    cases += [
        Case("collapse", f"scale {scale:g}", _at_seed(collapse, data, settings, {"scale": scale}))
        for scale in (1.0, 10.0, 100.0)
    ]
    return cases


def _at_seed(
    study: Callable[..., Row],
    data: Task,
    settings: Settings,
    *arguments: Any,  # noqa: ANN401
) -> Callable[[int], Row]:
    def run(seed: int) -> Row:
        return study(data, settings, seed, *arguments)

    return run


def in_memory(data: TrainTest) -> Task:
    """Return the samples as arrays, or refuse streams."""
    if isinstance(data.X, Stream) or isinstance(data.X_test, Stream):
        raise ValueError("the studies take samples that fit into memory, and got a stream")
    return Task(data.X, data.y, data.X_test, data.y_test)


# -- pieces --------------------------------------------------------------------------------------


def class_halves(data: Task) -> tuple[Task, Task]:
    """Samples of the first half of the classes, and of the second: two tasks."""
    classes = np.unique(data.y)
    require(len(classes) >= 4, f"two tasks need at least 4 classes, got {len(classes)}")
    half = len(classes) // 2
    first, second = (
        (np.isin(data.y, part), np.isin(data.y_test, part))
        for part in (classes[:half], classes[half:])
    )
    return _only(data, *first), _only(data, *second)


def _only(data: Task, train: np.ndarray, test: np.ndarray) -> Task:
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
