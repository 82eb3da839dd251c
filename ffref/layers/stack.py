"""Stacks of layers from short descriptions: shapes of all arrays, kinds, first weights.

A description is a plain tuple that JSON can hold: ("dense", units), ("local" | "conv", size,
stride, channels) with padding as a fifth entry where there is one, or ("block", choices), a
dictionary of what is said in `BLOCK_CHOICES`. Sizes are whole numbers, or (vertical, horizontal).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import check_count, require
from ffref.kernels import as_pair
from ffref.layers.block import BLOCK_NORMS, BlockForm, block_shapes, check_form, draw_block
from ffref.layers.kinds import (
    DENSE,
    LayerKind,
    Weights,
    block_kind,
    conv_kind,
    local_fields_kind,
)
from ffref.layers.windows import ImageShape, Pair, Window, places_of

FORMS = {
    "dense": "('dense', units)",
    "local": "('local', size, stride, channels[, padding])",
    "conv": "('conv', size, stride, channels[, padding])",
    "block": "('block', {'channels': channels, ...})",
}
"""Names of layers, and what is said of each."""
BLOCK_CHOICES: dict[str, Any] = {
    "size": 3,
    "stride": 1,
    "padding": 1,
    "pool": 1,
    "norm": "batch",
    "auxiliary": None,
    "residual": False,
    "groups": 1,
}
"""What may be said of a block besides its channels, and what holds if it is not: window, step and
zeros around the image of the convolution; window of max-pooling; "batch", or the norm of a
sample's row of weighted sums; [channels, grid] of the auxiliary convolution (channels None: means
of the grid's cells alone); whether the input is added to the relu's output; groups of channels
that do not see each other (grouped convolution)."""


class LayerDescription(NamedTuple):
    """One layer as it was asked for."""

    name: str
    units: int
    """of a dense layer; of the others channels a place"""
    size: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    pool: Pair = (1, 1)
    norm: str = "none"
    auxiliary: int = 0
    """channels of the auxiliary convolution; 0: there is none"""
    grid: Pair | None = None
    """of cells whose means the features are made of"""
    residual: bool = False
    groups: int = 1


class PlannedLayer(NamedTuple):
    """One layer, its shapes known."""

    kind: LayerKind
    shapes: tuple[tuple[int, ...], ...]
    """of its arrays"""
    inputs: int
    """that each unit sees"""
    out_shape: tuple[int, ...]
    """of the activity: (units,), or (height, width, channels)"""
    feature_shape: tuple[int, ...]
    """of what the objective reads; of most layers the activity"""
    draw: Callable[[np.random.Generator, float], Weights]
    """(rng, gain) -> first weights from N(0, gain / inputs of a unit), zero bias; float32"""

    @property
    def units(self) -> int:
        """Of the flat features."""
        return math.prod(self.feature_shape)


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


def _describe(layer: Any, number: int) -> LayerDescription:  # noqa: ANN401
    is_list = isinstance(layer, Sequence) and not isinstance(layer, str) and len(layer) > 0
    name = layer[0] if is_list else layer
    require(
        is_list and isinstance(name, str) and name in FORMS,
        f"layer {number} of layers must be one of {', '.join(FORMS.values())}, got {layer!r}",
    )
    counts = (2,) if name in ("dense", "block") else (4, 5)
    require(len(layer) in counts, f"layer {number} of layers must be {FORMS[name]}, got {layer!r}")
    if name == "dense":
        check_count(layer[1], f"units of layer {number} of layers")
        return LayerDescription(name, int(layer[1]))
    if name == "block":
        return _describe_block(layer[1], number)
    _, size, stride, channels, padding = (*layer, 0)[:5]
    return _describe_window(name, channels, size, stride, padding, number)


def _describe_window(
    name: str,
    channels: Any,  # noqa: ANN401
    size: Any,  # noqa: ANN401
    stride: Any,  # noqa: ANN401
    padding: Any,  # noqa: ANN401
    number: int,
) -> LayerDescription:
    check_count(channels, f"channels of layer {number} of layers")
    return LayerDescription(
        name,
        int(channels),
        as_pair(size, f"size of layer {number} of layers", least=1),
        as_pair(stride, f"stride of layer {number} of layers", least=1),
        as_pair(padding, f"padding of layer {number} of layers", least=0),
    )


def _describe_block(choices: Any, number: int) -> LayerDescription:  # noqa: ANN401
    where = f"of layer {number} of layers"
    require(
        isinstance(choices, Mapping)
        and "channels" in choices
        and set(choices) <= {"channels", *BLOCK_CHOICES},
        f"the block {where} must be a dictionary with 'channels', and of "
        f"{', '.join(BLOCK_CHOICES)} what differs from {BLOCK_CHOICES}; got {choices!r}",
    )
    said = BLOCK_CHOICES | dict(choices)
    window = _describe_window(
        "block", said["channels"], said["size"], said["stride"], said["padding"], number
    )
    norm, residual, auxiliary = said["norm"], said["residual"], said["auxiliary"]
    require(
        isinstance(norm, str) and norm in BLOCK_NORMS,
        f"norm {where} must be one of {', '.join(BLOCK_NORMS)}, got {norm!r}",
    )
    require(
        isinstance(residual, bool), f"residual {where} must be True or False, got {residual!r}"
    )
    check_count(said["groups"], f"groups {where}")
    window = window._replace(
        pool=as_pair(said["pool"], f"pool {where}", least=1),
        norm=norm,
        residual=residual,
        groups=int(said["groups"]),
    )
    if auxiliary is None:
        return window
    require(
        isinstance(auxiliary, list | tuple) and len(auxiliary) == 2,
        f"auxiliary {where} must be [channels, grid], as [64, 4], or None, got {auxiliary!r}",
    )
    channels, grid = auxiliary
    if channels is not None:
        check_count(channels, f"auxiliary channels {where}")
    grid = as_pair(grid, f"auxiliary grid {where}", least=1)
    return window._replace(auxiliary=int(channels or 0), grid=grid)


def _plan(description: LayerDescription, shape: tuple[int, ...], number: int) -> PlannedLayer:
    units = description.units
    if description.name == "dense":
        width = math.prod(shape)
        return _planned(DENSE, ((width, units), (units,)), width, (units,))
    if len(shape) != 3:
        raise ValueError(
            f"layer {number} of layers, {description.name!r}, walks over images, and there are "
            f"none above a dense layer; put dense layers last"
        )
    window = _window(description, (shape[0], shape[1], shape[2]))
    try:
        if description.name == "block":
            return _plan_block(description, window)
        places = places_of(window)
    except ValueError as error:
        raise ValueError(f"layer {number} of layers: {error}") from None
    taps = (*window.size, window.image[2])
    inputs, out_shape = math.prod(taps), (*places, units)
    if description.name == "conv":
        return _planned(conv_kind(window), ((*taps, units), (units,)), inputs, out_shape)
    shapes = ((*places, *taps, units), out_shape)
    return _planned(local_fields_kind(window), shapes, inputs, out_shape)


def _planned(
    kind: LayerKind, shapes: tuple[tuple[int, ...], ...], inputs: int, out_shape: tuple[int, ...]
) -> PlannedLayer:
    """Plan a layer of weight and bias, whose features are its activity."""
    draw = partial(_draw, kind=kind, shapes=shapes, inputs=inputs)
    return PlannedLayer(kind, shapes, inputs, out_shape, out_shape, draw)


def _draw(
    rng: np.random.Generator,
    gain: float,
    *,
    kind: LayerKind,
    shapes: tuple[tuple[int, ...], ...],
    inputs: int,
) -> Weights:
    weight = rng.standard_normal(shapes[0]) * np.sqrt(gain / inputs)
    return kind.record(weight.astype(np.float32), np.zeros(shapes[1], np.float32))


def _plan_block(description: LayerDescription, window: Window) -> PlannedLayer:
    channels, auxiliary = description.units, description.auxiliary
    form = BlockForm(
        window,
        description.pool,
        description.norm,
        description.grid,
        description.residual,
        description.groups,
    )
    check_form(form, channels)
    shapes = block_shapes(form, channels, auxiliary)
    return PlannedLayer(
        block_kind(form),
        shapes,
        math.prod(shapes[0][:3]),
        (*form.places, channels),
        (*(form.grid or form.places), auxiliary or channels),
        partial(_draw_block, form=form, channels=channels, auxiliary=auxiliary),
    )


def _draw_block(
    rng: np.random.Generator, gain: float, *, form: BlockForm, channels: int, auxiliary: int
) -> Weights:
    return draw_block(rng, form, channels=channels, gain=gain, auxiliary=auxiliary)


def _window(description: LayerDescription, image: ImageShape) -> Window:
    return Window(image, description.size, description.stride, description.padding)
