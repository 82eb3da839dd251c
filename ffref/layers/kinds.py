"""Kinds of layers: what a local step asks of a layer, whatever its weights are tied to.

Between layers, rows stay flat, (batch, features), so that norms, goodness, objectives, readouts
and negatives know nothing of images; an image (height, width, channels) is its row in row-major
order. Derivation: docs/derivations/local_step.md, equations LOCAL.1 and LOCAL.5, over the page of
each layer.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from ffref.kernels import count_places
from ffref.layers.convolution import Conv, conv_grads, conv_relu
from ffref.layers.dense import Dense
from ffref.layers.labelled import each_version, layer_grads, layer_relu
from ffref.layers.local_fields import LocalFields, local_fields_grads, local_fields_relu
from ffref.types import Array, LabelledRows, LayerInput

Pair = tuple[int, int]
ImageShape = tuple[int, int, int]
"""(height, width, channels)"""
Weights = Dense | Conv | LocalFields
"""Each is a `weight` and a `bias`, in shapes of its own."""


class LayerKind(NamedTuple):
    """A layer without its arrays: a record of functions, geometry bound."""

    record: Callable[[Array, Array], Weights]
    """(weight, bias) -> the arrays in this kind's own record"""
    activity: Callable[[Any, LayerInput], Array]
    """(weights, x) -> relu of the weighted sums, (batch, units)"""
    grads: Callable[[LayerInput, Array], tuple[Array, Array]]
    """(x, d_preactivation (batch, units)) -> (d_weight, d_bias)"""
    each_version: Callable[[Any, LabelledRows], Iterator[Array]] | None = None
    """(weights, rows) -> the activity with each version's labels in turn, from one product; None:
    the kind takes plain rows only"""
    places: int = 1
    """that share each bias: of a convolution more than one"""


DENSE = LayerKind(Dense, layer_relu, layer_grads, each_version)
"""Every unit sees every feature; takes `LabelledRows` as well."""


class Window(NamedTuple):
    """A window on images: what a layer of such windows knows besides its arrays."""

    image: ImageShape
    """of the input"""
    size: Pair
    stride: Pair
    padding: Pair


def local_fields_kind(window: Window) -> LayerKind:
    """Windows whose weights differ from place to place, on flat rows.

    Examples
    --------
    Two places of one row of three pixels, 2 channels each: 4 units.

    >>> import numpy as np
    >>> kind = local_fields_kind(Window((1, 3, 1), size=(1, 2), stride=(1, 1), padding=(0, 0)))
    >>> weight = np.array([[[1.0, 2.0], [1.0, 0.0]], [[3.0, -1.0], [0.0, 1.0]]])
    >>> fields = LocalFields(weight.reshape(1, 2, 1, 2, 1, 2), np.zeros((1, 2, 2)))
    >>> kind.activity(fields, np.array([[1.0, 10.0, 100.0]]))
    array([[11.,  2., 30., 90.]])
    """
    return LayerKind(
        LocalFields,
        partial(_local_fields_activity, window=window),
        partial(_local_fields_grads, window=window),
    )


def conv_kind(window: Window) -> LayerKind:
    """Windows that share their weights, on flat rows.

    Examples
    --------
    >>> import numpy as np
    >>> kind = conv_kind(Window((1, 3, 1), size=(1, 2), stride=(1, 1), padding=(0, 0)))
    >>> conv = Conv(np.array([[1.0, 2.0], [1.0, 0.0]]).reshape(1, 2, 1, 2), np.zeros(2))
    >>> kind.activity(conv, np.array([[1.0, 10.0, 100.0]]))
    array([[ 11.,   2., 110.,  20.]])
    """
    down, right = places_of(window)
    return LayerKind(
        Conv,
        partial(_conv_activity, window=window),
        partial(_conv_grads, window=window),
        places=down * right,
    )


def _local_fields_activity(fields: LocalFields, x: LayerInput, *, window: Window) -> Array:
    images = _as_images(x, window.image)
    activity = local_fields_relu(fields, images, stride=window.stride, padding=window.padding)
    return activity.reshape(len(activity), -1)


def _local_fields_grads(
    x: LayerInput, d_preactivation: Array, *, window: Window
) -> tuple[Array, Array]:
    return local_fields_grads(
        _as_images(x, window.image),
        _as_places(d_preactivation, window),
        kernel_size=window.size,
        stride=window.stride,
        padding=window.padding,
    )


def _conv_activity(conv: Conv, x: LayerInput, *, window: Window) -> Array:
    images = _as_images(x, window.image)
    activity = conv_relu(conv, images, stride=window.stride, padding=window.padding)
    return activity.reshape(len(activity), -1)


def _conv_grads(x: LayerInput, d_preactivation: Array, *, window: Window) -> tuple[Array, Array]:
    return conv_grads(
        _as_images(x, window.image),
        _as_places(d_preactivation, window),
        kernel_size=window.size,
        stride=window.stride,
        padding=window.padding,
    )


def _as_images(x: LayerInput, shape: ImageShape) -> Array:
    height, width, channels = shape
    if isinstance(x, LabelledRows) or x.ndim != 2 or x.shape[1] != height * width * channels:
        came = "labelled rows" if isinstance(x, LabelledRows) else f"shape {x.shape}"
        raise ValueError(
            f"this layer takes flat images (batch, {height * width * channels}) of "
            f"{height} x {width} pixels with {channels} channels, got {came}"
        )
    return x.reshape(len(x), height, width, channels)


def _as_places(d_preactivation: Array, window: Window) -> Array:
    places = places_of(window)
    return d_preactivation.reshape(len(d_preactivation), *places, -1)


def places_of(window: Window) -> Pair:
    """Places of the window in the padded image, (down, right).

    Examples
    --------
    >>> places_of(Window((28, 28, 1), size=(10, 10), stride=(6, 6), padding=(0, 0)))
    (4, 4)
    """
    height, width, _ = window.image
    padded = height + 2 * window.padding[0], width + 2 * window.padding[1]
    return count_places(padded, window.size, window.stride)
