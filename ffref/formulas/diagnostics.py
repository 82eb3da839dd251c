"""What to watch in each layer besides its loss: numbers that show a collapsed layer.

Accuracy of the whole network can stay high while a layer has stopped to tell positives from
negatives, or while most of its units are silent.
"""

from typing import NamedTuple

import numpy as np

from ffref._checks import check_matrix, require
from ffref.types import Array, LayerContext


class LayerDiagnostics(NamedTuple):
    """One layer on one batch; nan where a batch has no rows of that kind."""

    pairwise_error: float
    positive_goodness: float
    """mean over positive rows"""
    negative_goodness: float
    """mean over negative rows"""
    dead_units: float
    """share of units that are silent on every row"""


def pairwise_error(positive_goodness: Array, negative_goodness: Array) -> float:
    """Share of pairs whose negative has the higher goodness; a tie counts half.

    mean_i ([g-_i > g+_i] + [g-_i = g+_i] / 2)

    0: every pair is told apart; 1/2: chance. Source: `pairsumerrs` of the Matlab code of Hinton
    (2022), a count without ties.

    Parameters
    ----------
    positive_goodness, negative_goodness : (pairs,)

    Returns
    -------
    float
        nan if there is no pair, or a goodness is nan.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> pairwise_error(np.array([3.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0]))
    0.5
    """
    positive, negative = np.asarray(positive_goodness), np.asarray(negative_goodness)
    require(
        positive.ndim == 1 and positive.shape == negative.shape,
        f"goodness of positives and negatives must be (pairs,) each, got shapes "
        f"{positive.shape} and {negative.shape}",
    )
    if positive.size == 0 or np.isnan(positive).any() or np.isnan(negative).any():
        return float("nan")
    return float((negative > positive).mean() + (negative == positive).mean() / 2)


def mean_goodness(goodness: Array, polarity: Array) -> tuple[float, float]:
    """Mean goodness of positive and of negative rows; nan for a side without rows.

    Parameters
    ----------
    goodness : (batch,)
    polarity : (batch,) of +1 and -1

    Examples
    --------
    >>> import numpy as np
    >>> mean_goodness(np.array([5.0, 3.0, 1.0]), np.array([1.0, 1.0, -1.0]))
    (4.0, 1.0)
    """
    goodness, polarity = np.asarray(goodness), np.asarray(polarity)
    require(
        goodness.ndim == 1 and goodness.shape == polarity.shape,
        f"goodness and polarity must be (batch,) each, got shapes {goodness.shape} and "
        f"{polarity.shape}",
    )
    return _mean(goodness[polarity > 0]), _mean(goodness[polarity < 0])


def dead_unit_share(activity: Array) -> float:
    """Share of units that are silent on every row of the batch, (batch, units).

    A unit with a nan is not silent.

    Examples
    --------
    >>> import numpy as np
    >>> dead_unit_share(np.array([[0.0, 1.0], [0.0, 0.0]]))
    0.5
    """
    check_matrix(activity, "activity")
    return float(1 - (activity != 0).any(axis=0).mean())


def layer_diagnostics(activity: Array, goodness: Array, context: LayerContext) -> LayerDiagnostics:
    """All of the above for one layer, whose rows are paired as `context.partner` says.

    Parameters
    ----------
    activity : (batch, units)
    goodness : (batch,)
    context : LayerContext

    Examples
    --------
    >>> import numpy as np
    >>> from ffref.negatives import paired_context
    >>> y = np.array([[3.0, 0.0], [1.0, 0.0]])  # a positive row and its negative
    >>> context = paired_context(np.array([0]), y.dtype)
    >>> layer_diagnostics(y, np.array([9.0, 1.0]), context)
    LayerDiagnostics(pairwise_error=0.0, positive_goodness=9.0, negative_goodness=1.0, \
dead_units=0.5)
    """
    paired = (context.polarity > 0) & (context.partner >= 0)
    return LayerDiagnostics(
        pairwise_error(goodness[paired], goodness[context.partner[paired]]),
        *mean_goodness(goodness, context.polarity),
        dead_unit_share(activity),
    )


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
