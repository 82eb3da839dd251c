"""Small explicit networks and batches for tests of the training rooms."""

from itertools import pairwise

import numpy as np

from ffref.formulas import NORMS
from ffref.layers import Dense
from ffref.training import LocalLayer, Network


def draw_dense(rng, in_units, out_units, dtype=np.float64):
    weight = rng.standard_normal((in_units, out_units)).astype(dtype)
    return Dense(weight, rng.standard_normal(out_units).astype(dtype))


def draw_network(rng, sizes, *, params=lambda units: (), norm="rms", input_norm="none"):
    layers = tuple(LocalLayer(draw_dense(rng, a, b), params(b)) for a, b in pairwise(sizes))
    return Network(layers, NORMS[input_norm], NORMS[norm])


def with_weight(network, depth, **arrays):
    """The same network with other weights in one layer."""
    layers = list(network.layers)
    layers[depth] = layers[depth]._replace(weights=layers[depth].weights._replace(**arrays))
    return network._replace(layers=tuple(layers))


def copied(network):
    layers = tuple(
        layer._replace(
            weights=layer.kind.record(*(a.copy() for a in layer.weights)),
            params=tuple(a.copy() for a in layer.params),
        )
        for layer in network.layers
    )
    return network._replace(layers=layers)
