"""Batch normalisation: the passes over memory, for rows (samples, or pixels) of channels.

Derivation: docs/derivations/batch_norm.md, equations BN.1 to BN.12.

All sums run in float64, whatever the arrays hold, and statistics stay in float64: a mean of 1e4
rounded to float32 would move every centred value by up to 5e-4. Results are rounded once, at
their end. Rows are summed in blocks whose length depends on the number of channels alone, and
block sums are added in order: so bits do not depend on the number of threads.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ffref._checks import check_floating, require
from ffref.kernels._jit import kernel
from ffref.kernels.places import check_same_dtype, readable
from ffref.kernels.threads import run_over_rows
from ffref.types import Array

SERIAL_BELOW = 1 << 17
"""Numbers below which handing work to a second thread costs more than it saves."""

BLOCK_NUMBERS = 1 << 14
"""Numbers of a block: it is read twice, the second time from the second-level cache."""
FEWEST_ROWS, MOST_ROWS = 16, 1024
"""Of a block: not so few that sums of blocks cost as much, not so many that one sum gets long."""


@kernel
def block_moments(
    x: Array, origin: Array, means: Array, squares: Array, rows: int, start: int, stop: int
) -> None:
    """Mean of x - origin, and sum of squares about it, in each of the blocks start .. stop."""
    for block in range(start, stop):
        first, last = block * rows, min((block + 1) * rows, len(x))
        means[block] = 0
        squares[block] = 0
        for r in range(first, last):
            for c in range(x.shape[1]):
                means[block, c] += np.float64(x[r, c]) - origin[c]
        for c in range(x.shape[1]):
            means[block, c] /= last - first
        for r in range(first, last):
            for c in range(x.shape[1]):
                gap = (np.float64(x[r, c]) - origin[c]) - means[block, c]
                squares[block, c] += gap * gap


@kernel
def merge_moments(
    origin: Array, means: Array, squares: Array, rows: int, count: int,
    mean: Array, variance: Array,
) -> None:  # fmt: skip
    """Mean and variance of all rows, from those of the blocks, blocks in rising order."""
    mean[:] = 0
    variance[:] = 0
    for block in range(len(means)):
        size = min(rows, count - block * rows)
        for c in range(means.shape[1]):
            mean[c] += size * means[block, c]
    for c in range(means.shape[1]):
        mean[c] /= count
    for block in range(len(means)):
        size = min(rows, count - block * rows)
        for c in range(means.shape[1]):
            gap = means[block, c] - mean[c]
            variance[c] += squares[block, c] + size * gap * gap
    for c in range(means.shape[1]):
        mean[c] += origin[c]  # (BN.1)
        variance[c] /= count  # (BN.2)


@kernel
def normalize_loop(
    x: Array, mean: Array, inverse: Array, scale: Array, shift: Array, floor: float, out: Array,
    start: int, stop: int,
) -> None:  # fmt: skip
    """Centre, divide, scale and shift the rows start .. stop; NaN stays, -infinity is no floor."""
    for r in range(start, stop):
        for c in range(x.shape[1]):
            z = (np.float64(x[r, c]) - mean[c]) * inverse[c]  # (BN.4)
            value = scale[c] * z + shift[c]  # (BN.5)
            out[r, c] = floor if value < floor else value


@kernel
def block_slopes(
    d_out: Array, x: Array, mean: Array, inverse: Array, sums: Array, products: Array,
    rows: int, start: int, stop: int,
) -> None:  # fmt: skip
    """Sums of d_out, and of d_out times the normalised value, in the blocks start .. stop."""
    for block in range(start, stop):
        sums[block] = 0
        products[block] = 0
        for r in range(block * rows, min((block + 1) * rows, len(x))):
            for c in range(x.shape[1]):
                upstream = np.float64(d_out[r, c])
                z = (np.float64(x[r, c]) - mean[c]) * inverse[c]
                sums[block, c] += upstream  # (BN.8)
                products[block, c] += upstream * z  # (BN.9)


@kernel
def pull_back_loop(
    d_out: Array, x: Array, mean: Array, inverse: Array, slope: Array,
    mean_slope: Array, mean_product: Array, d_x: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """Derivative in the rows start .. stop of x; `slope` is scale * inverse."""
    for r in range(start, stop):
        for c in range(x.shape[1]):
            z = (np.float64(x[r, c]) - mean[c]) * inverse[c]
            tangent = (np.float64(d_out[r, c]) - mean_slope[c]) - z * mean_product[c]
            d_x[r, c] = slope[c] * tangent  # (BN.10)


@kernel
def block_sums(x: Array, sums: Array, rows: int, start: int, stop: int) -> None:
    """Sums of the rows in each of the blocks start .. stop."""
    for block in range(start, stop):
        sums[block] = 0
        for r in range(block * rows, min((block + 1) * rows, len(x))):
            for c in range(x.shape[1]):
                sums[block, c] += np.float64(x[r, c])


@kernel
def add_blocks(blocks: Array, out: Array) -> None:
    """Sum of the rows of `blocks`, in rising order."""
    out[:] = 0
    for block in range(len(blocks)):
        for c in range(len(out)):
            out[c] += blocks[block, c]


def channel_moments(x: Array) -> tuple[Array, Array]:
    """Mean and population variance of each column, in float64.

    mean_c = sum_r x_rc / rows, variance_c = sum_r (x_rc - mean_c)^2 / rows

    Parameters
    ----------
    x : (rows, channels) float32 or float64, at least one row

    Returns
    -------
    mean, variance : (channels,) float64 whatever x holds

    Raises
    ------
    ValueError
        If x is no matrix of floating numbers, or has no row.

    Examples
    --------
    >>> import numpy as np
    >>> channel_moments(np.array([[1.0], [3.0]]))
    (array([2.]), array([1.]))
    """
    _check_rows(x, "x")
    require(len(x) > 0, f"the mean of no rows is undefined, got x of shape {x.shape}")
    source, rows = readable(x), _rows_a_block(x)
    # values about the first one: no digits are lost to a mean that is far from zero
    origin = np.where(np.isfinite(source[0]), source[0], 0).astype(np.float64)
    means, squares = _blocks(x, rows), _blocks(x, rows)
    _over(
        lambda start, stop: block_moments(source, origin, means, squares, rows, start, stop),
        len(means), x.size,
    )  # fmt: skip
    mean, variance = np.empty_like(origin), np.empty_like(origin)
    merge_moments(origin, means, squares, rows, len(x), mean, variance)
    return mean, variance


def normalize_channels(
    x: Array, mean: Array, inverse: Array, scale: Array, shift: Array, *, floor: float = -np.inf
) -> Array:
    """out_rc = scale_c (x_rc - mean_c) inverse_c + shift_c, (rows, channels) -> same.

    `mean` and `inverse`, 1 / standard deviation, may be float64 where x is float32. What is below
    `floor` becomes `floor`: with 0, a relu in the same pass.
    """
    _check_rows(x, "x")
    mean, inverse, scale, shift = _vectors(x, mean, inverse, scale, shift)
    source, out = readable(x), np.empty(x.shape, x.dtype)
    _over(
        lambda start, stop: normalize_loop(
            source, mean, inverse, scale, shift, floor, out, start, stop
        ),
        len(x), x.size,
    )  # fmt: skip
    return out


def channel_slopes(d_out: Array, x: Array, mean: Array, inverse: Array) -> tuple[Array, Array]:
    """Return sum_r d_out_rc and sum_r d_out_rc z_rc, z_rc = (x_rc - mean_c) inverse_c; float64."""
    _check_pair(d_out, x)
    mean, inverse = _vectors(x, mean, inverse)
    upstream, source, rows = readable(d_out), readable(x), _rows_a_block(x)
    sums, products = _blocks(x, rows), _blocks(x, rows)
    _over(
        lambda start, stop: block_slopes(
            upstream, source, mean, inverse, sums, products, rows, start, stop
        ),
        len(sums), x.size,
    )  # fmt: skip
    return _added(sums), _added(products)


def normalize_channels_grad(
    d_out: Array, x: Array, mean: Array, inverse: Array,
    slope: Array, mean_slope: Array, mean_product: Array,
) -> Array:  # fmt: skip
    """d_x_rc = slope_c (d_out_rc - mean_slope_c - z_rc mean_product_c), z as in `channel_slopes`.

    With zeros for the last two, the derivative where mean and deviation are constants.
    """
    _check_pair(d_out, x)
    slope, mean_slope, mean_product = _vectors(x, slope, mean_slope, mean_product)
    mean, inverse = _vectors(x, mean, inverse)
    upstream, source, d_x = readable(d_out), readable(x), np.empty(x.shape, x.dtype)
    _over(
        lambda start, stop: pull_back_loop(
            upstream, source, mean, inverse, slope, mean_slope, mean_product, d_x, start, stop
        ),
        len(x), x.size,
    )  # fmt: skip
    return d_x


def channel_sums(x: Array) -> Array:
    """Sum of the rows, (rows, channels) -> (channels,), in the dtype of x; 0 for no rows.

    The terms are added in float64: in float32, the sum of the 65536 pixels of a batch would keep
    only a few digits.

    Examples
    --------
    >>> import numpy as np
    >>> channel_sums(np.array([[1.0, 2.0], [3.0, 5.0]]))
    array([4., 7.])
    """
    _check_rows(x, "x")
    source, rows = readable(x), _rows_a_block(x)
    sums = _blocks(x, rows)
    _over(lambda start, stop: block_sums(source, sums, rows, start, stop), len(sums), x.size)
    return _added(sums).astype(x.dtype)


def _rows_a_block(x: Array) -> int:
    return min(MOST_ROWS, max(FEWEST_ROWS, BLOCK_NUMBERS // max(1, x.shape[1])))


def _blocks(x: Array, rows: int) -> Array:
    return np.empty((-(-len(x) // rows), x.shape[1]), np.float64)


def _added(blocks: Array) -> Array:
    out = np.empty(blocks.shape[1], np.float64)
    add_blocks(blocks, out)
    return out


def _over(job: Callable[[int, int], None], parts: int, numbers: int) -> None:
    """Run `job(start, stop)` over rows or blocks, in threads where that pays."""
    if numbers < SERIAL_BELOW:
        job(0, parts)
    else:
        run_over_rows(job, parts)


def _check_rows(x: object, name: str) -> None:
    if not (isinstance(x, np.ndarray) and x.ndim == 2):
        raise ValueError(
            f"{name} must be an array of shape (rows, channels), got "
            f"{getattr(x, 'shape', type(x).__name__)}; reshape images to (-1, channels)"
        )
    check_floating(x, name)


def _check_pair(d_out: object, x: Array) -> None:
    _check_rows(x, "x")
    if not (isinstance(d_out, np.ndarray) and d_out.shape == x.shape):
        raise ValueError(
            f"d_out must have the shape of x, {x.shape}, got "
            f"{getattr(d_out, 'shape', type(d_out).__name__)}"
        )
    check_same_dtype(d_out, x, "d_out and x")


def _vectors(x: Array, *vectors: Array) -> tuple[Any, ...]:
    """Vectors of one number a channel, in float64."""
    for vector in vectors:
        if np.shape(vector) != (x.shape[1],):
            raise ValueError(
                f"x has {x.shape[1]} channels and takes vectors of shape ({x.shape[1]},), got "
                f"{np.shape(vector)}"
            )
    return tuple(np.require(vector, np.float64, ["C", "A"]) for vector in vectors)
