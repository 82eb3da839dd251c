"""From the arrays of a convolution to the tables and fillings that the loop nests take."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

from ffref.kernels._jit import python_version
from ffref.kernels.packing import CACHE_LINE
from ffref.kernels.products import PANEL_BYTES
from ffref.kernels.threads import get_threads, run_over_rows
from ffref.kernels.tile import ROWS
from ffref.kernels.windows import (
    Canvas,
    Pixels,
    Table,
    canvas_rows,
    pack_weights,
    panel_distance,
    windows_product,
    windows_weight_grad,
)
from ffref.types import Array

Pair = tuple[int, int]

_canvas_rows, _panel_distance = python_version(canvas_rows), python_version(panel_distance)

SERIAL_BELOW = 1 << 21
"""Multiply-adds below which handing work to a second thread costs more than it saves."""

CANVAS_BYTES = 256 << 10
"""Size of a canvas: a part of the second-level cache, which weights and output share."""

GRADIENT_CANVAS_BYTES = 1 << 20
"""Size of a canvas in the weight gradient: the larger, the more often a row of d_weight that has
been fetched is added to."""

WINDOWS = 2048
"""Most windows on a canvas; a table has an entry for each."""


TAPS_AT_ONCE = 384
"""Most steps of k of a tile in the forward product: of a tile's rows of so many taps, the
first-level cache holds the most."""

BLOCK_BYTES = 384 << 10
"""Weights that are in use at a time, a few panels of so many taps: a part of the second-level
cache, which the canvas and the output share."""

PIXELS_AT_ONCE = 64
"""Steps of k of a tile in the weight gradient: as many rows of d_out are in use at a time."""

PACKING = 16
"""Multiply-adds that take as long as copying a number."""

ROWS_OF_TAPS = 16 * ROWS
"""Taps for each thread from which a cut at a multiple of a tile's rows is even enough."""


class _Bytes(NamedTuple):
    """Distances on a canvas."""

    image: int
    row: int
    pixel: int
    number: int


def forward(images: Array, weight: Array, out: Array, stride: Pair, padding: Pair) -> None:
    """out[n, i, j, o] = sum_{kh, kw, c} padded[n, i s + kh, j s + kw, c] weight[kh, kw, c, o]."""
    canvas = _canvas(out.shape, weight.shape, stride, padding)
    taps = range(weight.shape[0]), range(weight.shape[1])
    _multiply(images, weight, out, canvas, taps, stride[1])


def input_grad(d_out: Array, weight: Array, out: Array, stride: Pair, padding: Pair) -> None:
    """out[n, y, x, c] = sum_{kh, kw, o} d_out[n, i, j, o] weight[kh, kw, c, o].

    i s + kh = y + padding. Pixels y whose remainder of (y + padding) / s is the same have met the
    same rows kh of the kernel, those with that remainder, and no others. So for each remainder
    the gradient is a convolution with stride 1, whose kernel has the rows kh in falling order of
    the outputs i = (y + padding - kh) / s that they lead to.
    """
    for remainders in product(range(stride[0]), range(stride[1])):
        axes = [
            _phase(out.shape[1 + axis], weight.shape[axis], stride[axis], padding[axis], remainder)
            for axis, remainder in enumerate(remainders)
        ]
        (down, first_row), (across, first_column) = axes
        part = out[:, down, across]
        kernel = weight[remainders[0] :: stride[0], remainders[1] :: stride[1]].swapaxes(2, 3)
        if kernel.shape[0] == 0 or kernel.shape[1] == 0:  # pixels between the windows
            part[...] = 0
        elif part.size:
            rows, columns = kernel.shape[:2]
            padding_here = rows - 1 - first_row, columns - 1 - first_column
            canvas = _canvas(part.shape, kernel.shape, (1, 1), padding_here)
            taps = range(rows - 1, -1, -1), range(columns - 1, -1, -1)
            _multiply(d_out, kernel, part, canvas, taps, 1)


def weight_grad(images: Array, d_out: Array, out: Array, stride: Pair, padding: Pair) -> None:
    """out[kh, kw, c, o] = sum_{n, i, j} padded[n, i s + kh, j s + kw, c] d_out[n, i, j, o]."""
    size = out.itemsize
    canvas = _canvas(d_out.shape, out.shape, stride, padding)
    canvas = _filled(canvas, images, GRADIENT_CANVAS_BYTES, 1)
    distances = _distances(canvas, images)
    taps = _tap_table(distances, range(out.shape[0]), range(out.shape[1]), images.shape[3])
    windows = _window_table(canvas, distances, stride)
    d_weight = out.reshape(taps.size, out.shape[3])
    panels = -(-out.shape[3] * size // PANEL_BYTES)
    sums = np.empty((panels * _panel_distance(taps.size) + CACHE_LINE) // size, out.dtype)

    def run(start: int, stop: int) -> None:
        windows_weight_grad(
            d_weight,
            sums,
            _pixels(images),
            canvas,
            windows,
            taps,
            _pixels(d_out),
            PIXELS_AT_ONCE,
            start,
            stop,
        )

    if len(images) == 0 or out.size == 0:
        out[...] = 0
    else:
        multiple = ROWS if taps.size >= ROWS_OF_TAPS * get_threads() else 1
        _run(run, taps.size, multiple, d_out.size // out.shape[3] * out.size)


def _multiply(
    images: Array,
    weight: Array,
    out: Array,
    canvas: Canvas,
    taps: tuple[range, range],
    column_stride: int,
) -> None:
    """Convolution on a canvas; `taps` are the rows and columns of the kernel in the order of
    `weight`, whose axes are (rows, columns, channels of the images, channels of out).
    """  # noqa: D205
    size, columns = out.itemsize, out.shape[3]
    canvas = _filled(canvas, images, CANVAS_BYTES, get_threads())
    distances = _distances(canvas, images)
    tap = _tap_table(distances, *taps, images.shape[3])
    windows = _window_table(canvas, distances, (canvas.row_stride, column_stride))
    places = _window_table(canvas, _Bytes(*out.strides), (1, 1))
    count = -(-columns * size // PANEL_BYTES)
    panels = np.empty((count * _panel_distance(tap.size) + CACHE_LINE) // size, out.dtype)
    down, across = (np.arange(weight.shape[axis]) * weight.strides[axis] for axis in (0, 1))
    kernel_pixels = np.add.outer(down, across).ravel()
    _run(
        lambda start, stop: pack_weights(panels, _pixels(weight), kernel_pixels, start, stop),
        count, 1, weight.size * PACKING,
    )  # fmt: skip
    _run(
        lambda start, stop: windows_product(
            panels, _pixels(images), canvas, windows, tap, _pixels(out), places,
            TAPS_AT_ONCE, BLOCK_BYTES, start, stop,
        ),
        -(-len(images) // canvas.images) * -(-canvas.out_rows // canvas.band),
        1, out.size * tap.size,
    )  # fmt: skip


def _run(job: Callable[[int, int], None], parts: int, multiple: int, work: int) -> None:
    if work < SERIAL_BELOW:
        job(0, parts)
    else:
        run_over_rows(job, parts, multiple=multiple)


def _phase(pixels: int, taps: int, stride: int, padding: int, remainder: int) -> tuple[slice, int]:
    """The pixels of one remainder, and the output that the first of them has by tap 0."""
    first = (remainder - padding) % stride
    return slice(first, pixels, stride), (first + padding - remainder) // stride


def _canvas(out: tuple[int, ...], kernel: tuple[int, ...], stride: Pair, padding: Pair) -> Canvas:
    """A canvas that is not filled yet."""
    return Canvas(
        top=padding[0],
        left=padding[1],
        columns=(out[2] - 1) * stride[1] + kernel[1],
        window_rows=kernel[0],
        row_stride=stride[0],
        out_rows=out[1],
        out_columns=out[2],
        band=out[1],
        images=1,
    )


def _filled(canvas: Canvas, images: Array, most_bytes: int, threads: int) -> Canvas:
    """How much is on the canvas at a time: a few images, or a band of one.

    Each thread has to get something to do.
    """
    row = canvas.columns * images.shape[3] * images.itemsize
    most_rows = max(1, most_bytes // max(1, row))
    windows = max(1, WINDOWS // max(1, canvas.out_columns))
    band = max(1, min((most_rows - canvas.window_rows) // canvas.row_stride + 1, windows))
    bands = max(-(-canvas.out_rows // band), min(threads // max(1, len(images)), canvas.out_rows))
    if bands > 1:
        return canvas._replace(band=-(-canvas.out_rows // bands))
    rows = _canvas_rows(canvas, canvas.out_rows)
    most = max(1, min(most_rows // rows, windows // canvas.out_rows))
    each = max(1, -(-len(images) // threads))
    return canvas._replace(images=-(-each // -(-each // most)))


def _distances(canvas: Canvas, images: Array) -> _Bytes:
    pixel = images.shape[3] * images.itemsize
    row = canvas.columns * pixel
    return _Bytes(_canvas_rows(canvas, canvas.band) * row, row, pixel, images.itemsize)


def _tap_table(distances: _Bytes, rows: range, columns: range, channels: int) -> Table:
    """Bytes from a window's first number to that of each tap (kh, kw, c)."""
    places = np.add.outer(
        np.array(rows, np.int64) * distances.row, np.array(columns, np.int64) * distances.pixel
    )
    return np.add.outer(places, np.arange(channels) * distances.number).ravel()


def _window_table(canvas: Canvas, distances: _Bytes, stride: Pair) -> Table:
    """Bytes from the first window (image, i, j) to each one that may be on the canvas."""
    rows = np.arange(canvas.band) * (stride[0] * distances.row)
    columns = np.arange(canvas.out_columns) * (stride[1] * distances.pixel)
    images = np.arange(canvas.images) * distances.image
    return np.add.outer(images, np.add.outer(rows, columns)).ravel()


def _pixels(array: Array) -> Pixels:
    return Pixels(array.ctypes.data, *array.strides, *array.shape)
