"""A linear softmax on the normalised activities of chosen layers.

Source: Hinton (2022), arXiv:2212.13345, section 3.3: a quick prediction in one pass with a
neutral label, from all hidden layers but the first; and the official Matlab code. Derivation:
docs/derivations/readout.md, equations READ.1 to READ.5. The activities are constants: nothing of
this loss reaches the layers below.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ffref._checks import check_count, check_matrix, require
from ffref.formulas import softmax_cross_entropy, softmax_cross_entropy_grad
from ffref.kernels import matmul, matmul_tn
from ffref.types import Array, Labels, Norm


class Readout(NamedTuple):
    """The arrays of a softmax readout."""

    weights: tuple[Array, ...]
    """one for each layer that is read, (units, classes)"""
    bias: Array
    """(classes,); Hinton's code leaves it at zero"""


class ReadoutEvaluation(NamedTuple):
    """All that a training step asks of a readout, from one pass."""

    loss: float
    d_weights: tuple[Array, ...]
    d_bias: Array
    logits: Array
    """(batch, classes)"""


def zero_readout(units: Sequence[int], classes: int, dtype: np.dtype) -> Readout:
    """Readout of layers with `units` units each, all zero, as Hinton's code starts.

    Examples
    --------
    >>> import numpy as np
    >>> [weight.shape for weight in zero_readout((5, 4), 3, np.dtype("float32")).weights]
    [(5, 3), (4, 3)]
    """
    require(len(units) > 0, "a readout needs at least one layer to read, got none")
    for size in (*units, classes):
        check_count(size, "each of units and classes")
    return Readout(
        tuple(np.zeros((size, classes), dtype) for size in units), np.zeros(classes, dtype)
    )


def readout_features(
    activities: Sequence[Array], norm: Norm, *, layers: int | None = None
) -> tuple[Array, ...]:
    """Normalised activities of the layers that a readout reads, the topmost ones.

    Parameters
    ----------
    activities : sequence of (batch, units)
        From the bottom up, of the pass with the neutral label.
    norm : Norm
        `NORMS["rms"]` in Hinton's code.
    layers : int or None
        How many are read; None: all hidden ones but the first, and a single one all the same.

    Examples
    --------
    >>> import numpy as np
    >>> from ffref.formulas import NORMS
    >>> activities = [np.array([[3.0, 4.0]]), np.array([[1.0, 7.0]])]
    >>> readout_features(activities, NORMS["rms"])
    (array([[0.2, 1.4]]),)
    """
    count = max(len(activities) - 1, 1) if layers is None else layers
    read = activities[len(activities) - count :]
    return tuple(norm.value(activity) for activity in read)  # (READ.1)


def readout_logits(readout: Readout, features: Sequence[Array]) -> Array:
    """a = sum_l z_l V_l + b, (batch, classes).

    Parameters
    ----------
    readout : Readout
    features : sequence of (batch, units)
        z: one array for each of `readout.weights`, same dtype.

    Raises
    ------
    ValueError
        If number, shape or dtype of the features do not fit the readout.

    Examples
    --------
    >>> import numpy as np
    >>> readout = Readout((np.eye(2), np.array([[1.0, -1.0]])), np.array([0.0, 10.0]))
    >>> readout_logits(readout, (np.array([[1.0, 2.0]]), np.array([[3.0]])))
    array([[4., 9.]])
    """
    _check_features(readout, features)
    logits = np.tile(readout.bias, (len(features[0]), 1))
    for feature, weight in zip(features, readout.weights, strict=True):
        logits += matmul(feature, weight)  # (READ.2)
    return logits


def readout_loss(readout: Readout, features: Sequence[Array], labels: Labels) -> float:
    """Mean cross-entropy between softmax(a) and the labels.

    L = mean_i (log sum_c exp(a_ic) - a_(i, label_i)), a = `readout_logits`

    Parameters
    ----------
    readout : Readout
    features : sequence of (batch, units)
    labels : (batch,) whole numbers in 0 .. classes - 1

    Raises
    ------
    ValueError
        If the features do not fit the readout, or a label is out of range.

    See Also
    --------
    readout_loss_grads : its derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> readout = zero_readout((2,), 4, np.dtype("float64"))
    >>> round(readout_loss(readout, (np.ones((1, 2)),), np.array([3])), 6)  # log 4
    1.386294
    """
    return softmax_cross_entropy(readout_logits(readout, features), labels)  # (READ.3)


def readout_loss_grads(
    readout: Readout, features: Sequence[Array], labels: Labels
) -> tuple[tuple[Array, ...], Array]:
    """Derivatives of `readout_loss` in weights and bias, (d_weights, d_bias)."""
    evaluation = readout_evaluate(readout, features, labels)
    return evaluation.d_weights, evaluation.d_bias


def readout_evaluate(
    readout: Readout, features: Sequence[Array], labels: Labels
) -> ReadoutEvaluation:
    """Loss, derivatives and logits from one pass."""
    logits = readout_logits(readout, features)
    d_logits = softmax_cross_entropy_grad(logits, labels)
    return ReadoutEvaluation(
        softmax_cross_entropy(logits, labels),
        tuple(matmul_tn(feature, d_logits) for feature in features),  # (READ.4)
        d_logits.sum(axis=0),  # (READ.5)
        logits,
    )


def _check_features(readout: Readout, features: Sequence[Array]) -> None:
    if len(features) != len(readout.weights):
        raise ValueError(
            f"this readout reads {len(readout.weights)} layers, got {len(features)} arrays of "
            f"features; readout_features picks them from the activities"
        )
    for feature, weight in zip(features, readout.weights, strict=True):
        check_matrix(feature, "features")
        if feature.shape != (len(features[0]), len(weight)) or feature.dtype != weight.dtype:
            raise ValueError(
                f"features must be ({len(features[0])}, {len(weight)}) of {weight.dtype} for "
                f"this readout, got shape {feature.shape} of {feature.dtype}"
            )
