"""Algorithms: how a family of local learning turns samples into batches, and layers into scores.

Two families cover the papers. `contrastive` ones see each sample with its true and with a wrong
label, and predict by the goodness of every label; `one_pass` ones need no negatives and read the
class scores off each layer.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ffref.negatives import (
    LabelEncoding,
    contrastive_batch,
    labelled_context,
    uniform_wrong_label,
)
from ffref.training.network import Network, activities
from ffref.types import Array, Goodness, Labels, LayerContext, Objective, Params


class Algorithm(NamedTuple):
    """What the training loop must know of an algorithm, its choices bound."""

    objectives: Sequence[Objective]
    """one for each layer"""
    batch: Callable[[Array, Labels, np.random.Generator], tuple[Array, LayerContext]]
    """(x, labels, rng) -> (inputs of the first layer, context)"""
    scores: Callable[[Network, Array], Array]
    """(network, x) -> (layers, batch, classes)"""
    neutral: Callable[[Array], Array]
    """x -> inputs of the first layer that carry no label"""


def contrastive(
    objectives: Sequence[Objective], *, goodness: Goodness, encoding: LabelEncoding, classes: int
) -> Algorithm:
    """Positives and uniform wrong labels; prediction by the goodness of every label."""

    def batch(x: Array, labels: Labels, rng: np.random.Generator) -> tuple[Array, LayerContext]:
        wrong = uniform_wrong_label(labels, classes=classes, rng=rng)
        return contrastive_batch(x, labels, wrong, encoding)

    def scores(network: Network, x: Array) -> Array:
        out = np.empty((len(network.layers), len(x), classes), x.dtype)
        for label in range(classes):
            inputs = encoding.write(x, np.full(len(x), label))
            for depth, activity in enumerate(activities(network, inputs)):
                out[depth, :, label] = goodness.value(activity)
        return out

    return Algorithm(objectives, batch, scores, encoding.write_neutral)


def one_pass(
    objectives: Sequence[Objective], *, class_scores: Callable[[Array, Params], Array]
) -> Algorithm:
    """No negatives; one pass, and each layer's own class scores.

    class_scores : (activity, params) -> (batch, classes)
    """

    def batch(x: Array, labels: Labels, rng: np.random.Generator) -> tuple[Array, LayerContext]:
        return x, labelled_context(labels, x.dtype)

    def scores(network: Network, x: Array) -> Array:
        layers = zip(network.layers, activities(network, x), strict=True)
        return np.stack([class_scores(activity, layer.params) for layer, activity in layers])

    def neutral(x: Array) -> Array:
        return x

    return Algorithm(objectives, batch, scores, neutral)
