"""Local fields: as a convolution, but every place of the window has weights of its own.

Derivation: docs/derivations/local_fields.md, equations FIELD.1, FIELD.3 and FIELD.5.

At one place, the windows of all images are the rows of a matrix (images x taps) and the weights a
matrix (taps x out_channels): the product around the register tile, of `products`. Windows are
copied together first, which costs little against their product. Threads share the places; in the
derivative in the images, where windows overlap, they share the rows of pixels. So no sum is cut,
and each sum is the chain of the plain loops, bit for bit.
"""

from collections.abc import Callable

import numpy as np

from ffref._checks import require
from ffref.kernels._jit import kernel, kernel_part
from ffref.kernels.few_channels import (
    FEW_CHANNELS,
    few_forward_places,
    few_weight_places,
    images_last,
    with_slack,
)
from ffref.kernels.host import PLAIN
from ffref.kernels.loops_local_fields import fields_input_loop, fields_loop, fields_weight_loop
from ffref.kernels.places import (
    Pair,
    Size,
    as_pair,
    check_axes,
    check_same_dtype,
    count_places,
    padded,
    readable,
)
from ffref.kernels.products import PACK_FROM_ROWS, PANEL_BYTES, direct_product, packed_product
from ffref.kernels.threads import run_over_rows
from ffref.types import Array

SERIAL_BELOW = 1 << 20
"""Multiply-adds below which handing work to a second thread costs more than it saves."""

IMAGES = "batch, height, width, channels"
WEIGHT = "places_down, places_right, kernel_h, kernel_w, in_channels, out_channels"


def local_fields(images: Array, weight: Array, *, stride: Size = 1, padding: Size = 0) -> Array:
    """Weighted sums of windows, with weights that belong to the place.

    out[n, i, j, o] =
        sum_{y, x, c} images[n, i stride + y, j stride + x, c] weight[i, j, y, x, c, o]

    Parameters
    ----------
    images : (batch, height, width, in_channels) float32 or float64
    weight : (places_down, places_right, kernel_h, kernel_w, in_channels, out_channels) same dtype
    stride : whole number, or (vertical, horizontal)
        From a place to the next.
    padding : whole number, or (vertical, horizontal)
        Rows and columns of zeros around the images. They are summed like any pixel, so an
        infinite weight that meets them gives NaN.

    Returns
    -------
    (batch, places_down, places_right, out_channels) same dtype

    Raises
    ------
    ValueError
        If axes, channels or dtypes differ, or the window has other places than the weights.

    References
    ----------
    Hinton (2022), arXiv:2212.13345v1: experiments with local receptive fields, no weights shared.

    Examples
    --------
    >>> import numpy as np
    >>> row = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
    >>> weight = np.array([[1.0, 1.0], [10.0, 100.0]]).reshape(1, 2, 1, 2, 1, 1)
    >>> local_fields(row, weight).ravel()  # 1 + 2, 20 + 300
    array([  3., 320.])
    """
    check_axes(weight, "weight", WEIGHT)
    places, window, in_channels = weight.shape[:2], weight.shape[2:4], weight.shape[4]
    source, step = _source(images, window, stride, padding, places)
    check_same_dtype(images, weight, "images and weight")
    require(
        images.shape[3] == in_channels,
        f"images have {images.shape[3]} channels, the weights of shape {weight.shape} take "
        f"{in_channels}; axis 4 of weight must be the channels of images",
    )
    out = np.zeros((len(images), *places, weight.shape[5]), images.dtype)
    job = _forward_job(source, _taps(weight), out, window, step)
    _over(job, places[0] * places[1], len(images) * weight.size)
    return out


def local_fields_weight_grad(
    images: Array, d_out: Array, *, kernel_size: Size, stride: Size = 1, padding: Size = 0
) -> Array:
    """Derivative of `local_fields` in `weight`, summed over the images in rising order.

    d_weight[i, j, y, x, c, o] = sum_n images[n, i stride + y, j stride + x, c] d_out[n, i, j, o]

    images (batch, height, width, in_channels), d_out (batch, places_down, places_right,
    out_channels) -> (places_down, places_right, kernel_h, kernel_w, in_channels, out_channels).
    """
    check_axes(d_out, "d_out", IMAGES)
    window, places = as_pair(kernel_size, "kernel_size", least=1), d_out.shape[1:3]
    source, step = _source(images, window, stride, padding, places)
    check_same_dtype(images, d_out, "images and d_out")
    require(
        len(images) == len(d_out),
        f"images and d_out must belong to one batch, got {len(images)} and {len(d_out)} rows",
    )
    d_weight = np.zeros((*places, *window, images.shape[3], d_out.shape[3]), images.dtype)
    job = _weight_job(source, readable(d_out), _taps(d_weight), window, step)
    _over(job, places[0] * places[1], len(images) * d_weight.size)
    return d_weight


def local_fields_input_grad(
    d_out: Array, weight: Array, *, input_size: Size, stride: Size = 1, padding: Size = 0
) -> Array:
    """Derivative of `local_fields` in `images`; for chains inside a block.

    d_images[n, r, s, c] = sum over the places (i, j) whose window holds (r, s) of
    sum_o d_out[n, i, j, o] weight[i, j, r - i stride, s - j stride, c, o]

    d_out (batch, places_down, places_right, out_channels), input_size (height, width) ->
    (batch, height, width, in_channels).
    """
    check_axes(d_out, "d_out", IMAGES)
    check_axes(weight, "weight", WEIGHT)
    check_same_dtype(d_out, weight, "d_out and weight")
    height, width = as_pair(input_size, "input_size", least=1)
    down, right = as_pair(padding, "padding", least=0)
    shape = (len(d_out), height + 2 * down, width + 2 * right, weight.shape[4])
    d_images, window = np.zeros(shape, d_out.dtype), weight.shape[2:4]
    _, step = _source(d_images, window, stride, 0, weight.shape[:2])
    require(
        d_out.shape[1:] == (*weight.shape[:2], weight.shape[5]),
        f"d_out must be (batch, {weight.shape[0]}, {weight.shape[1]}, {weight.shape[5]}) for "
        f"weights of shape {weight.shape}, got {d_out.shape}",
    )
    job = _input_job(readable(d_out), _taps(weight), d_images, window, step)
    _over(job, shape[1], len(d_out) * weight.size)
    return np.ascontiguousarray(d_images[:, down : down + height, right : right + width])


def _source(
    images: Array, window: Pair, stride: Size, padding: Size, places: Pair
) -> tuple[Array, Pair]:
    """Padded images and the stride as a pair, if the window has these places in them."""
    check_axes(images, "images", IMAGES)
    step = as_pair(stride, "stride", least=1)
    source = padded(images, as_pair(padding, "padding", least=0))
    found = count_places((source.shape[1], source.shape[2]), window, step)
    require(
        found == places,
        f"a window of {window[0]} x {window[1]} with stride {step} has {found[0]} x {found[1]} "
        f"places in {source.shape[1]} x {source.shape[2]} pixels (padding included), got weights "
        f"or derivatives for {places[0]} x {places[1]}",
    )
    return source, step


def _taps(weight: Array) -> Array:
    """Weights as (places down, places right, taps, out_channels)."""
    down, right, height, width, channels, out_channels = weight.shape
    return readable(weight).reshape(down, right, height * width * channels, out_channels)


def _over(job: Callable[[int, int], None], parts: int, products: int) -> None:
    """Run `job(start, stop)` over places or rows, in threads where that pays."""
    if products == 0:
        return
    if products < SERIAL_BELOW:
        job(0, parts)
    else:
        run_over_rows(job, parts)


def _forward_job(
    images: Array, weight: Array, out: Array, window: Pair, stride: Pair
) -> Callable[[int, int], None]:
    if PLAIN:
        return lambda start, stop: fields_loop(images, weight, out, window, stride, start, stop)
    lines, steps = _lines(images, stride)
    if out.shape[3] <= FEW_CHANNELS:
        columns, rows = images_last(lines), (window[0], window[1] * images.shape[3])
        panel = min(PANEL_BYTES // out.itemsize, columns.shape[2])
        return lambda start, stop: few_forward_places(
            columns,
            weight.ctypes.data,
            out,
            np.empty((out.shape[3], panel), out.dtype),
            rows,
            steps,
            start,
            stop,
        )
    return lambda start, stop: _forward_places(
        lines, weight.ctypes.data, out, _windows_of(images, weight), window[0], steps, start, stop
    )


def _weight_job(
    images: Array, d_out: Array, d_weight: Array, window: Pair, stride: Pair
) -> Callable[[int, int], None]:
    if PLAIN:
        return lambda start, stop: fields_weight_loop(
            images, d_out, d_weight, window, stride, start, stop
        )
    lines, steps = _lines(images, stride)
    if d_out.shape[3] <= FEW_CHANNELS:
        numbers, rows = with_slack(lines), (window[0], window[1] * images.shape[3])
        return lambda start, stop: few_weight_places(
            numbers,
            lines.shape,
            d_out.ctypes.data,
            d_weight,
            np.empty((d_out.shape[3], rows[1]), images.dtype),
            rows,
            steps,
            start,
            stop,
        )
    turned = d_weight.shape[:1:-1]  # (out_channels, taps)
    return lambda start, stop: _weight_places(
        lines,
        d_out.ctypes.data,
        d_weight,
        _windows_of(images, d_weight),
        np.empty(turned, images.dtype),
        window[0],
        steps,
        start,
        stop,
    )


def _input_job(
    d_out: Array, weight: Array, d_images: Array, window: Pair, stride: Pair
) -> Callable[[int, int], None]:
    if PLAIN:
        return lambda start, stop: fields_input_loop(
            d_out, weight, d_images, window, stride, start, stop
        )
    lines, steps = _lines(d_images, stride)
    return lambda start, stop: _input_rows(
        d_out.ctypes.data,
        weight.ctypes.data,
        weight.shape,
        lines,
        _windows_of(d_out, weight),
        window[0],
        steps,
        start,
        stop,
    )


def _lines(images: Array, stride: Pair) -> tuple[Array, Pair]:
    """Images as (batch, height, width * channels), and the stride in lines and in numbers.

    What may not be written is copied: the kernels would be compiled anew for it, in seconds.
    """
    batch, height, width, channels = images.shape
    lines = np.require(images, requirements=["W"]).reshape(batch, height, width * channels)
    return lines, (stride[0], stride[1] * channels)


def _windows_of(images: Array, weight: Array) -> Array:
    """Room for one window of every image: (batch, taps). It is held here while loops use it."""
    return np.empty((len(images), weight.shape[2]), images.dtype)


@kernel
def _forward_places(
    lines: Array, weight: int, out: Array, windows: Array,
    height: int, steps: Pair, start: int, stop: int,
) -> None:  # fmt: skip
    """`fields_loop`: at each place a product (images x taps) (taps x out_channels).

    `weight`, which is only read, comes as its address: see `Matrix`.
    """
    batch, taps = windows.shape
    out_channels, size = out.shape[3], out.itemsize
    a = (_address(windows), taps * size, size)
    for place in range(start, stop):
        i, j = place // out.shape[2], place % out.shape[2]
        _copy_windows(lines, windows, height, i * steps[0], j * steps[1])
        b = (weight + place * taps * out_channels * size, out_channels * size, size)
        if batch >= PACK_FROM_ROWS:
            packed_product(out[:, i, j, :], a, b, taps, 0, batch, 0, out_channels)
        else:
            direct_product(out[:, i, j, :], a, b, taps, 0, batch, 0, out_channels)


@kernel
def _weight_places(
    lines: Array, d_out: int, d_weight: Array, windows: Array, turned: Array,
    height: int, steps: Pair, start: int, stop: int,
) -> None:  # fmt: skip
    """`fields_weight_loop`: at each place a product (out_channels x images) (images x taps).

    Of the two ways round, this one has its many columns, the taps, as neighbours in memory.
    """
    batch, taps = windows.shape
    down, right, _, out_channels = d_weight.shape
    size = d_weight.itemsize
    b = (_address(windows), taps * size, size)
    for place in range(start, stop):
        i, j = place // right, place % right
        _copy_windows(lines, windows, height, i * steps[0], j * steps[1])
        a = (d_out + place * out_channels * size, size, down * right * out_channels * size)
        packed_product(turned, a, b, batch, 0, out_channels, 0, taps)
        for tap in range(taps):
            for o in range(out_channels):
                d_weight[i, j, tap, o] = turned[o, tap]


@kernel
def _input_rows(
    d_out: int, weight: int, weight_shape: tuple[int, ...], d_lines: Array, windows: Array,
    height: int, steps: Pair, start: int, stop: int,
) -> None:  # fmt: skip
    """`fields_input_loop`: at each place a product (images x out_channels) (out_channels x taps).

    Only of the taps that lie in the lines start .. stop.
    """
    down, right, taps, out_channels = weight_shape
    batch, size = len(windows), windows.itemsize
    across = taps // height
    for place in range(down * right):
        top, left = place // right * steps[0], place % right * steps[1]
        first, last = max(start - top, 0), min(stop - top, height)
        if first < last:
            count = (last - first) * across
            a = (d_out + place * out_channels * size, down * right * out_channels * size, size)
            address = weight + (place * taps + first * across) * out_channels * size
            b = (address, size, out_channels * size)
            packed_product(windows[:, :count], a, b, out_channels, 0, batch, 0, count)
            _add_windows(windows, d_lines, last - first, across, top + first, left)


@kernel_part
def _address(array: Array) -> int:
    return int(np.int64(array.ctypes.data))


@kernel_part
def _copy_windows(lines: Array, rows: Array, height: int, top: int, left: int) -> None:
    """The window at (top, left) of each image as one row; `left` counts numbers, not pixels."""
    across = rows.shape[1] // height
    for n in range(rows.shape[0]):
        for y in range(height):
            source = lines[n, top + y, left : left + across]
            target = rows[n, y * across : (y + 1) * across]
            for place in range(across):
                target[place] = source[place]


@kernel_part
def _add_windows(
    rows: Array, d_lines: Array, height: int, across: int, top: int, left: int
) -> None:
    """Add each row to the window at (top, left) of its image."""
    for n in range(rows.shape[0]):
        for y in range(height):
            source = rows[n, y * across : (y + 1) * across]
            target = d_lines[n, top + y, left : left + across]
            for place in range(across):
                target[place] += source[place]  # (FIELD.5)
