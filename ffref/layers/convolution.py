"""The convolution layer: forward, parameter gradients, input gradient.

Derivation: docs/derivations/convolution_layer.md, equations CONVLAYER.1 to CONVLAYER.5, over
docs/derivations/convolution.md. The input gradient serves chains inside one block and
back-propagation; local learning never calls it.
"""

from typing import NamedTuple

from ffref import kernels
from ffref._checks import require
from ffref.kernels import as_pair
from ffref.types import Array

Size = int | tuple[int, int]


class Conv(NamedTuple):
    """A convolution layer's arrays."""

    weight: Array
    """(kernel_h, kernel_w, in_channels / groups, out_channels)"""
    bias: Array
    """(out_channels,)"""


def conv_forward(
    conv: Conv, images: Array, *, stride: Size = 1, padding: Size = 0, groups: int = 1
) -> Array:
    """Cross-correlation of images and weight, + bias; see `kernels.conv2d`.

    (batch, height, width, in_channels) -> (batch, places_down, places_right, out_channels).

    Examples
    --------
    >>> import numpy as np
    >>> conv = Conv(np.array([1.0, 10.0]).reshape(1, 2, 1, 1), np.array([0.5]))
    >>> conv_forward(conv, np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)).ravel()
    array([21.5, 32.5])
    """
    _check_bias(conv)
    weighted = kernels.conv2d(images, conv.weight, stride=stride, padding=padding, groups=groups)
    weighted += conv.bias
    return weighted  # (CONVLAYER.1)


def conv_relu(
    conv: Conv, images: Array, *, stride: Size = 1, padding: Size = 0, groups: int = 1
) -> Array:
    """relu of `conv_forward`, with bias and relu in one pass.

    Examples
    --------
    >>> import numpy as np
    >>> conv = Conv(np.array([1.0, -1.0]).reshape(1, 1, 1, 2), np.array([0.5, 0.5]))
    >>> conv_relu(conv, np.array([3.0, 4.0]).reshape(1, 1, 2, 1)).ravel()
    array([3.5, 0. , 4.5, 0. ])
    """
    _check_bias(conv)
    activity = kernels.conv2d(images, conv.weight, stride=stride, padding=padding, groups=groups)
    kernels.add_bias_relu_rows(activity.reshape(-1, activity.shape[3]), conv.bias)  # (CONVLAYER.5)
    return activity


def conv_grads(
    images: Array,
    d_preactivation: Array,
    *,
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    groups: int = 1,
) -> tuple[Array, Array]:
    """Derivatives in weight and bias, (d_weight, d_bias), in the shapes of `Conv`."""
    d_weight = kernels.conv2d_weight_grad(
        images,
        d_preactivation,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        groups=groups,
    )  # (CONVLAYER.2)
    pixels = d_preactivation.reshape(-1, d_preactivation.shape[3])
    return d_weight, kernels.channel_sums(pixels)  # (CONVLAYER.3)


def conv_input_grad(
    conv: Conv,
    d_preactivation: Array,
    *,
    input_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    groups: int = 1,
) -> Array:
    """Derivative in the images, (batch, height, width, in_channels)."""
    return kernels.conv2d_input_grad(
        d_preactivation,
        conv.weight,
        input_size=as_pair(input_size, "input_size", least=1),
        stride=stride,
        padding=padding,
        groups=groups,
    )  # (CONVLAYER.4)


def _check_bias(conv: Conv) -> None:
    require(
        conv.bias.shape == conv.weight.shape[-1:] and conv.bias.dtype == conv.weight.dtype,
        f"bias must be {conv.weight.shape[-1:]} of {conv.weight.dtype}, one number for each "
        f"output channel, got {conv.bias.shape} of {conv.bias.dtype}",
    )
