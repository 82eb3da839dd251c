"""The loop nests of convolution around the register tile.

A convolution is a matrix product. Row p of its left factor is what the kernel sees at output
pixel p, its window; column t is a tap, a place (kh, kw, c) in the kernel:

    M[p, t] = canvas[pixel[p] + tap[t]]

where the canvas holds images in a frame of zeros. M has each number of the canvas in many
places, so it is never written down: `gathered_tile` reads it out of the canvas by the two tables.

    forward              out = M @ weight
    weight gradient      d_weight = M.T @ d_out: the same tables with their parts exchanged
    input gradient       a forward convolution on a canvas with d_out (see `convolution`)

A few images at a time, or a band of rows of a large one, are placed on the canvas, so that it
stays in the second-level cache. No cut changes a bit of the result (see `tile`).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffref.kernels._jit import kernel, kernel_part
from ffref.kernels.packing import (
    CACHE_LINE,
    GROUP,
    clear_group,
    copy_element,
    copy_lanes,
    pack,
    prefetch,
)
from ffref.kernels.products import PANEL_BYTES, aligned, even_part, tile_height
from ffref.kernels.tile import ROWS, SHAPE, gathered_tile
from ffref.types import Array

Table = NDArray[np.int64]


class Pixels(NamedTuple):
    """Images of any layout: address, bytes to the next, sizes."""

    address: int
    image_bytes: int
    row_bytes: int
    pixel_bytes: int
    channel_bytes: int
    images: int
    rows: int
    columns: int
    channels: int


class Canvas(NamedTuple):
    """A frame for some images, and the windows that are seen on it."""

    top: int
    """Row of the frame where an image begins; if negative, the image's first rows are left out."""
    left: int
    columns: int
    """Columns of the frame."""
    window_rows: int
    """Rows of the kernel."""
    row_stride: int
    """Rows from a window to the next below."""
    out_rows: int
    """Rows of windows of an image."""
    out_columns: int
    band: int
    """Rows of windows that are on the canvas at a time."""
    images: int
    """Images that are on the canvas at a time; several only if each is there as a whole."""


@kernel
def pack_weights(
    panels: Array, weight: Pixels, tap_bytes: Table, panel_start: int, panel_stop: int
) -> None:
    """Copy weights into panels: taps are rows, the columns of a tile are neighbours.

    Of `weight` only address, pixel_bytes, channel_bytes, columns and channels count: each entry
    of `tap_bytes` leads to a matrix (columns, channels), and the panels hold one after the other.
    """
    size = panels.itemsize
    width = PANEL_BYTES // size
    depth = weight.columns
    next_panel = panel_distance(depth * tap_bytes.size)
    begin = _aligned_address(panels)
    for number in range(panel_start, panel_stop):
        lane = number * width
        lanes = min(width, weight.channels - lane)
        for tap in range(tap_bytes.size):
            source = weight.address + tap_bytes[tap] + lane * weight.channel_bytes
            target = begin + number * next_panel + tap * depth * PANEL_BYTES
            pack(
                panels.dtype, size, source, weight.channel_bytes, weight.pixel_bytes,
                lanes, depth, target, width,
            )  # fmt: skip


@kernel
def windows_product(
    panels: Array,
    images: Pixels,
    canvas: Canvas,
    pixel: Table,
    tap: Table,
    out: Pixels,
    out_pixel: Table,
    taps_at_once: int,
    block_bytes: int,
    start: int,
    stop: int,
) -> None:
    """out[p, o] = sum_t M[p, t] weight[t, o] for the fillings start .. stop of the canvas."""
    size = panels.itemsize
    width = PANEL_BYTES // size
    depth = tap.size
    steps = even_part(depth, taps_at_once, 1)
    columns = even_part(out.channels, block_bytes // (steps * PANEL_BYTES) * width, width)
    next_panel = panel_distance(depth)
    begin = _aligned_address(panels)
    taps, windows = _address(tap), _address(pixel)
    places = _address(out_pixel)
    bands = _bands(canvas)
    space = np.empty(canvas_bytes(canvas, images.channels, size) + CACHE_LINE, np.uint8)
    frame = aligned(space)
    for filling in range(start, stop):
        image, row = filling // bands * canvas.images, filling % bands * canvas.band
        count = _place(panels.dtype, size, images, canvas, image, row, frame)
        goal = out.address + image * out.image_bytes + row * out.row_bytes
        for block in range(0, out.channels, columns):
            block_stop = min(block + columns, out.channels)
            for t in range(0, max(depth, 1), steps):
                panel = begin + block // width * next_panel + t * PANEL_BYTES
                _meet_windows(
                    panels.dtype, size, count, block_stop - block, frame, windows, taps + 8 * t,
                    panel, next_panel, goal + block * size, places, min(steps, depth - t), t == 0,
                )  # fmt: skip
    space[0] = 0  # keeps the memory of `frame` until here


@kernel_part
def _meet_windows(
    dtype: np.dtype[Any],
    size: int,
    count: int,
    columns: int,
    frame: int,
    windows: int,
    taps: int,
    panel: int,
    next_panel: int,
    goal: int,
    places: int,
    depth: int,
    first: bool,
) -> None:
    """Add the product of all windows on the canvas and of a block of weights to the output."""
    width = PANEL_BYTES // size
    p = 0
    while p < count:
        height = tile_height(count - p)
        for column in range(0, columns, width):
            gathered_tile(
                dtype, height, min(width, columns - column), frame, windows + 8 * p, taps,
                panel + column // width * next_panel, PANEL_BYTES,
                goal + column * size, places + 8 * p, depth, first,
            )  # fmt: skip
        p += height


@kernel
def windows_weight_grad(
    d_weight: Array,
    sums: Array,
    images: Pixels,
    canvas: Canvas,
    pixel: Table,
    tap: Table,
    d_out: Pixels,
    pixels_at_once: int,
    start: int,
    stop: int,
) -> None:
    """d_weight[t, o] = sum_p M[p, t] d_out[p, o] for the taps start .. stop.

    d_weight is (taps, channels of d_out); the pixels of d_out follow each other in memory. `sums`
    has room for d_weight in panels: there, rows that are far apart in d_weight are neighbours.
    """
    size = d_weight.itemsize
    width = PANEL_BYTES // size
    windows, taps = _address(pixel), _address(tap)
    rows = np.arange(tap.size) * PANEL_BYTES
    places, goal = _address(rows), _aligned_address(sums)
    next_panel = panel_distance(tap.size)
    # rows of whole vectors that follow each other can be read where they are
    packs = d_out.channels > width or d_out.channels * size % SHAPE.vector_bytes != 0
    bands = _bands(canvas)
    fillings = (images.images + canvas.images - 1) // canvas.images * bands
    room = canvas_bytes(canvas, images.channels, size)
    space = np.empty(room + pixels_at_once * PANEL_BYTES + 2 * CACHE_LINE, np.uint8)
    frame = aligned(space)
    panel = frame + (room + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE
    for filling in range(fillings):
        image, row = filling // bands * canvas.images, filling % bands * canvas.band
        count = _place(d_weight.dtype, size, images, canvas, image, row, frame)
        source = d_out.address + image * d_out.image_bytes + row * d_out.row_bytes
        for column in range(0, d_out.channels, width):
            wide = min(width, d_out.channels - column)
            target = goal + column // width * next_panel
            for p in range(0, count, pixels_at_once):
                some = min(pixels_at_once, count - p)
                b, b_step = source + p * d_out.pixel_bytes + column * size, d_out.pixel_bytes
                if packs:
                    pack(d_weight.dtype, size, b, size, b_step, wide, some, panel, width)
                    b, b_step = panel, PANEL_BYTES
                first = filling == 0 and p == 0
                _meet_taps(
                    d_weight.dtype, wide, frame, windows + 8 * p, taps, b, b_step,
                    target, places, some, first, start, stop,
                )  # fmt: skip
    _copy_panels(d_weight, goal, next_panel, start, stop)
    space[0] = 0  # keeps the memory of `frame` and of `panel` until here
    rows[0] = 0


@kernel_part
def _meet_taps(
    dtype: np.dtype[Any],
    wide: int,
    frame: int,
    windows: int,
    taps: int,
    b: int,
    b_step: int,
    target: int,
    places: int,
    count: int,
    first: bool,
    start: int,
    stop: int,
) -> None:
    """Add some pixels to the sums of the taps start .. stop in one panel."""
    t = start
    while t < stop:
        height = tile_height(stop - t)
        coming = target + (t + height) * PANEL_BYTES  # the sums that the next tile takes up
        for line in range(coming, coming + ROWS * PANEL_BYTES, CACHE_LINE):
            prefetch(dtype, line)
        gathered_tile(
            dtype, height, wide, frame, taps + 8 * t, windows, b, b_step,
            target, places + 8 * t, count, first,
        )  # fmt: skip
        t += height


@kernel_part
def _copy_panels(d_weight: Array, panels: int, next_panel: int, start: int, stop: int) -> None:
    """Copy rows start .. stop from the panels to where they belong."""
    size = d_weight.itemsize
    width = PANEL_BYTES // size
    for column in range(0, d_weight.shape[1], width):
        wide = min(width, d_weight.shape[1] - column)
        source = panels + column // width * next_panel
        target = _address(d_weight) + column * size
        for t in range(start, stop):
            here, there = source + t * PANEL_BYTES, target + t * d_weight.strides[0]
            copy_lanes(d_weight.dtype, size, here, there, wide, PANEL_BYTES)


@kernel_part
def panel_distance(depth: int) -> int:
    """Bytes from a panel of weights to the next: see `packing.panel_bytes`."""
    return depth * PANEL_BYTES + CACHE_LINE


@kernel_part
def canvas_rows(canvas: Canvas, rows: int) -> int:
    """Rows of the frame that so many rows of windows see."""
    return (rows - 1) * canvas.row_stride + canvas.window_rows


@kernel_part
def canvas_bytes(canvas: Canvas, channels: int, size: int) -> int:
    """Bytes of a full canvas; copies of whole groups may reach a little beyond its numbers."""
    rows = canvas.images * canvas_rows(canvas, canvas.band)
    return (rows * canvas.columns * channels + GROUP) * size


@kernel_part
def _bands(canvas: Canvas) -> int:
    return (canvas.out_rows + canvas.band - 1) // canvas.band


@kernel_part
def _address(array: Array | Table) -> int:
    return int(np.int64(array.ctypes.data))


@kernel_part
def _aligned_address(panels: Array) -> int:
    """The first address of an array that is a multiple of a cache line."""
    address = _address(panels)
    return (address + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE


@kernel
def _place(
    dtype: np.dtype[Any],
    size: int,
    images: Pixels,
    canvas: Canvas,
    image: int,
    out_row: int,
    frame: int,
) -> int:
    """Put images on the canvas, from the first one's windows in `out_row` on; count windows."""
    some = min(canvas.images, images.images - image)
    out_rows = min(canvas.band, canvas.out_rows - out_row)
    first = out_row * canvas.row_stride - canvas.top
    line = canvas.columns * images.channels
    begin = max(0, -canvas.left)
    length = max(0, min(images.columns, canvas.columns - canvas.left) - begin) * images.channels
    before = min(line, max(0, canvas.left) * images.channels)
    place = frame
    for number in range(image, image + some):
        for row in range(first, first + canvas_rows(canvas, out_rows)):
            if 0 <= row < images.rows and length > 0:
                source = (
                    images.address + number * images.image_bytes + row * images.row_bytes
                    + begin * images.pixel_bytes
                )  # fmt: skip
                _clear(dtype, size, place, before)
                _copy_pixels(dtype, size, images, source, place + before * size, length)
                after = before + length
                _clear(dtype, size, place + after * size, line - after)
            else:
                _clear(dtype, size, place, line)
            place += line * size
    return some * out_rows * canvas.out_columns


@kernel_part
def _clear(dtype: np.dtype[Any], size: int, place: int, count: int) -> None:
    """Write zeros; whole groups, so up to GROUP - 1 behind them, which are written later."""
    for number in range(0, count, GROUP):
        clear_group(dtype, place + number * size)


@kernel_part
def _copy_pixels(
    dtype: np.dtype[Any], size: int, images: Pixels, source: int, target: int, length: int
) -> None:
    """Copy pixels of a row, `length` numbers in all, so that all their channels are neighbours."""
    channels = images.channels
    if images.channel_bytes == size and images.pixel_bytes == channels * size:
        copy_lanes(dtype, size, source, target, length, images.row_bytes)
    elif images.channel_bytes == size:
        for pixel in range(length // channels):
            here, there = source + pixel * images.pixel_bytes, target + pixel * channels * size
            copy_lanes(dtype, size, here, there, channels, images.pixel_bytes)
    else:
        for pixel in range(length // channels):
            here, there = source + pixel * images.pixel_bytes, target + pixel * channels * size
            for channel in range(channels):
                copy_element(dtype, here + channel * images.channel_bytes, there + channel * size)
