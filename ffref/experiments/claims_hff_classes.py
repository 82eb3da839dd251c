"""HFF with classes and tasks that come later, beside FF and back-propagation.

Run by `python benchmarks/run_hff_claims.py`.
"""

import copy
from typing import Any

import numpy as np

from ffref._checks import require
from ffref.estimators import Classifier, NearestMeanClassifier
from ffref.experiments.studies import (
    UNTRAINED,
    Fit,
    Row,
    Settings,
    Task,
    build_classifier,
    only_classes,
    transfer,
)
from ffref.types import Array

GROUPS = 5
"""Tasks that the classes are dealt out to, in their order."""
STORED = 20
"""Samples of each class that rehearsal keeps."""
EXAMPLES = (1, 5, 20)
DRAWS = 5
"""How often the examples of a new class are drawn."""
_MOST_TESTED = 2000

# -- classes that come in groups -----------------------------------------------------------------


def new_classes(
    data: Task, settings: Settings, seed: int, algorithm: str, mode: str, choices: Row
) -> Row:
    """Learn the classes group by group; accuracy among those seen so far, and forgetting.

    mode : {"alone", "rehearsal", "frozen"}
        Each group by its own samples alone; beside stored samples of the classes before, repeated
        up to the number of a new class; or with all weights at rest after the first group, so that
        new prototypes at the class means are all that changes (HFF).
    """
    groups = np.array_split(np.unique(data.y), GROUPS)
    model: Any = build_classifier(algorithm, settings, seed, **choices)
    rng = np.random.default_rng([seed, 7])
    right = np.full((len(groups), len(groups)), np.nan)
    for number, group in enumerate(groups):
        x, y = samples_of_group(data, groups, number, mode, rng)
        if mode == "frozen" and number:
            model.set_params(learning_rate_init=UNTRAINED["learning_rate_init"])
            model.partial_fit(x, y, classes=group)
        else:
            joining = group if algorithm == "hff" else np.unique(data.y)
            for _ in range(settings.epochs):
                model.partial_fit(x, y, classes=joining)
        seen = np.concatenate(groups[: number + 1])
        for earlier in range(number + 1):
            test = only_classes(data, groups[earlier])
            right[number, earlier] = accuracy_among(model, test.X_test, test.y_test, seen)
    best, last = np.nanmax(right[:, :-1], axis=0), right[-1, :-1]
    counts = np.array([np.isin(data.y_test, group).sum() for group in groups])
    return {
        "accuracy": float(right[-1] @ counts / counts.sum()),
        "forgetting": float((best - last).mean()),
        "first_group": [float(share) for share in right[:, 0]],
        "last_group": float(right[-1, -1]),
    }


def samples_of_group(
    data: Task, groups: list[np.ndarray], number: int, mode: str, rng: np.random.Generator
) -> tuple[Array, np.ndarray]:
    """Training samples of a group and, in rehearsal, stored ones of the groups before it."""
    own = np.flatnonzero(np.isin(data.y, groups[number]))
    if mode != "rehearsal" or number == 0:
        return data.X[own], data.y[own]
    each = len(own) // len(groups[number])
    stored = [
        np.resize(np.flatnonzero(data.y == label)[:STORED], each)
        for label in np.concatenate(groups[:number])
    ]
    rows = rng.permutation(np.concatenate([own, *stored]))
    return data.X[rows], data.y[rows]


def accuracy_among(model: Any, X: Array, y: np.ndarray, classes: np.ndarray) -> float:  # noqa: ANN401
    """Share of samples right where these classes alone may be chosen."""
    known = np.flatnonzero(np.isin(model.classes_, classes))
    winners = model.goodness(X)[:, known].argmax(axis=1)
    return float((model.classes_[known][winners] == y).mean())


# -- a class from a few examples -----------------------------------------------------------------


def without_a_class(data: Task, seed: int) -> tuple[Task, Any]:
    """Return the task without one class, the last one for seed 0, and that class."""
    classes = np.unique(data.y)
    held = classes[-1 - seed % len(classes)]
    return only_classes(data, classes[classes != held]), held


def few_examples(
    data: Task, settings: Settings, seed: int, fit: Fit, algorithm: str | None, how: str
) -> Row:
    """Add a class to a network that never saw it, by a few examples and without training.

    fit : of the task without the class
    algorithm : None takes the samples themselves for features.
    how : {"prototypes", "nearest mean"}
        New prototypes in each layer of HFF; or the nearest class mean on the top features.
    """
    base, new = without_a_class(data, seed)
    model = None if algorithm is None else fit(algorithm, seed)
    rng = np.random.default_rng([seed, 8])
    tested = rng.permutation(len(data.y_test))[:_MOST_TESTED]
    X_test, y_test = data.X_test[tested], data.y_test[tested]
    features, test_features = (
        x if model is None else model.transform(x) for x in (base.X, X_test)
    )
    pool = np.flatnonzero(data.y == new)
    found: list[list[float]] = []
    for count in EXAMPLES:
        shares = []
        for _ in range(DRAWS):
            x = data.X[rng.choice(pool, count, replace=False)]
            y = np.full(count, new)
            if how == "prototypes" and model is not None:
                predicted = with_class(model, x, y).predict(X_test)
            else:
                more = x if model is None else model.transform(x)
                means = NearestMeanClassifier().fit(
                    np.concatenate([features, more]), np.concatenate([base.y, y])
                )
                predicted = means.predict(test_features)
            right, is_new = predicted == y_test, y_test == new
            shares.append((right[is_new].mean(), right[~is_new].mean(), right.mean()))
        found.append([float(value) for value in np.mean(shares, axis=0)])
    recall, old, overall = (list(column) for column in zip(*found, strict=True))
    is_old = y_test != new
    before = None if model is None else model.score(X_test[is_old], y_test[is_old])
    return {
        "examples": list(EXAMPLES),
        "new_class_found": recall,
        "old_classes_right": old,
        "all_right": overall,
        "old_classes_before": before,
    }


def with_class(model: Classifier, x: Array, y: np.ndarray) -> Classifier:
    """Return a copy that one more class has joined, by new prototypes alone."""
    grown = copy.deepcopy(model)
    grown.set_params(learning_rate_init=UNTRAINED["learning_rate_init"])
    return grown.partial_fit(x, y, classes=y[:1])


# -- another data set ----------------------------------------------------------------------------


def carried_over(
    data: Task, settings: Settings, seed: int, fit: Fit, target: Task, algorithm: str | None
) -> Row:
    """Read another data set off features that never saw it.

    algorithm : None takes the samples themselves for features, "" layers as they are drawn.
    """
    if algorithm is None:
        return transfer(data, None, target)
    if algorithm == "":
        drawn = build_classifier("hff", settings, seed, **UNTRAINED)
        return transfer(data, drawn.fit(data.X, data.y), target)
    return transfer(data, fit(algorithm, seed), target)


def in_colour(images: Array) -> Array:
    """Grey images of 28 x 28, (samples, 784), with a border and three channels: (samples, 3072).

    Examples
    --------
    >>> in_colour(np.ones((1, 784))).sum()
    np.float64(2352.0)
    """
    require(
        images.shape[1] == 784,
        f"only images of 28 x 28 become those of 32 x 32 x 3, got {images.shape[1]} features",
    )
    bordered = np.pad(images.reshape(-1, 28, 28), ((0, 0), (2, 2), (2, 2)))
    return np.repeat(bordered[..., None], 3, axis=3).reshape(len(images), -1)
