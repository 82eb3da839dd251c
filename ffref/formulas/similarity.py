"""Similarities between two sets of rows, and their pull-backs.

Derivation: docs/derivations/formulas.md, equations SIM.1 to SIM.9. Larger is more alike. On rows
of one length the first three rank alike: dot is the cosine times the squared length, and the
negative squared distance is twice the dot product, less twice the squared length.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ffref._checks import check_matrix, require
from ffref.formulas.norms import l2_normalize, l2_normalize_vjp, row_dot
from ffref.kernels import matmul, matmul_nt, matmul_tn
from ffref.types import Array, Params


class Similarity(NamedTuple):
    """How alike two sets of rows are; `params` are the arrays that it learns, `()` for most."""

    value: Callable[[Array, Array, Params], Array]
    """(a (batch, units), b (others, units), params) -> (batch, others)"""
    vjp: Callable[[Array, Array, Array, Params], tuple[Array, Array, Params]]
    """(d_out (batch, others), a, b, params) -> (d_a, d_b, d_params)"""
    learned: int
    """how many arrays `params` holds"""


def cosine_similarity(a: Array, b: Array) -> Array:
    """cos_nm = a_n . b_m / (||a_n|| ||b_m||); 0 where a row is zero.

    Parameters
    ----------
    a : (batch, units) float32 or float64
    b : (others, units) same dtype

    Returns
    -------
    (batch, others) same dtype

    Examples
    --------
    >>> import numpy as np
    >>> cosine_similarity(np.array([[3.0, 4.0]]), np.array([[2.0, 0.0], [0.0, 9.0]]))
    array([[0.6, 0.8]])
    """
    _check_rows(a, b, "cosine_similarity")
    return matmul_nt(l2_normalize(a), l2_normalize(b))  # (SIM.1)


def cosine_similarity_vjp(d_out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Pull-back of `cosine_similarity`, d_out (batch, others) -> (d_a, d_b)."""
    d_direction_a = matmul(d_out, l2_normalize(b))
    d_direction_b = matmul_tn(d_out, l2_normalize(a))
    return l2_normalize_vjp(d_direction_a, a), l2_normalize_vjp(d_direction_b, b)  # (SIM.2)


def dot_similarity(a: Array, b: Array) -> Array:
    """s_nm = a_n . b_m, (batch, units) and (others, units) -> (batch, others).

    Examples
    --------
    >>> import numpy as np
    >>> dot_similarity(np.array([[3.0, 4.0]]), np.array([[2.0, 0.0], [0.0, 9.0]]))
    array([[ 6., 36.]])
    """
    _check_rows(a, b, "dot_similarity")
    return matmul_nt(a, b)  # (SIM.3)


def dot_similarity_vjp(d_out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Pull-back of `dot_similarity`, d_out (batch, others) -> (d_a, d_b)."""
    return matmul(d_out, b), matmul_tn(d_out, a)  # (SIM.4)


def negative_squared_distance(a: Array, b: Array) -> Array:
    """s_nm = -||a_n - b_m||^2, (batch, units) and (others, units) -> (batch, others).

    The origin is moved to the mean of b first, which changes no distance and keeps digits where
    all rows lie far off; close rows still lose those of their common part.

    Examples
    --------
    >>> import numpy as np
    >>> negative_squared_distance(np.array([[3.0, 4.0]]), np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[  0., -25.]])
    """
    _check_rows(a, b, "negative_squared_distance")
    a, b = _around_mean(a, b)
    squares = row_dot(a, a)[:, None] + row_dot(b, b)
    return np.minimum(2 * matmul_nt(a, b) - squares, 0)  # (SIM.5)


def negative_squared_distance_vjp(d_out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Pull-back of `negative_squared_distance`, d_out (batch, others) -> (d_a, d_b)."""
    a, b = _around_mean(a, b)
    d_a = 2 * (matmul(d_out, b) - a * d_out.sum(axis=1)[:, None])
    d_b = 2 * (matmul_tn(d_out, a) - b * d_out.sum(axis=0)[:, None])
    return d_a, d_b  # (SIM.6)


def mahalanobis_similarity(a: Array, b: Array, factor: Array) -> Array:
    """s_nm = -||(a_n - b_m) F||^2: a squared distance whose metric F F' is learned.

    Parameters
    ----------
    a : (batch, units) float32 or float64
    b : (others, units) same dtype
    factor : (units, rank) same dtype
        F. The identity gives `negative_squared_distance`.

    Returns
    -------
    (batch, others) same dtype, nowhere above 0

    Raises
    ------
    ValueError
        If `factor` is no (units, rank).

    Examples
    --------
    >>> import numpy as np
    >>> a, b = np.array([[3.0, 4.0]]), np.array([[0.0, 0.0]])
    >>> mahalanobis_similarity(a, b, np.array([[1.0], [0.0]]))  # the first axis alone counts
    array([[-9.]])
    """
    projected_a, projected_b = _projected(a, b, factor)
    return negative_squared_distance(projected_a, projected_b)  # (SIM.7)


def mahalanobis_similarity_vjp(
    d_out: Array, a: Array, b: Array, factor: Array
) -> tuple[Array, Array, Array]:
    """Pull-back of `mahalanobis_similarity`, d_out (batch, others) -> (d_a, d_b, d_factor)."""
    projected_a, projected_b = _projected(a, b, factor)
    d_projected_a, d_projected_b = negative_squared_distance_vjp(d_out, projected_a, projected_b)
    d_a, d_b = matmul_nt(d_projected_a, factor), matmul_nt(d_projected_b, factor)  # (SIM.8)
    d_factor = matmul_tn(a, d_projected_a) + matmul_tn(b, d_projected_b)  # (SIM.9)
    return d_a, d_b, d_factor


def _fixed(
    value: Callable[[Array, Array], Array],
    vjp: Callable[[Array, Array, Array], tuple[Array, Array]],
) -> Similarity:
    """Record of a similarity without parameters."""

    def pull_back(d_out: Array, a: Array, b: Array, params: Params) -> tuple[Array, Array, Params]:
        return *vjp(d_out, a, b), ()

    return Similarity(lambda a, b, params: value(a, b), pull_back, learned=0)


def _mahalanobis_pull_back(
    d_out: Array, a: Array, b: Array, params: Params
) -> tuple[Array, Array, Params]:
    d_a, d_b, d_factor = mahalanobis_similarity_vjp(d_out, a, b, params[0])
    return d_a, d_b, (d_factor,)


COSINE = _fixed(cosine_similarity, cosine_similarity_vjp)
DOT = _fixed(dot_similarity, dot_similarity_vjp)
EUCLIDEAN = _fixed(negative_squared_distance, negative_squared_distance_vjp)
MAHALANOBIS = Similarity(
    lambda a, b, params: mahalanobis_similarity(a, b, params[0]), _mahalanobis_pull_back, learned=1
)

SIMILARITIES = {
    "cosine": COSINE,
    "dot": DOT,
    "euclidean": EUCLIDEAN,
    "mahalanobis": MAHALANOBIS,
}
"""Similarities by the names that estimators and the command line use."""


def _check_rows(a: Array, b: Array, name: str) -> None:
    require(
        a.ndim == 2 and b.ndim == 2 and a.shape[1] == b.shape[1] and a.dtype == b.dtype,
        f"{name} takes two arrays (rows, units) with equal units and dtype, got "
        f"shapes {np.shape(a)} and {np.shape(b)}, dtypes {a.dtype} and {b.dtype}",
    )


def _around_mean(a: Array, b: Array) -> tuple[Array, Array]:
    middle = b.mean(axis=0)
    return a - middle, b - middle


def _projected(a: Array, b: Array, factor: Array) -> tuple[Array, Array]:
    _check_rows(a, b, "mahalanobis_similarity")
    check_matrix(factor, "factor")
    require(
        len(factor) == a.shape[1] and factor.dtype == a.dtype,
        f"factor must be ({a.shape[1]}, rank) of dtype {a.dtype} for these rows, got shape "
        f"{factor.shape} of {factor.dtype}",
    )
    return matmul(a, factor), matmul(b, factor)
