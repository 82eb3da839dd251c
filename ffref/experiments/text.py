"""Which character comes next, beside counts of characters and pairs, and beside random features.

Source: Hinton (2022), arXiv:2212.13345, section on sequences: both kinds of negatives are far
better than hidden layers that keep their random weights. Results: docs/results/ff_claims.md.
"""

from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.estimators import FFTextClassifier
from ffref.experiments.datasets import TEXT, TrainTest, load_train_test
from ffref.training import in_blocks
from ffref.types import Labels


class TextRow(NamedTuple):
    """One way to predict, and its share of characters right."""

    name: str
    train: float
    test: float


def unigram_prediction(y: Labels, samples: int) -> Labels:
    """The most frequent symbol of `y`, for each of `samples`.

    Examples
    --------
    >>> unigram_prediction(np.array([2, 0, 2]), 2)
    array([2, 2])
    """
    return np.full(samples, np.bincount(y).argmax())


def bigram_prediction(last: Labels, y: Labels, new_last: Labels, *, classes: int) -> Labels:
    """The symbol that came most often after the last one of a window, by counting.

    Parameters
    ----------
    last, y : (samples,)
        Last symbol of each window of the training text, and the one after it.
    new_last : (new samples,)
    classes : int

    Examples
    --------
    >>> bigram_prediction(np.array([0, 0, 0, 1]), np.array([1, 2, 1, 0]), np.array([1, 0]),
    ...                   classes=3)
    array([0, 1])
    """
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (last, y), 1)
    return counts.argmax(axis=1)[new_last]


def text_table(data: TrainTest | None = None, **choices: Any) -> list[TextRow]:  # noqa: ANN401
    """Accuracy of counts, of random features and of both kinds of Forward-Forward.

    Parameters
    ----------
    data : TrainTest, optional
        Windows and next symbols; default the bundled text.
    choices
        Of `FFTextClassifier`, the same for all networks: same size, same start, same budget.
    """
    data = load_train_test(TEXT, None) if data is None else data
    classes = len(np.unique(data.y))
    require("negatives" not in choices, "negatives are compared; leave them out")
    last, last_test = (
        in_blocks(lambda rows: rows[:, -classes:].argmax(axis=1), X, axis=0)
        for X in (data.X, data.X_test)
    )

    def counted(name: str, train: Labels, test: Labels) -> TextRow:
        return TextRow(name, float((train == data.y).mean()), float((test == data.y_test).mean()))

    rows = [
        counted(
            "unigram",
            unigram_prediction(data.y, len(data.y)),
            unigram_prediction(data.y, len(data.y_test)),
        ),
        counted(
            "bigram",
            bigram_prediction(last, data.y, last, classes=classes),
            bigram_prediction(last, data.y, last_test, classes=classes),
        ),
    ]
    for name, own in (
        ("random hidden layers", {"learn_hidden": False}),
        ("teacher-forced", {"negatives": "teacher-forced"}),
        ("self-generated", {"negatives": "self-generated"}),
    ):
        model = FFTextClassifier(**{"random_state": 0, **choices, **own}).fit(data.X, data.y)
        train, test = model.score(data.X, data.y), model.score(data.X_test, data.y_test)
        rows.append(TextRow(name, train, test))
    return rows
