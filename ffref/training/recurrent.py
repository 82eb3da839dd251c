"""A recurrent network with top-down input: an image is a video that stands still.

Source: Hinton (2022), arXiv:2212.13345, the section on top-down effects, known here at second
hand. Derivation: docs/derivations/recurrent.md, equations RECUR.1 to RECUR.11.

Each layer sees the normalised states of the layers below and above, of one step before; the label
is the state above the top layer. All layers move at once. A layer's top-down weights are the one
array of its `params`, (units above, units).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ffref.formulas import relu, relu_vjp
from ffref.kernels import add_bias_relu_rows, matmul, matmul_tn
from ffref.layers import Dense, draw_dense, readout_features, readout_logits
from ffref.negatives import paired_context, wrong_label
from ffref.negatives.encodings import NEUTRAL, one_hot
from ffref.training.divergence import check_alive, check_loss
from ffref.training.network import LocalLayer, Network
from ffref.training.optimizers import Optimizer, OptimizerState
from ffref.training.readout import ReadoutTraining, readout_step
from ffref.training.step import LayerReport, TrainingState
from ffref.types import Array, Evaluation, Goodness, Labels, LayerContext, Objective

ROWS_AT_ONCE = 1024
"""Rows, one for each sample and label, that are scored at a time; results do not depend on it."""


class Recurrence(NamedTuple):
    """How a recurrent network runs and learns, its choices bound."""

    objectives: Sequence[Objective]
    """one for each layer, without params of their own"""
    goodness: Goodness
    readout: ReadoutTraining
    steps: int = 8
    """in training; prediction runs to the last scored step"""
    damping: float = 0.3
    """share of a layer's old state in its new one"""
    scored: range = range(3, 6)
    """steps, from 1, whose mean goodness predicts"""
    hard_labels: bool = True
    """wrong labels drawn from the softmax readout, else evenly"""


class Start(NamedTuple):
    """What one bottom-up pass with the neutral label gives; the same for all labels."""

    image: Array
    """(samples, features), normalised"""
    image_drive: Array
    """(samples, units): what the image gives the first layer in every step"""
    states: tuple[Array, ...]
    """(samples, units) of each layer"""


class RecurrentGrads(NamedTuple):
    """Derivatives of one layer's loss in that layer's own parameters."""

    d_weight: Array
    """(units below, units)"""
    d_bias: Array
    d_top_down: Array
    """(units above, units)"""


class Moment(NamedTuple):
    """One layer in one step of time; a label-free array has one row a sample."""

    below: Array
    """normalised state below, of the step before"""
    above: Array
    activity: Array
    """relu of the weighted sums, before the old state is mixed in"""
    state: Array


def draw_recurrent_layers(
    rng: np.random.Generator, sizes: Sequence[int], gain: float
) -> tuple[LocalLayer, ...]:
    """Draw float32 layers; `sizes` are features, units of each layer, classes.

    Below and above each give half of `gain`, the mean square of a layer's weighted sums.

    Examples
    --------
    >>> import numpy as np
    >>> (layer,) = draw_recurrent_layers(np.random.default_rng(0), (5, 4, 3), 2.0)
    >>> layer.weights.weight.shape, layer.params[0].shape
    ((5, 4), (3, 4))
    """
    layers: list[LocalLayer] = []
    for (below, units), above in zip(pairwise(sizes), sizes[2:], strict=False):
        weight, bias = draw_dense(rng, below, units, gain / 2)
        top_down = draw_dense(rng, above, units, gain / 2).weight
        dense = Dense(weight.astype(np.float32), bias.astype(np.float32))
        layers.append(LocalLayer(dense, (top_down.astype(np.float32),)))
    return tuple(layers)


# -- one layer, one step: the definition ---------------------------------------------------------


def recurrent_local_grads(
    layer: LocalLayer,
    below: Array,
    above: Array,
    old: Array,
    context: LayerContext,
    objective: Objective,
    *,
    damping: float,
) -> tuple[RecurrentGrads, Array, Evaluation]:
    """Gradients of one layer's objective in one step, its new state, and what was said of it.

    a = below W + above V + b;  h = damping old + (1 - damping) max(0, a);  L = objective(h)

    Parameters
    ----------
    layer : LocalLayer
        W (units below, units), b (units,), params (V,) with V (units above, units).
    below, above : (batch, units below), (batch, units above)
        Normalised states of the step before; constants.
    old : (batch, units)
        The layer's own state of the step before; a constant.
    context : LayerContext
    objective : Objective
    damping : float in [0, 1)

    Returns
    -------
    RecurrentGrads, state (batch, units), Evaluation

    Examples
    --------
    One unit, below = above = 1, W = 2, V = 1, old state 4, one positive row, theta = g:
    h = (4 + 3) / 2 = 3.5, dL/dh = -h, dL/da = -1.75.

    >>> import numpy as np
    >>> from ffref.negatives import labelled_context
    >>> from ffref.objectives.ff import ff
    >>> layer = LocalLayer(Dense(np.array([[2.0]]), np.zeros(1)), (np.ones((1, 1)),))
    >>> one, context = np.ones((1, 1)), labelled_context(np.array([0]), np.dtype("float64"))
    >>> grads, state, _ = recurrent_local_grads(
    ...     layer, one, one, 4 * one, context, ff(threshold=3.5**2), damping=0.5)
    >>> float(state[0, 0]), float(grads.d_top_down[0, 0])
    (3.5, -1.75)
    """
    (top_down,) = layer.params
    drive = matmul(below, layer.weights.weight) + matmul(above, top_down)
    activity = relu(drive + layer.weights.bias)  # (RECUR.1)
    state = damping * old + (1 - damping) * activity  # (RECUR.2)
    evaluation = objective.evaluate(state, context, ())
    d_preactivation = (1 - damping) * relu_vjp(evaluation.d_activity, activity)  # (RECUR.6)
    grads = RecurrentGrads(
        matmul_tn(below, d_preactivation),
        d_preactivation.sum(axis=0),
        matmul_tn(above, d_preactivation),
    )
    return grads, state, evaluation


# -- the network ---------------------------------------------------------------------------------


def start_states(network: Network, x: Array) -> Start:
    """One bottom-up pass, the neutral label above the top layer: x (samples, features)."""
    image = network.input_norm.value(x)
    drive = image_drive = matmul(image, network.layers[0].weights.weight)
    states: list[Array] = []
    for depth, layer in enumerate(network.layers):
        if depth > 0:
            drive = matmul(network.between_norm.value(states[-1]), layer.weights.weight)
        if depth == len(network.layers) - 1:
            drive = drive + matmul(_neutral_code(network, x.dtype), layer.params[0])
        states.append(relu(drive + layer.weights.bias))  # (RECUR.4)
    return Start(image, image_drive, tuple(states))


def label_code(network: Network, labels: Labels, dtype: np.dtype) -> Array:
    """The state above the top layer: one-hot labels, normalised, (rows, classes)."""
    return network.between_norm.value(one_hot(labels, _classes(network), dtype))


def run_steps(
    network: Network, start: Start, code: Array, *, steps: int, damping: float
) -> Iterator[tuple[Moment, ...]]:
    """Each layer in each step of time, all layers moving at once.

    Parameters
    ----------
    network : Network
    start : Start
        Of P samples.
    code : (versions P, classes)
        Every sample with its first label, then every sample with its second, ...
    steps : int
    damping : float

    Yields
    ------
    Moment of each layer. What no label has reached is computed once for all versions, P rows.
    """
    label_drive = matmul(code, network.layers[-1].params[0])
    states = start.states
    for _ in range(steps):
        seen = [start.image, *(network.between_norm.value(h) for h in states), code]  # (RECUR.3)
        moved: list[Moment] = []
        for depth, layer in enumerate(network.layers):
            below, above = seen[depth], seen[depth + 2]
            from_below = start.image_drive if depth == 0 else matmul(below, layer.weights.weight)
            is_top = depth == len(network.layers) - 1
            from_above = label_drive if is_top else matmul(above, layer.params[0])
            activity = _add_versions(from_below, from_above)
            add_bias_relu_rows(activity, layer.weights.bias)
            state = _add_versions(damping * states[depth], (1 - damping) * activity)
            moved.append(Moment(below, above, activity, state))
        states = tuple(moment.state for moment in moved)
        yield tuple(moved)


def recurrent_grads(
    recurrence: Recurrence, network: Network, start: Start, code: Array, context: LayerContext
) -> tuple[list[RecurrentGrads], list[LayerReport]]:
    """Gradients of every layer's loss, its mean over all steps, and what was said of each layer.

    `context` has a row for each row of `code`. Accuracy is that of pairs, by the mean goodness of
    the scored steps.
    """
    depths = range(len(network.layers))
    trace: list[list[Moment]] = [[] for _ in depths]
    slopes: list[list[Array]] = [[] for _ in depths]
    losses, scores = np.zeros(len(depths)), np.zeros((len(depths), len(code)))
    share = (1 - recurrence.damping) / recurrence.steps
    runs = run_steps(network, start, code, steps=recurrence.steps, damping=recurrence.damping)
    for time, moved in enumerate(runs, start=1):
        for depth, moment in enumerate(moved):
            state = _as_versions(moment.state, len(code))
            evaluation = recurrence.objectives[depth].evaluate(state, context, ())
            losses[depth] += evaluation.loss / recurrence.steps  # (RECUR.5)
            if time in recurrence.scored:
                scores[depth] += evaluation.goodness
            slope = relu_vjp(evaluation.d_activity, _as_versions(moment.activity, len(code)))
            slope *= share
            if time == recurrence.steps:
                check_alive(state, f"layer {depth + 1}")
            trace[depth].append(moment)
            slopes[depth].append(slope)
    positive = context.polarity > 0
    won = scores[:, positive] > scores[:, context.partner[positive]]
    reports = [
        LayerReport(float(loss), float(w.mean())) for loss, w in zip(losses, won, strict=True)
    ]
    grads = [
        RecurrentGrads(
            _weight_grad([moment.below for moment in trace[depth]], slopes[depth]),  # (RECUR.7)
            _sum(slopes[depth]).sum(axis=0),  # (RECUR.9)
            _weight_grad([moment.above for moment in trace[depth]], slopes[depth]),  # (RECUR.8)
        )
        for depth in depths
    ]
    return grads, reports


def recurrent_step(
    recurrence: Recurrence,
    optimizer: Optimizer,
    state: TrainingState,
    x: Array,
    labels: Labels,
    *,
    rng: np.random.Generator,
    learning_rate: float,
    trained: range,
) -> tuple[TrainingState, dict[int, LayerReport]]:
    """Update the layers `trained` and the softmax readout on one batch, after all steps of time.

    Takes what `local_step` takes.
    """
    network = state.network
    start = start_states(network, x)
    readout_state, logits = _train_readout(recurrence, state, start, labels, learning_rate)
    if not trained:
        return state._replace(readout_optimizer=readout_state), {}
    likely = logits if recurrence.hard_labels else None
    wrong = wrong_label(labels, likely, classes=_classes(network), rng=rng)
    code = label_code(network, np.concatenate([labels, wrong]), x.dtype)
    context = paired_context(labels, x.dtype)
    grads, reports = recurrent_grads(recurrence, network, start, code, context)
    for depth in trained:
        check_loss(reports[depth].loss, f"layer {depth + 1}")
    slots = list(state.optimizer)
    for depth in trained:
        layer = network.layers[depth]
        slots[depth] = optimizer.update(
            (*layer.weights, *layer.params), grads[depth], slots[depth], learning_rate,
            (True, False, True),
        )  # fmt: skip
    state = TrainingState(network, tuple(slots), readout_state)
    return state, {depth: reports[depth] for depth in trained}


def _train_readout(
    recurrence: Recurrence, state: TrainingState, start: Start, labels: Labels, rate: float
) -> tuple[OptimizerState | None, Array | None]:
    """Train the softmax readout, if there is one; return its logits from before."""
    readout, readout_state = state.network.readout, state.readout_optimizer
    if readout is None or readout_state is None:
        return readout_state, None
    features = readout_features(start.states, state.network.between_norm)
    return readout_step(recurrence.readout, readout, readout_state, features, labels, rate)


def recurrent_scores(recurrence: Recurrence, network: Network, x: Array) -> Array:
    """Mean goodness of each label over the scored steps, (layers, samples, classes)."""
    classes = _classes(network)
    out = np.empty((len(network.layers), len(x), classes), x.dtype)
    block = max(1, ROWS_AT_ONCE // classes)
    for first in range(0, len(x), block):
        rows = x[first : first + block]
        code = label_code(network, np.repeat(np.arange(classes), len(rows)), x.dtype)
        totals = np.zeros((len(network.layers), len(code)), x.dtype)
        runs = run_steps(
            network, start_states(network, rows), code,
            steps=recurrence.scored.stop - 1, damping=recurrence.damping,
        )  # fmt: skip
        for time, moved in enumerate(runs, start=1):
            if time not in recurrence.scored:
                continue
            for depth, moment in enumerate(moved):
                totals[depth] += recurrence.goodness.value(_as_versions(moment.state, len(code)))
        means = totals / len(recurrence.scored)  # (RECUR.10)
        out[:, first : first + block] = means.reshape(-1, classes, len(rows)).swapaxes(1, 2)
    return out


def recurrent_logits(network: Network, x: Array) -> Array:
    """Logits of the softmax readout of the start states, (samples, classes)."""
    if network.readout is None:
        raise ValueError("this network has no softmax readout")
    states = start_states(network, x).states
    return readout_logits(network.readout, readout_features(states, network.between_norm))


# -- versions: rows of one sample with several labels --------------------------------------------


def _add_versions(a: Array, b: Array) -> Array:
    """a + b, where one of them may have one row a sample and the other one a version."""
    if len(a) == len(b):
        return a + b
    few, many = (a, b) if len(a) < len(b) else (b, a)
    return (many.reshape(-1, *few.shape) + few).reshape(many.shape)


def _as_versions(array: Array, rows: int) -> Array:
    return array if len(array) == rows else np.tile(array, (rows // len(array), 1))


def _weight_grad(inputs: list[Array], slopes: list[Array]) -> Array:
    """Sum over steps and rows of input times slope, in one product."""
    if all(x is inputs[0] for x in inputs):
        # the image and the label stand still: their slopes are added up first
        inputs, slopes = inputs[:1], [_sum(slopes)]
    matched = [
        slope if len(slope) == len(x) else slope.reshape(-1, len(x), slope.shape[1]).sum(axis=0)
        for x, slope in zip(inputs, slopes, strict=True)
    ]  # (RECUR.11)
    return matmul_tn(np.concatenate(inputs), np.concatenate(matched))


def _sum(arrays: list[Array]) -> Array:
    total = arrays[0].copy()
    for array in arrays[1:]:
        total += array
    return total


def _classes(network: Network) -> int:
    return len(network.layers[-1].params[0])


def _neutral_code(network: Network, dtype: np.dtype) -> Array:
    return network.between_norm.value(np.full((1, _classes(network)), NEUTRAL, dtype))
