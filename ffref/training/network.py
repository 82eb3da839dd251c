"""A network of locally trained layers: its arrays and its forward pass."""

from collections.abc import Iterator
from typing import NamedTuple

from ffref.layers import Dense, Readout, dense_relu
from ffref.types import Array, Norm, Params


class LocalLayer(NamedTuple):
    """One layer's arrays: its weights, and what its objective owns."""

    dense: Dense
    params: Params


class Network(NamedTuple):
    """Layers and the normalisations before the first and between them."""

    layers: tuple[LocalLayer, ...]
    input_norm: Norm
    between_norm: Norm
    readout: Readout | None = None
    """a softmax on the layers' activities without a label, where there is one"""


def activities(network: Network, x: Array) -> Iterator[Array]:
    """Activity of each layer, relu(norm(below) @ weight + bias), from the bottom up.

    Each layer sees the normalised activity of the one below, so that it cannot read that
    layer's goodness off the length of its input.
    """
    x = network.input_norm.value(x)
    yield from activities_above(network, dense_relu(network.layers[0].dense, x))


def activities_above(network: Network, activity: Array) -> Iterator[Array]:
    """Activity of each layer, given that of the first."""
    yield activity
    for layer in network.layers[1:]:
        x = network.between_norm.value(activity)
        activity = dense_relu(layer.dense, x)
        yield activity
