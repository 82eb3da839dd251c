"""The way back through a whole network: for back-propagation, and for evaluation.

Derivation: docs/derivations/backprop.md, equations BP.5, BP.6 and BP.8. No local step uses it: the
chain needs the weights of the layers above and what every layer kept.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ffref.layers import LayerPass, SumsGrad
from ffref.training import Network, layer_pass
from ffref.types import Array


class NetworkPass(NamedTuple):
    """What a network makes of a batch, kept for one way back."""

    x: Array
    """(batch, features) before normalisation"""
    inputs: list[Array]
    """of each layer, normalised"""
    passed: list[LayerPass]


def network_pass(network: Network, x: Array, *, training: bool) -> NetworkPass:
    """Run all layers; `training` as in `layer_pass`."""
    inputs: list[Array] = []
    passed: list[LayerPass] = []
    for depth, layer in enumerate(network.layers):
        if depth == 0:
            inputs.append(network.input_norm.value(x))
        else:
            inputs.append(network.between_norm.value(passed[-1].activity))
        passed.append(layer_pass(layer, inputs[-1], training=training))
    return NetworkPass(x, inputs, passed)


def ways_back(
    network: Network, forward: NetworkPass, d_features: Sequence[Array | None]
) -> Iterator[SumsGrad]:
    """Way back of each layer to its weighted sums, from the top down.

    Parameters
    ----------
    network : Network
    forward : NetworkPass
        Of this network; used up.
    d_features : sequence, one for each layer
        The loss's derivative in what the layer's objective reads; None where the loss does not
        see it. That in the activity comes from above.
    """
    above = None
    for depth in reversed(range(len(network.layers))):
        layer, passed = network.layers[depth], forward.passed[depth]
        back = layer.kind.sums_grad(layer.weights, passed, d_features[depth], above, None)
        yield back
        if depth > 0:
            d_input = layer.kind.input_grad(layer.weights, back)  # (BP.5)
            above = network.between_norm.vjp(d_input, forward.passed[depth - 1].activity)  # (BP.6)


def input_gradient(
    network: Network, forward: NetworkPass, d_features: Sequence[Array | None]
) -> Array:
    """Derivative in the network's input, (batch, features); arguments as in `ways_back`."""
    for back in ways_back(network, forward, d_features):
        lowest = back
    first = network.layers[0]
    d_input = first.kind.input_grad(first.weights, lowest)
    return network.input_norm.vjp(d_input, forward.x)  # (BP.8)
