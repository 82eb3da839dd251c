"""Local receptive fields: a convolution whose weights differ from place to place.

Derivation: docs/derivations/local_fields.md, equations FIELD.1 to FIELD.6. Hinton (2022) trains
such layers, which share no weights, on MNIST and CIFAR-10. The input gradient serves chains inside
one block and back-propagation; local learning never calls it.
"""

from typing import NamedTuple

from ffref import kernels
from ffref._checks import require
from ffref.types import Array

Size = int | tuple[int, int]


class LocalFields(NamedTuple):
    """The arrays of a layer of local fields."""

    weight: Array
    """(places_down, places_right, kernel_h, kernel_w, in_channels, out_channels)"""
    bias: Array
    """(places_down, places_right, out_channels)"""


def local_fields_forward(
    fields: LocalFields, images: Array, *, stride: Size = 1, padding: Size = 0
) -> Array:
    """preactivation[n, i, j] = window (i, j) of image n, weighted by weight[i, j], + bias[i, j].

    (batch, height, width, in_channels) -> (batch, places_down, places_right, out_channels).

    Examples
    --------
    >>> import numpy as np
    >>> weight = np.array([[1.0, 1.0], [10.0, 100.0]]).reshape(1, 2, 1, 2, 1, 1)
    >>> fields = LocalFields(weight, np.array([0.5, 0.0]).reshape(1, 2, 1))
    >>> local_fields_forward(fields, np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)).ravel()
    array([  3.5, 320. ])
    """
    weighted = kernels.local_fields(images, fields.weight, stride=stride, padding=padding)
    _check_bias(fields, weighted)
    weighted += fields.bias
    return weighted  # (FIELD.2)


def local_fields_relu(
    fields: LocalFields, images: Array, *, stride: Size = 1, padding: Size = 0
) -> Array:
    """relu of `local_fields_forward`, with bias and relu in one pass.

    Examples
    --------
    >>> import numpy as np
    >>> fields = LocalFields(np.array([1.0, -1.0]).reshape(1, 2, 1, 1, 1, 1), np.ones((1, 2, 1)))
    >>> local_fields_relu(fields, np.array([3.0, 4.0]).reshape(1, 1, 2, 1)).ravel()
    array([4., 0.])
    """
    activity = kernels.local_fields(images, fields.weight, stride=stride, padding=padding)
    _check_bias(fields, activity)
    rows = activity.reshape(len(activity), -1)
    kernels.add_bias_relu_rows(rows, fields.bias.ravel())  # (FIELD.6)
    return activity


def local_fields_grads(
    images: Array,
    d_preactivation: Array,
    *,
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
) -> tuple[Array, Array]:
    """Derivatives in weight and bias, (d_weight, d_bias), in the shapes of `LocalFields`."""
    d_weight = kernels.local_fields_weight_grad(
        images, d_preactivation, kernel_size=kernel_size, stride=stride, padding=padding
    )  # (FIELD.3)
    return d_weight, d_preactivation.sum(axis=0)  # (FIELD.4)


def local_fields_input_grad(
    fields: LocalFields,
    d_preactivation: Array,
    *,
    input_size: Size,
    stride: Size = 1,
    padding: Size = 0,
) -> Array:
    """Derivative in the images, (batch, height, width, in_channels)."""
    return kernels.local_fields_input_grad(
        d_preactivation, fields.weight, input_size=input_size, stride=stride, padding=padding
    )  # (FIELD.5)


def _check_bias(fields: LocalFields, weighted: Array) -> None:
    require(
        fields.bias.shape == weighted.shape[1:] and fields.bias.dtype == weighted.dtype,
        f"bias must be {weighted.shape[1:]} of {weighted.dtype}, one number for each place and "
        f"output channel, got {fields.bias.shape} of {fields.bias.dtype}",
    )
