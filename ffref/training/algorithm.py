"""Algorithms: how a family of local learning turns samples into batches, and layers into scores.

Two families cover the papers. `contrastive` ones see each sample with its true and with a wrong
label, and predict by the goodness of every label; `one_pass` ones need no negatives and read the
class scores off each layer.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ffref.layers import layer_relu, shared_product, version_relu
from ffref.negatives import (
    LabelEncoding,
    contrastive_batch,
    labelled_context,
    labelled_rows,
    uniform_wrong_label,
)
from ffref.training.network import Network, activities, activities_above
from ffref.types import Array, Goodness, Labels, LayerContext, LayerInput, Objective, Params


class Algorithm(NamedTuple):
    """What the training loop must know of an algorithm, its choices bound."""

    objectives: Sequence[Objective]
    """one for each layer"""
    batch: Callable[[Network, Array, Labels, np.random.Generator], tuple[LayerInput, LayerContext]]
    """(network, x, labels, rng) -> (the first layer's input, normalised; context)"""
    scores: Callable[[Network, Array], Array]
    """(network, x) -> (layers, batch, classes)"""
    neutral: Callable[[Array], Array]
    """x -> inputs of the first layer that carry no label"""


def contrastive(
    objectives: Sequence[Objective], *, goodness: Goodness, encoding: LabelEncoding, classes: int
) -> Algorithm:
    """Positives and uniform wrong labels; prediction by the goodness of every label."""

    def batch(
        network: Network, x: Array, labels: Labels, rng: np.random.Generator
    ) -> tuple[LayerInput, LayerContext]:
        wrong = uniform_wrong_label(labels, classes=classes, rng=rng)
        return contrastive_batch(x, labels, wrong, encoding, network.input_norm)

    def scores(network: Network, x: Array) -> Array:
        out = np.empty((len(network.layers), len(x), classes), x.dtype)
        for label, first in enumerate(first_activities(network, x, encoding)):
            for depth, activity in enumerate(activities_above(network, first)):
                out[depth, :, label] = goodness.value(activity)
        return out

    return Algorithm(objectives, batch, scores, encoding.write_neutral)


def one_pass(
    objectives: Sequence[Objective], *, class_scores: Callable[[Array, Params], Array]
) -> Algorithm:
    """No negatives; one pass, and each layer's own class scores.

    class_scores : (activity, params) -> (batch, classes)
    """

    def batch(
        network: Network, x: Array, labels: Labels, rng: np.random.Generator
    ) -> tuple[LayerInput, LayerContext]:
        return network.input_norm.value(x), labelled_context(labels, x.dtype)

    def scores(network: Network, x: Array) -> Array:
        layers = zip(network.layers, activities(network, x), strict=True)
        return np.stack([class_scores(activity, layer.params) for layer, activity in layers])

    def neutral(x: Array) -> Array:
        return x

    return Algorithm(objectives, batch, scores, neutral)


def first_activities(network: Network, x: Array, encoding: LabelEncoding) -> Iterator[Array]:
    """Activity of the first layer for each label in turn; each is overwritten by the next.

    Where labels have slots, the samples meet the weights once for all labels.
    """
    dense = network.layers[0].dense
    every_label = np.tile(np.arange(encoding.classes)[:, None], len(x))
    rows = labelled_rows(x, every_label, encoding, network.input_norm)
    if rows is None:
        for labels in every_label:
            yield layer_relu(dense, network.input_norm.value(encoding.write(x, labels)))
        return
    product = shared_product(dense, rows)
    activity = np.empty_like(product)
    for labels in every_label:
        version_relu(dense, rows, product, labels, activity)
        yield activity
