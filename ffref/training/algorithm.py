"""Algorithms: how a family of local learning turns samples into batches, and layers into scores.

Two families cover the papers. `contrastive` ones see each sample with its true and with a wrong
label, and predict by the goodness of every label; `one_pass` ones need no negatives and read the
class scores off each layer.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ffref._checks import require
from ffref.layers import LayerPass
from ffref.negatives import (
    LabelEncoding,
    class_tuples,
    contrastive_batch,
    labelled_context,
    labelled_rows,
    other_row,
    paired_context,
    self_contrast,
    wrong_label,
)
from ffref.training.network import Network, layer_pass, passes, passes_above
from ffref.training.readout import ReadoutTraining
from ffref.types import Array, Goodness, Labels, LayerContext, LayerInput, Norm, Objective, Params

Batch = Callable[
    [Network, Array, Labels, Array | None, np.random.Generator], tuple[LayerInput, LayerContext]
]


class Algorithm(NamedTuple):
    """What the training loop must know of an algorithm, its choices bound."""

    objectives: Sequence[Objective]
    """one for each layer"""
    batch: Batch
    """(network, x, labels, logits of the softmax readout or None, rng) -> (the first layer's
    input, normalised; context)"""
    scores: Callable[[Network, Array], Array]
    """(network, x) -> (layers, batch, classes)"""
    neutral: Callable[[Array], Array]
    """x -> inputs of the first layer that carry no label"""
    readout: ReadoutTraining | None = None
    """how the softmax readout is trained; None where there is none"""


def contrastive(
    objectives: Sequence[Objective],
    *,
    goodness: Goodness,
    encoding: LabelEncoding,
    classes: int,
    hard_labels: bool = False,
    readout: ReadoutTraining | None = None,
    network_goodness: bool = False,
) -> Algorithm:
    """Positives and wrong labels; prediction by the goodness of every label.

    Wrong labels are uniform, or drawn from the logits of the softmax readout (`hard_labels`).
    With `network_goodness` a batch passes through all layers once before the step, for
    objectives that are told the summed goodness of the whole network.
    """
    require(
        readout is not None or not hard_labels,
        "hard negative labels are drawn from a softmax readout, and there is none",
    )

    def batch(
        network: Network, x: Array, labels: Labels, logits: Array | None, rng: np.random.Generator
    ) -> tuple[LayerInput, LayerContext]:
        wrong = wrong_label(labels, logits if hard_labels else None, classes=classes, rng=rng)
        shared = network.layers[0].kind.each_version is not None
        inputs, context = contrastive_batch(
            x, labels, wrong, encoding, network.input_norm, shared=shared
        )
        if network_goodness:
            first = layer_pass(network.layers[0], inputs, training=True)
            above = passes_above(network, first, training=True)
            of_layers = [goodness.value(passed.features) for passed in above]
            context = context._replace(network_goodness=np.sum(of_layers, axis=0))
        return inputs, context

    def scores(network: Network, x: Array) -> Array:
        out = np.empty((len(network.layers), len(x), classes), x.dtype)
        for label, first in enumerate(first_passes(network, x, encoding)):
            for depth, passed in enumerate(passes_above(network, first)):
                out[depth, :, label] = goodness.value(passed.features)
        return out

    return Algorithm(objectives, batch, scores, encoding.write_neutral, readout)


def unsupervised(
    objectives: Sequence[Objective],
    *,
    negatives: Callable[[Array, np.random.Generator], Array],
    readout: ReadoutTraining,
) -> Algorithm:
    """Samples against made-up ones, no label; classes are read off by a softmax alone.

    negatives : (x, rng) -> as many negative samples
    """

    def batch(
        network: Network, x: Array, labels: Labels, logits: Array | None, rng: np.random.Generator
    ) -> tuple[LayerInput, LayerContext]:
        inputs = np.concatenate([x, negatives(x, rng)])
        return network.input_norm.value(inputs), paired_context(labels, x.dtype)

    return unlabelled(objectives, batch, readout)


def unlabelled(
    objectives: Sequence[Objective], batch: Batch, readout: ReadoutTraining
) -> Algorithm:
    """Layers that never see a label, however their batches are made.

    A sample that is alone in its batch has no other to be mixed with: it is a positive only.
    """

    def batch_or_alone(
        network: Network, x: Array, labels: Labels, logits: Array | None, rng: np.random.Generator
    ) -> tuple[LayerInput, LayerContext]:
        if len(x) == 1:
            return network.input_norm.value(x), labelled_context(labels, x.dtype)
        return batch(network, x, labels, logits, rng)

    def scores(network: Network, x: Array) -> Array:
        raise ValueError(
            "these layers never saw a label, so that none has a goodness of its own; read the "
            "classes off the softmax readout"
        )

    return Algorithm(objectives, batch_or_alone, scores, lambda x: x, readout)


def self_contrastive(objectives: Sequence[Objective], *, readout: ReadoutTraining) -> Algorithm:
    """Samples beside themselves against samples beside others, no label; for SCFF.

    The network's input norm must be `beside_itself` of one: it makes a positive of a sample.
    """

    def batch(
        network: Network, x: Array, labels: Labels, logits: Array | None, rng: np.random.Generator
    ) -> tuple[LayerInput, LayerContext]:
        halves = network.input_norm.value(x) / 2
        others = other_row(len(x), rng=rng)
        return self_contrast(halves, others), paired_context(labels, x.dtype)

    return unlabelled(objectives, batch, readout)


def beside_itself(norm: Norm) -> Norm:
    """A norm whose rows are counted twice: a layer sees N(x) + N(x), as a positive of SCFF.

    Examples
    --------
    >>> import numpy as np
    >>> from ffref.formulas import NORMS
    >>> beside_itself(NORMS["l2"]).value(np.array([[3.0, 4.0]]))
    array([[1.2, 1.6]])
    """
    return Norm(partial(_twice, norm.value), partial(_twice, norm.vjp))


def _twice(function: Callable[..., Array], *arrays: Array) -> Array:
    return 2 * function(*arrays)


def one_pass(
    objectives: Sequence[Objective], *, class_scores: Sequence[Callable[[Array, Params], Array]]
) -> Algorithm:
    """No negatives; one pass, and each layer's own class scores.

    class_scores : (features, params) -> (batch, classes), one for each layer
    """
    rows = max(objective.compared_rows for objective in objectives)

    def batch(
        network: Network, x: Array, labels: Labels, logits: Array | None, rng: np.random.Generator
    ) -> tuple[LayerInput, LayerContext]:
        context = labelled_context(labels, x.dtype)
        if rows:
            tuples = class_tuples(labels, classes=int(labels.max()) + 1, rows=rows, rng=rng)
            context = context._replace(tuples=tuples)
        return network.input_norm.value(x), context

    def scores(network: Network, x: Array) -> Array:
        layers = zip(class_scores, network.layers, passes(network, x), strict=True)
        return np.stack([score(made.features, layer.params) for score, layer, made in layers])

    def neutral(x: Array) -> Array:
        return x

    return Algorithm(objectives, batch, scores, neutral)


def first_passes(network: Network, x: Array, encoding: LabelEncoding) -> Iterator[LayerPass]:
    """What the first layer makes of each label in turn; each is overwritten by the next.

    Where labels have slots and the layer is dense, the samples meet the weights once for all.
    """
    first = network.layers[0]
    every_label = np.tile(np.arange(encoding.classes)[:, None], len(x))
    rows = None
    if first.kind.each_version is not None:
        rows = labelled_rows(x, every_label, encoding, network.input_norm)
    if first.kind.each_version is not None and rows is not None:
        for activity in first.kind.each_version(first.weights, rows):
            yield LayerPass(activity, activity)
        return
    for labels in every_label:
        yield layer_pass(first, network.input_norm.value(encoding.write(x, labels)))
