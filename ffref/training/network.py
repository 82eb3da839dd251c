"""A network of locally trained layers: its arrays and its forward pass."""

from collections.abc import Iterator
from typing import NamedTuple

from ffref.formulas import relu
from ffref.layers import Dense, dense_forward
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


def activities(network: Network, x: Array) -> Iterator[Array]:
    """Activity of each layer, relu(norm(below) @ weight + bias), from the bottom up.

    Each layer sees the normalised activity of the one below, so that it cannot read that
    layer's goodness off the length of its input.
    """
    x = network.input_norm.value(x)
    for layer in network.layers:
        activity = relu(dense_forward(layer.dense, x))  # (LOCAL.1)
        yield activity
        x = network.between_norm.value(activity)  # (LOCAL.2)
