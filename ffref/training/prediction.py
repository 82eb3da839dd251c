"""Prediction: class scores of every layer, and how they are read out."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ffref._checks import require
from ffref.data import Samples, blocks
from ffref.layers import ROWS_AT_ONCE
from ffref.training.algorithm import Algorithm
from ffref.training.network import Network, passes, rows_at_once
from ffref.types import Array

Scalar = TypeVar("Scalar", bound=np.generic)


def layer_scores(algorithm: Algorithm, network: Network, x: Samples) -> Array:
    """Score of each class in each layer, (samples, features) -> (layers, samples, classes).

    Contrastive algorithms: the layer's goodness with each label written into the input (one pass
    a class). One-pass algorithms: the layer's own class scores (one pass in all).
    """
    rows = rows_at_once(network)
    return in_blocks(lambda part: algorithm.scores(network, part), x, axis=1, rows=rows)


def hidden_representation(algorithm: Algorithm, network: Network, x: Samples) -> Array:
    """Normalised features of the last layer, without a label: (samples, units)."""

    def last(rows: Array) -> Array:
        for passed in passes(network, algorithm.neutral(rows)):
            top = passed.features
        return network.between_norm.value(top)

    return in_blocks(last, x, axis=0, rows=rows_at_once(network))


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
    function: Callable[[Array], NDArray[Scalar]],
    x: Samples,
    *,
    axis: int,
    rows: int = ROWS_AT_ONCE,
) -> NDArray[Scalar]:
    """Apply `function` to blocks of rows and join the results along `axis`, to bound memory."""
    return np.concatenate([function(block) for block in blocks(x, rows)], axis=axis)
