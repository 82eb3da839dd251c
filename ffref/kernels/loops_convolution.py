"""The plain loops of convolution: its definition, and a faster form for one channel a group.

The image counts as surrounded by zeros, which take part in the sums as numbers do: zero times an
infinite weight is NaN, as in NumPy. In the input gradient, nothing is outside: its sums have one
term for each output that has used the pixel.

All loops run inwards over neighbours in memory, so no sum is reordered. Arrays are contiguous.
"""

from typing import Any

from ffref.kernels._jit import kernel, kernel_part
from ffref.kernels.fused import multiply_add
from ffref.types import Array

Pair = tuple[int, int]


@kernel
def conv2d_loop(
    images: Array,
    weight: Array,
    out: Array,
    stride: Pair,
    padding: Pair,
    groups: int,
    start: int,
    stop: int,
) -> None:
    """Output of the images start .. stop; taps in the order (kh, kw, c)."""
    taps, outputs = weight.shape[2], weight.shape[3] // groups
    out[start:stop] = 0
    for n in range(start, stop):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                for kh in range(weight.shape[0]):
                    y = i * stride[0] + kh - padding[0]
                    for kw in range(weight.shape[1]):
                        x = j * stride[1] + kw - padding[1]
                        for c in range(images.shape[3]):
                            value = pixel_or_zero(images, n, y, x, c)
                            first = c // taps * outputs
                            for o in range(first, first + outputs):
                                out[n, i, j, o] = multiply_add(
                                    value, weight[kh, kw, c % taps, o], out[n, i, j, o]
                                )  # (CONV.1)


@kernel
def conv2d_weight_grad_loop(
    images: Array,
    d_out: Array,
    out: Array,
    stride: Pair,
    padding: Pair,
    groups: int,
    start: int,
    stop: int,
) -> None:
    """Gradient of the rows start .. stop of the kernel (kh, kw, c); pixels in order (n, i, j)."""
    taps, outputs = out.shape[2], out.shape[3] // groups
    for row in range(start, stop):
        kh, kw, c = row // taps // out.shape[1], row // taps % out.shape[1], row % taps
        out[kh, kw, c] = 0
        for n in range(len(images)):
            for i in range(d_out.shape[1]):
                y = i * stride[0] + kh - padding[0]
                for j in range(d_out.shape[2]):
                    x = j * stride[1] + kw - padding[1]
                    for group in range(groups):
                        value = pixel_or_zero(images, n, y, x, group * taps + c)
                        for o in range(group * outputs, (group + 1) * outputs):
                            out[kh, kw, c, o] = multiply_add(
                                value, d_out[n, i, j, o], out[kh, kw, c, o]
                            )  # (CONV.3)


@kernel
def conv2d_input_grad_loop(
    d_out: Array,
    turned: Array,
    out: Array,
    stride: Pair,
    padding: Pair,
    groups: int,
    start: int,
    stop: int,
) -> None:
    """Gradient of the images start .. stop; terms in the order (kh, kw, o).

    `turned` is the weight with its last two axes exchanged, (KH, KW, Cout, Cin / groups).
    """
    taps, outputs = turned.shape[3], turned.shape[2] // groups
    out[start:stop] = 0
    for n in range(start, stop):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                for kh in range(turned.shape[0]):
                    i = output_of(y + padding[0] - kh, stride[0], d_out.shape[1])
                    for kw in range(turned.shape[1]):
                        j = output_of(x + padding[1] - kw, stride[1], d_out.shape[2])
                        if i >= 0 and j >= 0:
                            for o in range(turned.shape[2]):
                                first = o // outputs * taps
                                for c in range(taps):
                                    out[n, y, x, first + c] = multiply_add(
                                        d_out[n, i, j, o], turned[kh, kw, o, c],
                                        out[n, y, x, first + c],
                                    )  # (CONV.4)  # fmt: skip


@kernel_part
def pixel_or_zero(images: Array, n: int, y: int, x: int, c: int) -> Any:  # noqa: ANN401
    """The number of a pixel, zero outside of the image."""
    value = images.dtype.type(0)
    if 0 <= y < images.shape[1] and 0 <= x < images.shape[2]:
        value = images[n, y, x, c]
    return value


@kernel_part
def output_of(place: int, stride: int, outputs: int) -> int:
    """The output whose window begins at `place` of the padded image, -1 if there is none."""
    return place // stride if place % stride == 0 and 0 <= place < outputs * stride else -1


@kernel
def depthwise_loop(
    images: Array,
    weight: Array,
    out: Array,
    stride: Pair,
    padding: Pair,
    start: int,
    stop: int,
) -> None:
    """As `conv2d_loop`, where each channel is a group with one output."""
    zeros = images.dtype.type(0)
    out[start:stop] = 0
    for n in range(start, stop):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                for kh in range(weight.shape[0]):
                    y = i * stride[0] + kh - padding[0]
                    for kw in range(weight.shape[1]):
                        x = j * stride[1] + kw - padding[1]
                        inside = 0 <= y < images.shape[1] and 0 <= x < images.shape[2]
                        for c in range(out.shape[3]):
                            out[n, i, j, c] = multiply_add(
                                images[n, y, x, c] if inside else zeros,
                                weight[kh, kw, 0, c],
                                out[n, i, j, c],
                            )


@kernel
def depthwise_weight_grad_loop(
    images: Array,
    d_out: Array,
    out: Array,
    stride: Pair,
    padding: Pair,
    start: int,
    stop: int,
) -> None:
    """As `conv2d_weight_grad_loop`, where each channel is a group: channels start .. stop."""
    zero = images.dtype.type(0)
    out[:, :, :, start:stop] = 0
    for n in range(len(images)):
        for i in range(d_out.shape[1]):
            for j in range(d_out.shape[2]):
                for kh in range(out.shape[0]):
                    y = i * stride[0] + kh - padding[0]
                    for kw in range(out.shape[1]):
                        x = j * stride[1] + kw - padding[1]
                        inside = 0 <= y < images.shape[1] and 0 <= x < images.shape[2]
                        for c in range(start, stop):
                            out[kh, kw, 0, c] = multiply_add(
                                images[n, y, x, c] if inside else zero,
                                d_out[n, i, j, c],
                                out[kh, kw, 0, c],
                            )


@kernel
def depthwise_input_grad_loop(
    d_out: Array,
    weight: Array,
    out: Array,
    stride: Pair,
    padding: Pair,
    start: int,
    stop: int,
) -> None:
    """As `conv2d_input_grad_loop`, where each channel is a group with one output."""
    out[start:stop] = 0
    for n in range(start, stop):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                for kh in range(weight.shape[0]):
                    i = output_of(y + padding[0] - kh, stride[0], d_out.shape[1])
                    for kw in range(weight.shape[1]):
                        j = output_of(x + padding[1] - kw, stride[1], d_out.shape[2])
                        if i >= 0 and j >= 0:
                            for c in range(out.shape[3]):
                                out[n, y, x, c] = multiply_add(
                                    d_out[n, i, j, c], weight[kh, kw, 0, c], out[n, y, x, c]
                                )
