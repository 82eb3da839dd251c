"""The plain loops: the definition of the three products of local fields.

Derivation: docs/derivations/local_fields.md, equations FIELD.1, FIELD.3 and FIELD.5. Padding is
part of the images that come in. Weights come as (places down, places right, taps, out_channels),
a tap being (y, x, in_channel) of a window in row order.
"""

from ffref.kernels._jit import kernel
from ffref.kernels.fused import multiply_add
from ffref.kernels.places import Pair
from ffref.types import Array


@kernel
def fields_loop(
    images: Array, weight: Array, out: Array, window: Pair, stride: Pair, start: int, stop: int
) -> None:
    """Weighted sums of the windows at the places start .. stop, taps in rising order."""
    channels = images.shape[3]
    for place in range(start, stop):
        i, j = place // out.shape[2], place % out.shape[2]
        for n in range(out.shape[0]):
            for o in range(out.shape[3]):
                out[n, i, j, o] = 0
            for tap in range(window[0] * window[1] * channels):
                y, x = tap // channels // window[1], tap // channels % window[1]
                pixel = images[n, i * stride[0] + y, j * stride[1] + x, tap % channels]
                for o in range(out.shape[3]):
                    total = multiply_add(pixel, weight[i, j, tap, o], out[n, i, j, o])
                    out[n, i, j, o] = total  # (FIELD.1)


@kernel
def fields_weight_loop(
    images: Array, d_out: Array, d_weight: Array, window: Pair, stride: Pair, start: int, stop: int
) -> None:
    """Derivative in the weights of the places start .. stop, images in rising order."""
    channels = images.shape[3]
    for place in range(start, stop):
        i, j = place // d_out.shape[2], place % d_out.shape[2]
        for tap in range(window[0] * window[1] * channels):
            y, x = tap // channels // window[1], tap // channels % window[1]
            for o in range(d_out.shape[3]):
                d_weight[i, j, tap, o] = 0
            for n in range(d_out.shape[0]):
                pixel = images[n, i * stride[0] + y, j * stride[1] + x, tap % channels]
                for o in range(d_out.shape[3]):
                    total = multiply_add(pixel, d_out[n, i, j, o], d_weight[i, j, tap, o])
                    d_weight[i, j, tap, o] = total  # (FIELD.3)


@kernel
def fields_input_loop(
    d_out: Array, weight: Array, d_images: Array, window: Pair, stride: Pair, start: int, stop: int
) -> None:
    """Derivative in the rows start .. stop of the images: places in rising order.

    A place's share of a pixel is one sum over output channels, added to the pixel as a whole.
    """
    channels = d_images.shape[3]
    d_images[:, start:stop] = 0
    for i in range(d_out.shape[1]):
        top = i * stride[0]
        for j in range(d_out.shape[2]):
            for y in range(max(top, start), min(top + window[0], stop)):
                for n in range(d_out.shape[0]):
                    for across in range(window[1] * channels):
                        tap = (y - top) * window[1] * channels + across
                        share = d_out.dtype.type(0)
                        for o in range(d_out.shape[3]):
                            share = multiply_add(d_out[n, i, j, o], weight[i, j, tap, o], share)
                        x, c = j * stride[1] + across // channels, across % channels
                        d_images[n, y, x, c] += share  # (FIELD.5)
