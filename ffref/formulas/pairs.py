"""Pairs of a positive and a negative row: their margin, and its way back to both rows.

Derivation: docs/derivations/formulas.md, equations PAIR.1 and PAIR.2.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffref.types import Array


class Pairs(NamedTuple):
    """Row numbers of the pairs of a batch, in the order of their positive rows."""

    positive: NDArray[np.int64]
    """(pairs,)"""
    negative: NDArray[np.int64]
    """(pairs,)"""


def pair_rows(polarity: Array, partner: NDArray[np.int64]) -> Pairs:
    """Rows of the pairs that `LayerContext.partner` names; rows without a partner are in none.

    Parameters
    ----------
    polarity : (batch,) of +1 and -1
    partner : (batch,) whole numbers
        Row number of the other row of the pair; -1 where there is none.

    Raises
    ------
    ValueError
        If a partner is no row of the batch, is not mutual or has the same polarity, or if there
        is no pair at all.

    Examples
    --------
    >>> import numpy as np
    >>> pair_rows(np.array([1.0, 1.0, -1.0, -1.0]), np.array([3, -1, -1, 0]))
    Pairs(positive=array([0]), negative=array([3]))
    """
    partner = np.asarray(partner)
    batch = len(polarity)
    if partner.shape != (batch,) or partner.dtype.kind not in "iu":
        raise ValueError(
            f"partner must be ({batch},) whole numbers, one for each row, got shape "
            f"{partner.shape} and dtype {partner.dtype}"
        )
    if partner.min() < -1 or partner.max() >= batch:
        raise ValueError(
            f"partner must lie in -1 .. {batch - 1} (-1: no partner), got {partner.min()} .. "
            f"{partner.max()}"
        )
    positive = np.flatnonzero((polarity > 0) & (partner >= 0))
    negative = partner[positive]
    mutual = np.array_equal(partner[negative], positive) and bool(np.all(polarity[negative] < 0))
    if not mutual or np.count_nonzero(partner >= 0) != 2 * len(positive):
        raise ValueError(
            "each partner must be a row of the other polarity that names this row as its own; "
            "ffref.negatives.paired_context makes such a context"
        )
    if len(positive) == 0:
        raise ValueError(
            "no row has a partner, and a loss of pairs is a mean over pairs; give positive and "
            "negative rows and their partners"
        )
    return Pairs(positive, negative)


def pair_margin(goodness: Array, pairs: Pairs) -> Array:
    """m_p = g of the positive row - g of the negative row, (batch,) -> (pairs,).

    Examples
    --------
    >>> import numpy as np
    >>> pair_margin(np.array([5.0, 3.0]), Pairs(np.array([0]), np.array([1])))
    array([2.])
    """
    return goodness[pairs.positive] - goodness[pairs.negative]  # (PAIR.1)


def pair_margin_vjp(d_margin: Array, pairs: Pairs, batch: int) -> Array:
    """Pull-back of `pair_margin`, (pairs,) -> (batch,): +d, -d, and 0 for a row in no pair.

    Examples
    --------
    >>> import numpy as np
    >>> pair_margin_vjp(np.array([0.5]), Pairs(np.array([2]), np.array([0])), batch=3)
    array([-0.5,  0. ,  0.5])
    """
    d_goodness = np.zeros(batch, d_margin.dtype)
    d_goodness[pairs.positive] = d_margin  # (PAIR.2)
    d_goodness[pairs.negative] = -d_margin  # (PAIR.2)
    return d_goodness
