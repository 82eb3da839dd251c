"""A network of locally trained layers: its arrays and its forward pass."""

from collections.abc import Iterator
from typing import NamedTuple

from ffref.layers import DENSE, LayerKind, LayerPass, Readout, Weights
from ffref.types import Array, LayerInput, Norm, Params


class LocalLayer(NamedTuple):
    """One layer's arrays: its weights, and what its objective owns."""

    weights: Weights
    params: Params
    kind: LayerKind = DENSE
    """what its weights are tied to: all features, or windows on images"""


class Network(NamedTuple):
    """Layers and the normalisations before the first and between them."""

    layers: tuple[LocalLayer, ...]
    input_norm: Norm
    between_norm: Norm
    readout: Readout | None = None
    """a softmax on the layers' features without a label, where there is one"""


def layer_pass(layer: LocalLayer, x: LayerInput, *, training: bool = False) -> LayerPass:
    """What the layer makes of normalised rows: activity for the next, features for its objective.

    In training, batch normalisation takes the statistics of these rows; else a row's result does
    not depend on the others.
    """
    return layer.kind.forward(layer.weights, x, training)


def layer_units(layer: LocalLayer) -> int:
    """Number of features that the layer's objective reads."""
    return layer.kind.units(layer.weights)


def passes(network: Network, x: Array, *, training: bool = False) -> Iterator[LayerPass]:
    """What each layer makes of norm(activity below), from the bottom up; see `layer_pass`.

    Each layer sees the normalised activity of the one below, so that it cannot read that
    layer's goodness off the length of its input.
    """
    x = network.input_norm.value(x)
    first = layer_pass(network.layers[0], x, training=training)
    yield from passes_above(network, first, training=training)


def passes_above(
    network: Network, below: LayerPass, *, training: bool = False
) -> Iterator[LayerPass]:
    """What each layer makes, given what the first one did."""
    yield below
    for layer in network.layers[1:]:
        inputs = network.between_norm.value(below.activity)
        below = layer_pass(layer, inputs, training=training)
        yield below


def rows_at_once(network: Network) -> int:
    """Rows that inference takes at a time, to bound memory; results do not depend on it."""
    return min(layer.kind.rows_at_once for layer in network.layers)
