"""Mean and variance of each feature in one pass over samples that come in blocks."""

from collections.abc import Iterable

import numpy as np

from ffref._checks import require
from ffref.kernels import channel_moments
from ffref.types import Array


def feature_moments(blocks: Iterable[Array]) -> tuple[Array, Array]:
    """Mean and population variance of each feature over all blocks, in float64.

    The moments of two sets of rows give those of both; share = rows_b / (rows_a + rows_b):

    gap = mean_b - mean_a,  mean = mean_a + share gap
    variance = (1 - share) variance_a + share variance_b + share (1 - share) gap^2

    Nothing large is subtracted from anything large, so that no digits are lost to a mean far from
    zero. Source: Chan, Golub & LeVeque (1983), The American Statistician 37(3).

    Parameters
    ----------
    blocks : iterable of (rows, features) float32 or float64

    Returns
    -------
    mean, variance : (features,) float64

    Raises
    ------
    ValueError
        If there is no block, or features differ in number.

    Examples
    --------
    >>> import numpy as np
    >>> feature_moments([np.array([[1.0], [2.0]]), np.array([[6.0]])])
    (array([3.]), array([4.66666667]))
    """
    rows = 0
    mean: Array = np.empty(0)
    variance: Array = np.empty(0)
    for block in blocks:
        own_mean, own_variance = channel_moments(block)
        if rows == 0:
            rows, mean, variance = len(block), own_mean, own_variance
            continue
        require(
            len(own_mean) == len(mean),
            f"all blocks must have {len(mean)} features, got one with {len(own_mean)}",
        )
        share = len(block) / (rows + len(block))
        gap = own_mean - mean
        rows += len(block)
        variance = (1 - share) * variance + share * own_variance + share * (1 - share) * gap**2
        mean = mean + share * gap
    require(rows > 0, "the mean of no samples is undefined; pass at least one block")
    return mean, variance
