"""Local fields with few channels a place: vectors that lie along images or taps, not channels.

Derivation: docs/derivations/local_fields.md, equations FIELD.1 and FIELD.3. Hinton's network for
CIFAR-10 has 3 channels at each of 1024 places. In `local_fields`, where channels are the columns
of the product, most of a vector would stay empty, and copying windows would cost more than their
product. Here nothing is copied:

- forward, the images are the columns: out.T (channels x images) = weight.T (channels x taps)
  times the window (taps x images), whose rows of pixels stand one after the other in images whose
  batch is the last axis;
- the weights' derivative has the taps of one row of the window as its columns, which are
  neighbours in the images as they are.

Each sum is the chain of the plain loops, bit for bit: k rises, and no cut changes it (see `tile`).
"""

import numpy as np

from ffref.kernels._jit import kernel, kernel_part
from ffref.kernels.places import Pair
from ffref.kernels.products import PANEL_BYTES, Matrix, tile_height
from ffref.kernels.tile import SHAPE, tile
from ffref.types import Array

FEW_CHANNELS = 8
"""Most channels a place for which this way is the faster one."""


def images_last(lines: Array) -> Array:
    """(batch, height, width * channels) -> (height, width * channels, images).

    There are as many images as fill whole vectors; those behind the batch are zero.
    """
    batch, height, across = lines.shape
    lanes = SHAPE.vector_bytes // lines.itemsize
    columns = np.zeros((height, across, -(-batch // lanes) * lanes), lines.dtype)
    columns[:, :, :batch] = lines.transpose(1, 2, 0)
    return columns


def with_slack(lines: Array) -> Array:
    """The same numbers, and room behind them: a vector may be read beyond the last one."""
    room = np.zeros(lines.size + PANEL_BYTES // lines.itemsize, lines.dtype)
    room[: lines.size] = lines.ravel()
    return room


@kernel
def few_forward_places(
    columns: Array, weight: int, out: Array, turned: Array,
    window: Pair, steps: Pair, start: int, stop: int,
) -> None:  # fmt: skip
    """`fields_loop` at the places start .. stop; `turned` is (channels, a panel of images).

    `window` is (rows, numbers in a row of the window). Some images meet all places before the
    next do, since windows of neighbours share most of their pixels.
    """
    channels, panel = turned.shape
    size, images, batch = out.itemsize, columns.shape[2], len(out)
    taps = window[0] * window[1]
    for image in range(0, images, panel):
        wide = min(panel, images - image)
        for place in range(start, stop):
            i, j = place // out.shape[2], place % out.shape[2]
            for y in range(window[0]):
                source = columns[i * steps[0] + y, j * steps[1] :, image:]
                b = (_address(source), columns.strides[1], size)
                first_tap = place * taps + y * window[1]
                a = (weight + first_tap * channels * size, size, channels * size)
                _add_product(turned, a, b, window[1], wide, y == 0)
            for o in range(channels):
                for n in range(image, min(image + panel, batch)):
                    out[n, i, j, o] = turned[o, n - image]  # (FIELD.1)


@kernel
def few_weight_places(
    lines: Array, shape: tuple[int, int, int], d_out: int, d_weight: Array, turned: Array,
    window: Pair, steps: Pair, start: int, stop: int,
) -> None:  # fmt: skip
    """`fields_weight_loop` at the places start .. stop; `turned` is (channels, a row's taps).

    `lines` comes from `with_slack`, its shape was (batch, height, width * channels).
    """
    channels, size = turned.shape[0], lines.itemsize
    right, (batch, height, across) = d_weight.shape[1], shape
    next_image = d_weight.shape[0] * right * channels * size
    for i in range(start // right, (stop + right - 1) // right):
        for y in range(window[0]):
            line = (i * steps[0] + y) * across
            for j in range(max(start - i * right, 0), min(stop - i * right, right)):
                a = (d_out + (i * right + j) * channels * size, size, next_image)
                b = (_address(lines) + (line + j * steps[1]) * size, height * across * size, size)
                _add_product(turned, a, b, batch, window[1], True)
                target = d_weight[i, j, y * window[1] : (y + 1) * window[1]]
                for tap in range(window[1]):
                    for o in range(channels):
                        target[tap, o] = turned[o, tap]  # (FIELD.3)


@kernel_part
def _add_product(out: Array, a: Matrix, b: Matrix, depth: int, columns: int, first: bool) -> None:
    """out[r, c] (+)= sum_k a[r, k] b[k, c]; b is read in whole vectors, where it is."""
    width = PANEL_BYTES // out.itemsize
    for column in range(0, columns, width):
        wide, row = min(width, columns - column), 0
        while row < len(out):
            height = tile_height(len(out) - row)
            place = np.int64(out.ctypes.data) + row * out.strides[0] + column * out.itemsize
            tile(
                out.dtype, height, wide, a[0] + row * a[1], a[1], a[2],
                b[0] + column * out.itemsize, b[1], place, out.strides[0], depth, first,
            )  # fmt: skip
            row += height


@kernel_part
def _address(array: Array) -> int:
    return int(np.int64(array.ctypes.data))
