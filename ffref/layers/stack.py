"""Stacks of layers from short descriptions: shapes of all arrays, kinds, first weights.

A description is a plain tuple that JSON can hold: ("dense", units), or ("local" | "conv", size,
stride, channels) with padding as a fifth entry where there is one. Sizes are whole numbers, or
(vertical, horizontal).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import check_count, require
from ffref.kernels import as_pair
from ffref.layers.kinds import (
    DENSE,
    ImageShape,
    LayerKind,
    Pair,
    Weights,
    Window,
    conv_kind,
    local_fields_kind,
    places_of,
)

FORMS = {
    "dense": "('dense', units)",
    "local": "('local', size, stride, channels[, padding])",
    "conv": "('conv', size, stride, channels[, padding])",
}
"""Names of layers, and what is said of each."""


class LayerDescription(NamedTuple):
    """One layer as it was asked for."""

    name: str
    units: int
    """of a dense layer; of the others channels a place"""
    size: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)


class PlannedLayer(NamedTuple):
    """One layer, its shapes known."""

    kind: LayerKind
    weight_shape: tuple[int, ...]
    bias_shape: tuple[int, ...]
    inputs: int
    """that each unit sees"""
    out_shape: tuple[int, ...]
    """(units,), or (height, width, channels)"""

    @property
    def units(self) -> int:
        """Of the flat activity."""
        return math.prod(self.out_shape)


def describe_layers(layers: Any) -> tuple[LayerDescription, ...]:  # noqa: ANN401
    """Read descriptions, or say which of them is wrong.

    Examples
    --------
    >>> describe_layers([["conv", 3, 2, 8, 1]])[0].padding
    (1, 1)
    """
    require(
        isinstance(layers, Sequence) and not isinstance(layers, str) and len(layers) > 0,
        f"layers must be a sequence of at least one layer, as {FORMS['local']}, got {layers!r}",
    )
    return tuple(_describe(layer, number) for number, layer in enumerate(layers, 1))


def plan_layers(
    descriptions: Sequence[LayerDescription], shape: tuple[int, ...]
) -> tuple[PlannedLayer, ...]:
    """Shapes and kinds of all layers.

    Parameters
    ----------
    descriptions : sequence of LayerDescription
    shape : (features,) or (height, width, channels)
        Of one row of the first layer's input.

    Raises
    ------
    ValueError
        If a window does not fit into what is below it.

    Examples
    --------
    Hinton's network of local fields: places x channels of each layer.

    >>> layers = describe_layers([("local", 10, 6, 128), ("local", 2, 1, 220)])
    >>> [layer.out_shape for layer in plan_layers(layers, (28, 28, 1))]
    [(4, 4, 128), (3, 3, 220)]
    """
    planned: list[PlannedLayer] = []
    for number, description in enumerate(descriptions, 1):
        layer = _plan(description, shape, number)
        planned.append(layer)
        shape = layer.out_shape
    return tuple(planned)


def draw_weights(rng: np.random.Generator, layer: PlannedLayer, gain: float) -> Weights:
    """Draw weights from N(0, gain / inputs of a unit), with zero bias; float32."""
    weight = rng.standard_normal(layer.weight_shape) * np.sqrt(gain / layer.inputs)
    return layer.kind.record(weight.astype(np.float32), np.zeros(layer.bias_shape, np.float32))


def _describe(layer: Any, number: int) -> LayerDescription:  # noqa: ANN401
    is_list = isinstance(layer, Sequence) and not isinstance(layer, str) and len(layer) > 0
    name = layer[0] if is_list else layer
    require(
        is_list and isinstance(name, str) and name in FORMS,
        f"layer {number} of layers must be one of {', '.join(FORMS.values())}, got {layer!r}",
    )
    counts = (2,) if name == "dense" else (4, 5)
    require(len(layer) in counts, f"layer {number} of layers must be {FORMS[name]}, got {layer!r}")
    if name == "dense":
        check_count(layer[1], f"units of layer {number} of layers")
        return LayerDescription(name, int(layer[1]))
    _, size, stride, channels, padding = (*layer, 0)[:5]
    check_count(channels, f"channels of layer {number} of layers")
    return LayerDescription(
        name,
        int(channels),
        as_pair(size, f"size of layer {number} of layers", least=1),
        as_pair(stride, f"stride of layer {number} of layers", least=1),
        as_pair(padding, f"padding of layer {number} of layers", least=0),
    )


def _plan(description: LayerDescription, shape: tuple[int, ...], number: int) -> PlannedLayer:
    units = description.units
    if description.name == "dense":
        width = math.prod(shape)
        return PlannedLayer(DENSE, (width, units), (units,), width, (units,))
    if len(shape) != 3:
        raise ValueError(
            f"layer {number} of layers, {description.name!r}, walks over images, and there are "
            f"none above a dense layer; put dense layers last"
        )
    window = _window(description, (shape[0], shape[1], shape[2]))
    try:
        places = places_of(window)
    except ValueError as error:
        raise ValueError(f"layer {number} of layers: {error}") from None
    taps = (*window.size, window.image[2])
    inputs, out_shape = math.prod(taps), (*places, units)
    if description.name == "conv":
        return PlannedLayer(conv_kind(window), (*taps, units), (units,), inputs, out_shape)
    weight_shape = (*places, *taps, units)
    return PlannedLayer(local_fields_kind(window), weight_shape, out_shape, inputs, out_shape)


def _window(description: LayerDescription, image: ImageShape) -> Window:
    return Window(image, description.size, description.stride, description.padding)
