"""Diagnostics of every layer of a network on samples that it need not have seen."""

import numpy as np

from ffref.data import Samples, first_rows
from ffref.formulas.diagnostics import LayerDiagnostics, layer_diagnostics
from ffref.training.algorithm import Algorithm
from ffref.training.network import Network, layer_pass
from ffref.training.readout import network_logits
from ffref.training.step import carry
from ffref.types import Labels

SAMPLES = 2000
"""Most samples that are looked at: enough for shares to a per cent."""


def diagnose(
    algorithm: Algorithm,
    network: Network,
    x: Samples,
    labels: Labels,
    *,
    rng: np.random.Generator,
) -> list[LayerDiagnostics]:
    """Pairwise error, mean goodness of each side and share of dead units, layer by layer.

    The samples meet negatives as in training. Algorithms without negatives have no pairwise error
    and no goodness of negatives: nan.

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
    found: list[LayerDiagnostics] = []
    for layer, objective in zip(network.layers, algorithm.objectives, strict=True):
        passed = layer_pass(layer, inputs)
        goodness = objective.evaluate(passed.features, context, layer.params).goodness
        found.append(layer_diagnostics(passed.activity, goodness, context))
        context = carry(context, goodness)
        inputs = network.between_norm.value(passed.activity)
    return found
