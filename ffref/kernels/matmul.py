"""Matrix products: plain, first factor transposed, second factor transposed.

Values and bits: each element is one sum over k in rising order, whatever the number of rows or
threads, so a row's result does not depend on its batch.
"""

from collections.abc import Callable

import numpy as np

from ffref.kernels.host import PLAIN
from ffref.kernels.loops import matmul_rows
from ffref.kernels.products import PACK_FROM_ROWS, Matrix, direct_product, packed_product
from ffref.kernels.threads import get_threads, run_over_rows
from ffref.kernels.tile import ROWS, SHAPE
from ffref.types import Array

_FLOATING = (np.dtype(np.float32), np.dtype(np.float64))

SERIAL_BELOW = 1 << 24
"""Multiply-adds below which handing work to a second thread costs more than it saves: a third of
a millisecond of one thread, of which two would save half less 0.1 to 0.2 for waking the second."""

ROWS_OF_READING = 16
"""Reading b from memory takes about as long as multiplying it by that many rows."""

FEWEST_COLUMNS = 96
"""Fewest columns that are worth a thread of their own."""

NARROW = 32
"""Columns below which a product is narrow: most lanes of the vectors of columns are idle."""


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
    rows, columns = a.shape[0], b.shape[1]
    if columns < NARROW < rows and a.strides[0] == a.itemsize and not PLAIN:
        # the transposed product: a, which would have to be packed, is read where it is
        return np.ascontiguousarray(_product(b.T, a.T).T)
    out = np.empty((rows, columns), a.dtype)
    run = _plain_job(a, b, out) if PLAIN else _tile_job(a, b, out)
    if (rows + ROWS_OF_READING) * columns * a.shape[1] < SERIAL_BELOW or get_threads() == 1:
        run(0, rows, 0, columns)
    elif PLAIN or _is_cut_between_rows(a, columns):
        run_over_rows(lambda start, stop: run(start, stop, 0, columns), rows, multiple=ROWS)
    else:
        multiple = SHAPE.vector_bytes // out.itemsize
        run_over_rows(lambda start, stop: run(0, rows, start, stop), columns, multiple=multiple)
    return out


def _is_cut_between_rows(a: Array, columns: int) -> bool:
    """Whether threads get ranges of rows, else of columns.

    Each thread packs its columns of b: with cuts between rows all threads would pack all of b.
    But with cuts between columns they all pack all of a, if a has to be packed.
    """
    return columns < get_threads() * FEWEST_COLUMNS or (_is_packed(a) and 2 * len(a) > columns)


def _plain_job(a: Array, b: Array, out: Array) -> Callable[[int, int, int, int], None]:
    b = np.ascontiguousarray(b)
    return lambda row, row_stop, _column, _column_stop: matmul_rows(a, b, out, row, row_stop)


def _tile_job(a: Array, b: Array, out: Array) -> Callable[[int, int, int, int], None]:
    a, b = _addressable(a), _addressable(b)
    packs = len(a) >= PACK_FROM_ROWS or _is_packed(b)
    product = packed_product if packs else direct_product
    return lambda row, row_stop, column, column_stop: product(
        out, _numbers(a), _numbers(b), a.shape[1], row, row_stop, column, column_stop
    )


def _addressable(matrix: Array) -> Array:
    """The matrix itself, or a copy where its elements do not lie on multiples of their size."""
    return matrix if matrix.flags.aligned else matrix.copy()


def _is_packed(matrix: Array) -> bool:
    """Whether a product has to pack the matrix: the neighbours in a row are none in memory."""
    return matrix.strides[1] != matrix.itemsize


def _numbers(matrix: Array) -> Matrix:
    """Address, bytes to the next row, bytes to the next column."""
    row, column = matrix.strides
    return matrix.ctypes.data, row, column


def _check_factors(a: object, b: object, call: str, *, a_axis: int, b_axis: int) -> None:
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.ndim == b.ndim == 2):
        raise ValueError(
            f"{call} takes two matrices, got {_axes(a)} and {_axes(b)} axes; "
            f"reshape a vector to (1, n) or (n, 1)"
        )
    if a.dtype != b.dtype or a.dtype not in _FLOATING:
        raise ValueError(
            f"{call} takes two factors of one dtype, float32 or float64, got {a.dtype} and "
            f"{b.dtype}; convert one with .astype"
        )
    if a.shape[a_axis] != b.shape[b_axis]:
        raise ValueError(
            f"{call} sums over axis {a_axis} of a and axis {b_axis} of b, which must be equally "
            f"long, got shapes {a.shape} and {b.shape}"
        )


def _axes(factor: object) -> int:
    return np.asarray(factor).ndim
