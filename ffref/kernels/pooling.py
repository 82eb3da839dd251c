"""Pooling: the largest, or the mean, of each window of an image.

Derivation: docs/derivations/pooling.md, equations POOL.1 to POOL.5. Each loop is its own
definition: pooling reads and writes memory and computes next to nothing. Channels are neighbours
in memory, so they are the inner loop.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ffref._checks import require
from ffref.kernels._jit import kernel
from ffref.kernels.places import (
    Pair,
    Size,
    as_pair,
    check_axes,
    count_places,
    readable,
)
from ffref.kernels.threads import run_over_rows
from ffref.types import Array

SERIAL_BELOW = 1 << 17
"""Numbers read below which handing work to a second thread costs more than it saves."""

IMAGES = "batch, height, width, channels"


@kernel
def max_pool_loop(
    images: Array, sign: Array, out: Array, index: NDArray[np.int32],
    window: Pair, stride: Pair, start: int, stop: int,
) -> None:  # fmt: skip
    """Largest value of each window and its place, y * width + x, in images start .. stop.

    Of channels whose sign is -1, the smallest. A later value is taken if it is larger (smaller),
    or if it is the first NaN.
    """
    width, channels = images.shape[2], images.shape[3]
    for n in range(start, stop):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                top, left = i * stride[0], j * stride[1]
                for c in range(channels):
                    out[n, i, j, c] = images[n, top, left, c]
                    index[n, i, j, c] = top * width + left
                for y in range(top, top + window[0]):
                    for x in range(left, left + window[1]):
                        place = np.int32(y * width + x)
                        for c in range(channels):
                            value, best = images[n, y, x, c], out[n, i, j, c]
                            beats = sign[c] * value > sign[c] * best
                            taken = beats | ((value != value) & (best == best))  # noqa: PLR0124
                            out[n, i, j, c] = value if taken else best  # (POOL.1)
                            index[n, i, j, c] = place if taken else index[n, i, j, c]  # (POOL.2)


@kernel
def max_pool_grad_loop(
    d_out: Array, index: NDArray[np.int32], d_images: Array,
    window: Pair, stride: Pair, start: int, stop: int,
) -> None:  # fmt: skip
    """Add each derivative to the place that its window's maximum came from.

    Every place of the window is asked, which keeps to neighbours in memory.
    """
    width, zero = d_images.shape[2], d_out.dtype.type(0)
    for n in range(start, stop):
        d_images[n] = 0
        for i in range(d_out.shape[1]):
            for j in range(d_out.shape[2]):
                top, left = i * stride[0], j * stride[1]
                for y in range(top, top + window[0]):
                    for x in range(left, left + window[1]):
                        place = np.int32(y * width + x)
                        for c in range(d_out.shape[3]):
                            share = d_out[n, i, j, c] if index[n, i, j, c] == place else zero
                            d_images[n, y, x, c] += share  # (POOL.3)


@kernel
def average_pool_loop(
    images: Array, out: Array, window: Pair, stride: Pair, start: int, stop: int
) -> None:
    """Mean of each window in images start .. stop, summed row by row."""
    count = out.dtype.type(window[0] * window[1])
    channels = images.shape[3]
    for n in range(start, stop):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                top, left = i * stride[0], j * stride[1]
                for c in range(channels):
                    out[n, i, j, c] = 0
                for y in range(top, top + window[0]):
                    for x in range(left, left + window[1]):
                        for c in range(channels):
                            out[n, i, j, c] += images[n, y, x, c]
                for c in range(channels):
                    out[n, i, j, c] /= count  # (POOL.4)


@kernel
def average_pool_grad_loop(
    d_out: Array, d_images: Array, window: Pair, stride: Pair, start: int, stop: int
) -> None:
    """Add an equal share of each derivative to every pixel of its window."""
    count = d_out.dtype.type(window[0] * window[1])
    for n in range(start, stop):
        d_images[n] = 0
        for i in range(d_out.shape[1]):
            for j in range(d_out.shape[2]):
                top, left = i * stride[0], j * stride[1]
                for y in range(top, top + window[0]):
                    for x in range(left, left + window[1]):
                        for c in range(d_out.shape[3]):
                            d_images[n, y, x, c] += d_out[n, i, j, c] / count  # (POOL.5)


def max_pool2d(
    images: Array, *, size: Size, stride: Size | None = None, sign: Array | None = None
) -> tuple[Array, NDArray[np.int32]]:
    """Largest value of each window, and where it stands.

    out[n, i, j, c] = max over y, x of images[n, i stride + y, j stride + x, c]

    Parameters
    ----------
    images : (batch, height, width, channels) float32 or float64
    size : whole number, or (vertical, horizontal)
        The window. There is no padding; what is left at the border is dropped.
    stride : whole number, or (vertical, horizontal)
        From a window to the next; by default `size`.
    sign : (channels,) of +1 and -1, same dtype, optional
        -1: the smallest value of the channel instead of the largest. By default all +1.

    Returns
    -------
    out : (batch, places down, places right, channels) same dtype
        A window that holds a NaN gives NaN, as NumPy's max does.
    index : same shape, int32
        y * width + x of the largest value; of equal ones, and of NaNs, the first in row order.

    Raises
    ------
    ValueError
        If images have not four axes, or the window does not fit into them.

    Examples
    --------
    >>> import numpy as np
    >>> out, index = max_pool2d(np.array([[[[1.0], [5.0]], [[2.0], [3.0]]]]), size=2)
    >>> out.item(), index.item()
    (5.0, 1)
    """
    window, step, places = _windows(images, size, stride)
    require(
        images.shape[1] * images.shape[2] < 2**31,
        f"max_pool2d takes images of fewer than 2^31 pixels, got {images.shape}; cut them",
    )
    signs = np.ones(images.shape[3], images.dtype) if sign is None else sign
    require(
        signs.shape == (images.shape[3],) and signs.dtype == images.dtype,
        f"sign must be ({images.shape[3]},) of {images.dtype}, one for each channel, got "
        f"{signs.shape} of {signs.dtype}",
    )
    out = np.empty((len(images), *places, images.shape[3]), images.dtype)
    index = np.empty(out.shape, np.int32)
    source, signs = readable(images), readable(signs)
    _over_images(
        lambda start, stop: max_pool_loop(source, signs, out, index, window, step, start, stop),
        len(images), out.size * window[0] * window[1],
    )  # fmt: skip
    return out, index


def max_pool2d_grad(
    d_out: Array,
    index: NDArray[np.int32],
    *,
    input_size: Size,
    size: Size,
    stride: Size | None = None,
) -> Array:
    """Derivative of `max_pool2d` in `images`: each d_out goes to the place in `index`.

    d_out and index (batch, places down, places right, channels), input_size (height, width) ->
    (batch, height, width, channels). Where windows overlap, a place adds up, windows in row order.
    An index outside its window, which `max_pool2d` never returns, gets nothing.
    """
    d_images, window, step = _upstream(d_out, input_size, size, stride)
    require(
        np.shape(index) == d_out.shape and getattr(index, "dtype", None) == np.int32,
        f"index must be the int32 array of shape {d_out.shape} that max_pool2d returned with out, "
        f"got shape {np.shape(index)}",
    )
    upstream, origin = readable(d_out), readable(index)
    _over_images(
        lambda start, stop: max_pool_grad_loop(
            upstream, origin, d_images, window, step, start, stop
        ),
        len(d_out), d_out.size * window[0] * window[1],
    )  # fmt: skip
    return d_images


def average_pool2d(images: Array, *, size: Size, stride: Size | None = None) -> Array:
    """Mean of each window; arguments, errors and shape of the result as in `max_pool2d`.

    out[n, i, j, c] = (sum over y, x of images[n, i stride + y, j stride + x, c]) / pixels

    Examples
    --------
    >>> import numpy as np
    >>> average_pool2d(np.array([[[[1.0], [5.0]], [[2.0], [4.0]]]]), size=2).item()
    3.0
    """
    window, step, places = _windows(images, size, stride)
    out = np.empty((len(images), *places, images.shape[3]), images.dtype)
    source = readable(images)
    _over_images(
        lambda start, stop: average_pool_loop(source, out, window, step, start, stop),
        len(images), out.size * window[0] * window[1],
    )  # fmt: skip
    return out


def average_pool2d_grad(
    d_out: Array, *, input_size: Size, size: Size, stride: Size | None = None
) -> Array:
    """Derivative of `average_pool2d` in `images`: every pixel of a window gets an equal share.

    d_out (batch, places down, places right, channels), input_size (height, width) ->
    (batch, height, width, channels).
    """
    d_images, window, step = _upstream(d_out, input_size, size, stride)
    upstream = readable(d_out)
    _over_images(
        lambda start, stop: average_pool_grad_loop(upstream, d_images, window, step, start, stop),
        len(d_out), d_out.size * window[0] * window[1],
    )  # fmt: skip
    return d_images


def _windows(images: Array, size: Size, stride: Size | None) -> tuple[Pair, Pair, Pair]:
    """Window, stride and number of places, checked."""
    check_axes(images, "images", IMAGES)
    window = as_pair(size, "size", least=1)
    step = window if stride is None else as_pair(stride, "stride", least=1)
    return window, step, count_places((images.shape[1], images.shape[2]), window, step)


def _upstream(
    d_out: Array, input_size: Size, size: Size, stride: Size | None
) -> tuple[Array, Pair, Pair]:
    """Room for d_images, window and stride, checked against the shape of d_out."""
    check_axes(d_out, "d_out", IMAGES)
    pixels = as_pair(input_size, "input_size", least=1)
    d_images = np.empty((len(d_out), *pixels, d_out.shape[3]), d_out.dtype)
    window, step, places = _windows(d_images, size, stride)
    require(
        d_out.shape[1:3] == places,
        f"windows of {window} with stride {step} have {places} places in {pixels} pixels, got a "
        f"d_out of shape {d_out.shape}; pass the size and stride of the forward pass",
    )
    return d_images, window, step


def _over_images(job: Callable[[int, int], None], images: int, numbers: int) -> None:
    """Run `job(start, stop)` over the images, in threads where that pays."""
    if numbers < SERIAL_BELOW:
        job(0, images)
    else:
        run_over_rows(job, images)
