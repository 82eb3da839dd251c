"""A network of locally trained layers: its arrays and its forward pass."""

from collections.abc import Iterator
from typing import NamedTuple

from ffref.layers import DENSE, LayerKind, Readout, Weights
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
    """a softmax on the layers' activities without a label, where there is one"""


def layer_activity(layer: LocalLayer, x: LayerInput) -> Array:
    """relu of the layer's weighted sums of normalised rows, (batch, units)."""
    return layer.kind.activity(layer.weights, x)


def layer_units(layer: LocalLayer) -> int:
    """Units of the layer's flat activity."""
    return layer.weights.bias.size * layer.kind.places


def activities(network: Network, x: Array) -> Iterator[Array]:
    """Activity of each layer, relu of its weighted sums of norm(below), from the bottom up.

    Each layer sees the normalised activity of the one below, so that it cannot read that
    layer's goodness off the length of its input.
    """
    x = network.input_norm.value(x)
    yield from activities_above(network, layer_activity(network.layers[0], x))


def activities_above(network: Network, activity: Array) -> Iterator[Array]:
    """Activity of each layer, given that of the first."""
    yield activity
    for layer in network.layers[1:]:
        x = network.between_norm.value(activity)
        activity = layer_activity(layer, x)
        yield activity
