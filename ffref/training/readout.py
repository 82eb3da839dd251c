"""A softmax readout that is trained beside the layers, on what they say without a label.

Source: Hinton (2022), section 3.3, and the official Matlab code: each batch is also shown with
the neutral label; the readout learns from the normalised activities of that pass, and the wrong
labels of the batch are drawn from its logits. Nothing of its loss reaches the layers.
"""

from typing import NamedTuple

from ffref.layers import Readout, readout_evaluate, readout_features, readout_logits
from ffref.training.divergence import check_loss
from ffref.training.network import Network, passes
from ffref.training.optimizers import Optimizer, OptimizerState
from ffref.types import Array, Labels


class ReadoutTraining(NamedTuple):
    """How a network's softmax readout is trained."""

    optimizer: Optimizer
    rate_factor: float
    """times the learning rate of the layers"""


def network_features(network: Network, neutral: Array) -> tuple[Array, ...]:
    """What the readout reads, for inputs that carry no label: a layer for each of its weights."""
    read = [passed.features for passed in passes(network, neutral)]
    layers = len(_readout(network).weights)
    return readout_features(read, network.between_norm, layers=layers)


def network_logits(network: Network, neutral: Array) -> Array:
    """Logits of the softmax readout, (batch, features) -> (batch, classes)."""
    return readout_logits(_readout(network), network_features(network, neutral))


def _readout(network: Network) -> Readout:
    if network.readout is None:
        raise ValueError("this network has no softmax readout; train it with readout='softmax'")
    return network.readout


def readout_step(
    training: ReadoutTraining,
    readout: Readout,
    state: OptimizerState,
    features: tuple[Array, ...],
    labels: Labels,
    learning_rate: float,
) -> tuple[OptimizerState, Array]:
    """Overwrite the readout's weights by one update; return its logits from before.

    The bias stays as it is, as in Hinton's code.
    """
    evaluation = readout_evaluate(readout, features, labels)
    check_loss(evaluation.loss, "the softmax readout")
    rate = training.rate_factor * learning_rate
    decayed = [True] * len(readout.weights)
    weights, d_weights = readout.weights, evaluation.d_weights
    return training.optimizer.update(weights, d_weights, state, rate, decayed), evaluation.logits
