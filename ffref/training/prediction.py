"""Prediction: class scores of every layer, and how they are read out."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ffref._checks import require
from ffref.data import Samples, blocks
from ffref.training.algorithm import Algorithm
from ffref.training.network import Network, activities
from ffref.types import Array

Scalar = TypeVar("Scalar", bound=np.generic)

ROWS_AT_ONCE = 1024
"""Samples that are scored at a time; results do not depend on it."""


def layer_scores(algorithm: Algorithm, network: Network, x: Samples) -> Array:
    """Score of each class in each layer, (samples, features) -> (layers, samples, classes).

    Contrastive algorithms: the layer's goodness with each label written into the input (one pass
    a class). One-pass algorithms: the layer's own class scores (one pass in all).
    """
    return in_blocks(lambda rows: algorithm.scores(network, rows), x, axis=1)


def hidden_representation(algorithm: Algorithm, network: Network, x: Samples) -> Array:
    """Normalised activity of the last layer, without a label: (samples, units)."""

    def last(rows: Array) -> Array:
        for activity in activities(network, algorithm.neutral(rows)):
            top = activity
        return network.between_norm.value(top)

    return in_blocks(last, x, axis=0)


def read_out(scores: Array, readout: str) -> Array:
    """Combine layers, (layers, samples, classes) -> (samples, classes).

    "last": the last layer alone. "sum": all layers. "sum-without-first": all but the first, as
    Hinton's energy test does (a single layer counts all the same).

    Examples
    --------
    >>> import numpy as np
    >>> read_out(np.array([[[1.0, 0.0]], [[0.0, 3.0]]]), "sum")
    array([[1., 3.]])
    """
    require(
        readout in READOUTS,
        f"readout must be one of {', '.join(READOUTS)}, got {readout!r}",
    )
    if readout == "last":
        return scores[-1]
    if readout == "sum-without-first" and len(scores) > 1:
        return scores[1:].sum(axis=0)
    return scores.sum(axis=0)


READOUTS = ("last", "sum", "sum-without-first")


def in_blocks(
    function: Callable[[Array], NDArray[Scalar]], x: Samples, *, axis: int
) -> NDArray[Scalar]:
    """Apply `function` to blocks of rows and join the results along `axis`, to bound memory."""
    return np.concatenate([function(rows) for rows in blocks(x, ROWS_AT_ONCE)], axis=axis)
