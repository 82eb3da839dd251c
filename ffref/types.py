"""The words that every room shares: arrays, goodness, a layer's context, an objective.

The core is functions and NamedTuples. Choices are bound in records of functions, arrays travel
in records of arrays; nothing inherits and nothing hides state.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""float32 or float64; a function returns the dtype that it was given."""

Labels = NDArray[np.int64]
"""(batch,) class indices 0 .. classes - 1."""

Tuples = NDArray[np.int64]
"""(batch, members) or (batch, members, rows) row numbers for each row as an anchor: of its class
first, then of other classes; -1 where there is none."""

Params = tuple[Array, ...]
"""An objective's own arrays, `()` when there are none: first those that are learned by gradient,
then state that is not (moving-average prototypes, running means)."""


class Goodness(NamedTuple):
    """A layer's score of each sample: one number a row, and its derivative."""

    value: Callable[[Array], Array]
    """(batch, units) -> (batch,)"""
    grad: Callable[[Array], Array]
    """(batch, units) -> (batch, units): d goodness_i / d activity_ij"""


class Norm(NamedTuple):
    """A normalisation of rows and its pull-back."""

    value: Callable[[Array], Array]
    """(batch, units) -> (batch, units)"""
    vjp: Callable[[Array, Array], Array]
    """(d_out, x) -> d_x, all (batch, units)"""


class LabelledRows(NamedTuple):
    """Rows that differ in their label only: `versions` of each sample, one after the other.

    Row (version, i) is sample i's `shared` row with `strength[i]` added in the slot of its label.
    """

    shared: Array
    """(samples, in_units): every label slot holds what the slot of a wrong label holds"""
    slot: int
    """column of the first class's slot; the other classes' follow"""
    classes: int
    strength: Array
    """(samples,)"""
    labels: NDArray[np.int64]
    """(versions, samples)"""


LayerInput = Array | LabelledRows
"""Normalised rows, as a layer takes them."""


class LayerContext(NamedTuple):
    """All that a layer may see besides its own input: the locality of the method.

    A contrastive batch is P positive rows, then P negative rows. Losses of single rows are means
    over rows, losses of pairs are means over pairs. The carried fields are constants in every
    derivative.
    """

    labels: Labels
    """(batch,) the true class of each row"""
    polarity: Array
    """(batch,) +1 for a positive row, -1 for a negative one; all +1 without negatives"""
    partner: NDArray[np.int64]
    """(batch,) index of the other row of the pair; -1 where there is none"""
    carried_goodness: Array
    """(batch,) summed goodness of the layers below; zeros at the first layer"""
    carried_margin: Array
    """(batch,) summed margin (positive minus negative row of the pair) of the layers below;
    zeros at the first layer and for rows without a partner"""
    network_goodness: Array | None = None
    """(batch,) summed goodness of all layers, from a pass through the network before the step;
    None but for an algorithm that asks for it"""
    tuples: Tuples | None = None
    """rows of the batch to which each row is compared, where an objective compares rows"""


class Evaluation(NamedTuple):
    """All that a training step asks of an objective, from one pass over the activity."""

    loss: float
    d_activity: Array
    d_params: Params
    goodness: Array
    """(batch,) each row's goodness, or the score of its class; carried upwards"""
    accuracy: float
    """share of rows (contrastive: of pairs) that this layer alone gets right"""
    d_preactivation: Array | None = None
    """(batch, units), where a rule acts behind the nonlinearity: a step adds it to what came
    through the relu's gate, so that silent units get it too"""


def no_fault(params: Params) -> str:
    """Of an objective whose own arrays cannot go wrong unseen."""
    return ""


class Census(NamedTuple):
    """What a layer takes from all training samples at once, with its weights at rest."""

    sums: Callable[[Array, Labels, Params], tuple[Array, ...]]
    """(activity, labels, params) of a part of the samples -> arrays that add up over all parts"""
    params: Callable[[Params, tuple[Array, ...]], Params]
    """(params, sums over all samples) -> params"""


def same_params(activity: Array, context: LayerContext, params: Params) -> Params:
    """What most objectives make of their params after a step: nothing."""
    return params


class Objective(NamedTuple):
    """One layer's local objective: choices bound, arrays left open."""

    evaluate: Callable[[Array, LayerContext, Params], Evaluation]
    """(activity, context, params) -> loss, derivatives, and what is logged; d_params has one entry
    for each *learned* array of params"""
    advance: Callable[[Array, LayerContext, Params], Params] = same_params
    """(activity, context, params) -> params: once after each step, with the activity of that step;
    for state that is not learned by gradient, and for the return to a constraint (unit length)"""
    compared_rows: int = 0
    """rows of each class, at most, that `tuples` of the context bring; 0: it needs none"""
    census: Census | None = None
    """taken at the end of each epoch; None for most"""
    fault: Callable[[Params], str] = no_fault
    """params -> what has gone wrong with them though every number is finite, as "collapsed
    prototypes"; "" for nothing. Asked after each step: it must cost little"""

    def loss(self, activity: Array, context: LayerContext, params: Params) -> float:
        """Mean loss."""
        return self.evaluate(activity, context, params).loss

    def grads(
        self, activity: Array, context: LayerContext, params: Params
    ) -> tuple[Array, Params]:
        """Derivatives of exactly that mean, (d_activity, d_params)."""
        evaluation = self.evaluate(activity, context, params)
        return evaluation.d_activity, evaluation.d_params
