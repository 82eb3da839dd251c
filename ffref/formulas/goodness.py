"""Goodness: a layer's score of each sample, and its derivative.

Derivation: docs/derivations/formulas.md, equations GOOD.1 to GOOD.4. Sum and mean are two
functions, because a threshold that belongs to one is off by a factor `units` for the other. With
rows of root mean square 1 the goodness starts near the threshold for {sum, units} and {mean, 1 to
2}; with rows of length 1, {mean, 2} starts thousands of times below it. The negatives are for
networks that give positive samples a low activity (Hinton 2022, CIFAR-10, "min ssq").
"""

from ffref.formulas.norms import row_dot
from ffref.types import Array, Goodness


def sum_of_squares(activity: Array) -> Array:
    """g_i = sum_j y_ij^2, (batch, units) -> (batch,). Source: Hinton (2022), equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> sum_of_squares(np.array([[1.0, 2.0]]))
    array([5.])
    """
    return row_dot(activity, activity)  # (GOOD.1)


def sum_of_squares_grad(activity: Array) -> Array:
    """d g_i / d y_ij = 2 y_ij."""
    return 2 * activity  # (GOOD.2)


def mean_of_squares(activity: Array) -> Array:
    """g_i = mean_j y_ij^2, (batch, units) -> (batch,).

    Examples
    --------
    >>> import numpy as np
    >>> mean_of_squares(np.array([[1.0, 2.0]]))
    array([2.5])
    """
    return row_dot(activity, activity) / activity.dtype.type(activity.shape[1])  # (GOOD.3)


def mean_of_squares_grad(activity: Array) -> Array:
    """d g_i / d y_ij = 2 y_ij / units."""
    return activity * activity.dtype.type(2 / activity.shape[1])  # (GOOD.4)


def negative_sum_of_squares(activity: Array) -> Array:
    """g_i = -sum_j y_ij^2: a low activity is good."""
    return -sum_of_squares(activity)


def negative_sum_of_squares_grad(activity: Array) -> Array:
    """d g_i / d y_ij = -2 y_ij."""
    return -sum_of_squares_grad(activity)


def negative_mean_of_squares(activity: Array) -> Array:
    """g_i = -mean_j y_ij^2: a low activity is good."""
    return -mean_of_squares(activity)


def negative_mean_of_squares_grad(activity: Array) -> Array:
    """d g_i / d y_ij = -2 y_ij / units."""
    return -mean_of_squares_grad(activity)


SUM_OF_SQUARES = Goodness(sum_of_squares, sum_of_squares_grad)
MEAN_OF_SQUARES = Goodness(mean_of_squares, mean_of_squares_grad)
NEGATIVE_SUM_OF_SQUARES = Goodness(negative_sum_of_squares, negative_sum_of_squares_grad)
NEGATIVE_MEAN_OF_SQUARES = Goodness(negative_mean_of_squares, negative_mean_of_squares_grad)

GOODNESS = {
    "sum": SUM_OF_SQUARES,
    "mean": MEAN_OF_SQUARES,
    "negative-sum": NEGATIVE_SUM_OF_SQUARES,
    "negative-mean": NEGATIVE_MEAN_OF_SQUARES,
}
"""Goodness by the names that estimators and the command line use."""
