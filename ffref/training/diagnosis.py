"""What every layer of a network makes of samples that it need not have seen."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ffref.data import Samples, first_rows
from ffref.training.algorithm import Algorithm
from ffref.training.network import Network, layer_pass
from ffref.training.readout import network_logits
from ffref.training.step import carry
from ffref.types import Array, Labels, LayerContext

SAMPLES = 2000
"""Most samples that are looked at: enough for shares to a per cent."""


class Watched(NamedTuple):
    """One layer on a batch as training makes them: samples, and the negatives they meet."""

    activity: Array
    """(batch, units)"""
    goodness: Array
    """(batch,)"""
    context: LayerContext


def watch(
    algorithm: Algorithm,
    network: Network,
    x: Samples,
    labels: Labels,
    *,
    rng: np.random.Generator,
) -> Iterator[Watched]:
    """See what each layer makes of samples and of negatives drawn as in training.

    Parameters
    ----------
    algorithm : Algorithm
    network : Network
    x : (samples, features), labels : (samples,)
        At most 2,000 of them are looked at, the first.
    rng : numpy.random.Generator
        Draws the negatives.
    """
    x, labels = first_rows(x, SAMPLES), labels[:SAMPLES]
    logits = None
    if network.readout is not None:
        logits = network_logits(network, algorithm.neutral(x))
    inputs, context = algorithm.batch(network, x, labels, logits, rng)
    for layer, objective in zip(network.layers, algorithm.objectives, strict=True):
        passed = layer_pass(layer, inputs)
        goodness = objective.evaluate(passed.features, context, layer.params).goodness
        yield Watched(passed.activity, goodness, context)
        context = carry(context, goodness)
        inputs = network.between_norm.value(passed.activity)
