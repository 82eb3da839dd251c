"""What lies behind the convolution of a block, backwards: pooling, relu and normalisation at once.

Derivation: docs/derivations/block.md, equations BLOCK.12 to BLOCK.15. One by one, each of the
three would write and read an array as large as the convolution's output; here it is read twice
and overwritten once. Sums run in float64, image by image and in order, so that their bits depend
on no thread.

A derivative may come in cells: (batch, cells down, cells right, channels), each entry that of
every pixel of its cell. With as many cells as pixels that is any derivative.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ffref._checks import require
from ffref.kernels._jit import kernel
from ffref.kernels.batch_norm import SERIAL_BELOW, add_blocks
from ffref.kernels.places import Pair, check_axes, check_same_dtype, readable
from ffref.kernels.threads import run_over_rows
from ffref.types import Array

Vectors = tuple[Array, Array, Array, Array]
"""mean, inverse (1 / deviation), scale and shift of each channel, float64"""


@kernel
def gated_slopes_loop(
    d_cells: Array, x: Array, mean: Array, inverse: Array, scale: Array, shift: Array,
    sums: Array, products: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """Sums of what passes the relu, and of that times the normalised value, image by image."""
    none = x.dtype.type(0)
    down, right = x.shape[1] // d_cells.shape[1], x.shape[2] // d_cells.shape[2]
    d, gap = np.empty(x.shape[3]), np.empty(x.shape[3])
    for n in range(start, stop):
        sums[n] = 0
        products[n] = 0
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                row, column = i // down, j // right
                for c in range(x.shape[3]):
                    z = (np.float64(x[n, i, j, c]) - mean[c]) * inverse[c]
                    active = x.dtype.type(scale[c] * z + shift[c]) > none
                    d[c] = np.float64(d_cells[n, row, column, c]) if active else 0.0
                    gap[c] = z
                for c in range(x.shape[3]):
                    sums[n, c] += d[c]  # (BLOCK.13)
                for c in range(x.shape[3]):
                    products[n, c] += d[c] * gap[c]  # (BLOCK.14)


@kernel
def gated_pull_back_loop(
    d_cells: Array, index: NDArray[np.int32], x: Array,
    mean: Array, inverse: Array, scale: Array, shift: Array,
    slope: Array, mean_slope: Array, mean_product: Array,
    pool: Pair, start: int, stop: int,
) -> None:  # fmt: skip
    """Overwrite x, the weighted sums, by the derivative in them; no index where none is pooled."""
    none = x.dtype.type(0)
    pooled = index.size > 0
    places_down, places_right = x.shape[1] // pool[0], x.shape[2] // pool[1]
    down, right = places_down // d_cells.shape[1], places_right // d_cells.shape[2]
    upstream = np.empty(x.shape[3], x.dtype)
    for n in range(start, stop):
        for y in range(x.shape[1]):
            for w in range(x.shape[2]):
                i, j = y // pool[0], w // pool[1]
                row, column = i // down, j // right
                if i >= places_down or j >= places_right:
                    upstream[:] = none
                elif pooled:
                    place = np.int32(y * x.shape[2] + w)
                    for c in range(x.shape[3]):
                        d = d_cells[n, row, column, c]
                        upstream[c] = d if index[n, i, j, c] == place else none
                else:
                    for c in range(x.shape[3]):
                        upstream[c] = d_cells[n, row, column, c]
                for c in range(x.shape[3]):
                    z = (np.float64(x[n, y, w, c]) - mean[c]) * inverse[c]
                    active = x.dtype.type(scale[c] * z + shift[c]) > none
                    d_out = np.float64(upstream[c]) if active else 0.0  # (BLOCK.12)
                    tangent = (d_out - mean_slope[c]) - z * mean_product[c]
                    x[n, y, w, c] = slope[c] * tangent  # (BLOCK.15)


def gated_slopes(d_cells: Array, x: Array, vectors: Vectors) -> tuple[Array, Array]:
    """Derivatives in shift and scale of relu(scale z + shift), z = (x - mean) inverse; float64.

    Parameters
    ----------
    d_cells : (batch, cells down, cells right, channels)
        The loss's derivative in the relu's output, in cells (see above).
    x : (batch, height, width, channels) same dtype
        Of a pooled layer, the values that were taken.
    vectors : mean, inverse, scale, shift, (channels,) float64 each

    Raises
    ------
    ValueError
        If the cells do not divide the image, or shapes or dtypes do not fit together.
    """
    _check_cells(d_cells, (len(x), *x.shape[1:3]), x)
    upstream, source = readable(d_cells), readable(x)
    sums, products = (np.empty((len(x), x.shape[3])) for _ in range(2))

    def job(start: int, stop: int) -> None:
        gated_slopes_loop(upstream, source, *vectors, sums, products, start, stop)

    _over_images(job, x)
    totals = np.empty((2, x.shape[3]))
    add_blocks(sums, totals[0])
    add_blocks(products, totals[1])
    return totals[0], totals[1]


def gated_pull_back(
    d_cells: Array,
    index: NDArray[np.int32] | None,
    x: Array,
    vectors: Vectors,
    slopes: tuple[Array, Array, Array],
    *,
    pool: Pair,
) -> None:
    """Overwrite `x` by the derivative in it, of max-pooled relu(scale z + shift).

    d_x = slope (d_out - mean_slope - z mean_product), d_out: at the place of a window's winner,
    if that is active, the window's derivative; else 0.

    Parameters
    ----------
    d_cells : (batch, cells down, cells right, channels)
        The derivative in the output, in cells (see above).
    index : as `max_pool2d` returns it, int32; None without pooling
    x : (batch, height, width, channels) same dtype, contiguous
    vectors : mean, inverse, scale, shift, (channels,) float64 each
    slopes : slope, mean_slope, mean_product, (channels,) float64 each
        As in `normalize_channels_grad`.
    pool : (vertical, horizontal)
        Size and stride of the pooled windows; (1, 1) without pooling.

    Raises
    ------
    ValueError
        If the cells do not divide the output, or shapes or dtypes do not fit together.
    """
    places = (len(x), x.shape[1] // pool[0], x.shape[2] // pool[1])
    _check_cells(d_cells, places, x)
    require(x.flags.c_contiguous, "x must be contiguous: it is overwritten")
    if index is None:
        index = np.empty((0, 0, 0, 0), np.int32)
        require(pool == (1, 1), f"windows of {pool} need the index of their winners, got None")
    else:
        require(
            index.shape == (*places, x.shape[3]) and index.dtype == np.int32,
            f"index must be the int32 array of shape {(*places, x.shape[3])} that max_pool2d "
            f"returned, got shape {index.shape} of {index.dtype}",
        )
    upstream, origin = readable(d_cells), readable(index)

    def job(start: int, stop: int) -> None:
        gated_pull_back_loop(upstream, origin, x, *vectors, *slopes, pool, start, stop)

    _over_images(job, x)


def _over_images(job: Callable[[int, int], None], x: Array) -> None:
    if x.size < SERIAL_BELOW:
        job(0, len(x))
    else:
        run_over_rows(job, len(x))


def _check_cells(d_cells: Array, places: tuple[int, int, int], x: Array) -> None:
    for name, array in (("d_cells", d_cells), ("x", x)):
        check_axes(array, name, "batch, height, width, channels")
    check_same_dtype(d_cells, x, "d_cells and x")
    batch, down, right = places
    require(
        d_cells.shape[0] == batch
        and d_cells.shape[3] == x.shape[3]
        and 0 < d_cells.shape[1] <= down
        and down % d_cells.shape[1] == 0
        and 0 < d_cells.shape[2] <= right
        and right % d_cells.shape[2] == 0,
        f"d_cells must be ({batch}, cells down, cells right, {x.shape[3]}) with cells that divide "
        f"{down} x {right} places, got shape {d_cells.shape}",
    )
