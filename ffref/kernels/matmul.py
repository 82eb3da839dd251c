"""Matrix products: plain, first factor transposed, second factor transposed.

Values and bits: each element is one sum over k in rising order, whatever the number of rows or
threads, so a row's result does not depend on its batch.
"""

import numpy as np

from ffref._checks import require
from ffref.kernels.loops import matmul_rows
from ffref.kernels.threads import run_over_rows
from ffref.types import Array

SERIAL_BELOW = 1 << 18
"""Multiply-adds below which handing work to a second thread costs more than it saves."""


def matmul(a: Array, b: Array) -> Array:
    """Matrix product, out[i, j] = sum_k a[i, k] b[k, j].

    Parameters
    ----------
    a : (m, k) float32 or float64
    b : (k, n) same dtype

    Returns
    -------
    (m, n) same dtype

    Raises
    ------
    ValueError
        If a factor is no matrix, the inner sizes differ, or the dtypes differ.

    Examples
    --------
    >>> import numpy as np
    >>> matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    _check_factors(a, b, "matmul(a, b)", a_axis=1, b_axis=0)
    return _product(a, b)


def matmul_tn(a: Array, b: Array) -> Array:
    """Matrix product with the first factor transposed, out[i, j] = sum_k a[k, i] b[k, j].

    a (k, m), b (k, n) -> (m, n): the form of a weight gradient, x.T @ d_preactivation.
    """
    _check_factors(a, b, "matmul_tn(a, b)", a_axis=0, b_axis=0)
    return _product(a.T, b)


def matmul_nt(a: Array, b: Array) -> Array:
    """Matrix product with the second factor transposed, out[i, j] = sum_k a[i, k] b[j, k].

    a (m, k), b (n, k) -> (m, n): the form of similarities, activity @ prototypes.T.
    """
    _check_factors(a, b, "matmul_nt(a, b)", a_axis=1, b_axis=1)
    return _product(a, b.T)


def _product(a: Array, b: Array) -> Array:
    b = np.ascontiguousarray(b)
    out = np.empty((a.shape[0], b.shape[1]), a.dtype)
    if out.size * a.shape[1] < SERIAL_BELOW:
        matmul_rows(a, b, out, 0, len(out))
    else:
        run_over_rows(lambda start, stop: matmul_rows(a, b, out, start, stop), len(out))
    return out


def _check_factors(a: Array, b: Array, call: str, *, a_axis: int, b_axis: int) -> None:
    require(
        isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.ndim == 2 and b.ndim == 2,
        f"{call} takes two matrices, got {np.ndim(a)} and {np.ndim(b)} axes; "
        f"reshape a vector to (1, n) or (n, 1)",
    )
    require(
        a.dtype == b.dtype and a.dtype in (np.float32, np.float64),
        f"{call} takes two factors of one dtype, float32 or float64, got {a.dtype} and "
        f"{b.dtype}; convert one with .astype",
    )
    require(
        a.shape[a_axis] == b.shape[b_axis],
        f"{call} sums over axis {a_axis} of a and axis {b_axis} of b, which must be equally "
        f"long, got shapes {a.shape} and {b.shape}",
    )
