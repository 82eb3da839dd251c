"""The local step: the one place where a loss meets a weight.

Derivation: docs/derivations/local_step.md, equations LOCAL.1 to LOCAL.6. A step returns no d_x:
that the chain stops at the layer is visible in the signature.
"""

from typing import NamedTuple

import numpy as np

from ffref.layers import LayerPass
from ffref.training.algorithm import Algorithm
from ffref.training.divergence import check_alive, check_loss, check_own
from ffref.training.network import LocalLayer, Network, layer_pass
from ffref.training.optimizers import Optimizer, OptimizerState
from ffref.training.readout import network_features, readout_step
from ffref.types import Array, Evaluation, Labels, LayerContext, LayerInput, Objective, Params


class LocalGrads(NamedTuple):
    """Derivatives of one layer's loss in that layer's own parameters."""

    d_weights: tuple[Array, ...]
    """of the learned arrays of the layer's weights, in their order"""
    d_params: Params

    @property
    def d_weight(self) -> Array:
        """Of every kind of layer the first."""
        return self.d_weights[0]

    @property
    def d_bias(self) -> Array:
        """Of layers of weight and bias."""
        _, d_bias = self.d_weights
        return d_bias


class TrainingState(NamedTuple):
    """All that training changes, in place: the network, and what the optimiser remembers."""

    network: Network
    optimizer: tuple[OptimizerState, ...]
    """of each layer"""
    readout_optimizer: OptimizerState | None = None
    """of the softmax readout, where there is one"""


class LayerReport(NamedTuple):
    """One layer's loss and accuracy on one batch, before the update."""

    loss: float
    accuracy: float


def local_grads(
    layer: LocalLayer, x: LayerInput, context: LayerContext, objective: Objective
) -> tuple[LocalGrads, Array, Evaluation]:
    """Gradients of one layer's objective, the layer's activity, and what was said of it.

    Parameters
    ----------
    layer : LocalLayer
        Its weights in the shapes of its kind, the objective's params.
    x : (batch, in_units) or LabelledRows
        The layer's input, already normalised; a constant.
    context : LayerContext
        All else that the layer sees.
    objective : Objective

    Returns
    -------
    LocalGrads, activity (batch, units), Evaluation

    Examples
    --------
    One unit, x = 1, w = 2, one positive row, theta = 4: g = 4, dL/dg = -1/2, dg/dw = 2 y x = 4.

    >>> import numpy as np
    >>> from ffref.layers import Dense
    >>> from ffref.negatives import labelled_context
    >>> from ffref.objectives.ff import ff
    >>> layer = LocalLayer(Dense(np.array([[2.0]]), np.zeros(1)), ())
    >>> context = labelled_context(np.array([0]), np.dtype("float64"))
    >>> local_grads(layer, np.array([[1.0]]), context, ff(threshold=4.0))[0].d_weight
    array([[-2.]])
    """
    passed = layer_pass(layer, x, training=True)  # (LOCAL.1)
    grads, evaluation = grads_of_pass(layer, x, passed, context, objective)
    return grads, passed.activity, evaluation


def grads_of_pass(
    layer: LocalLayer,
    x: LayerInput,
    passed: LayerPass,
    context: LayerContext,
    objective: Objective,
) -> tuple[LocalGrads, Evaluation]:
    """Gradients where the forward pass is done; uses up what it kept for the way back."""
    evaluation = objective.evaluate(passed.features, context, layer.params)  # (LOCAL.3)
    kind, rule = layer.kind, evaluation.d_preactivation
    back = kind.sums_grad(layer.weights, passed, evaluation.d_activity, None, rule)
    d_weights = (*kind.grads(x, back.d_sums), *back.d_others)  # (LOCAL.5)
    return LocalGrads(d_weights, evaluation.d_params), evaluation


def local_step(
    algorithm: Algorithm,
    optimizer: Optimizer,
    state: TrainingState,
    x: Array,
    labels: Labels,
    *,
    rng: np.random.Generator,
    learning_rate: float,
    trained: range,
) -> tuple[TrainingState, dict[int, LayerReport]]:
    """Update the layers `trained` on one batch, each by its own loss, from the bottom up.

    A layer passes on the activity that it computed before its own update. One that is not trained
    does what it does outside training. A softmax readout is updated first, by what the layers say
    without a label.
    """
    state, logits = _update_readout(algorithm, state, x, labels, learning_rate)
    network, slots = state.network, list(state.optimizer)
    reports: dict[int, LayerReport] = {}
    inputs, context = algorithm.batch(network, x, labels, logits, rng)
    for depth, (layer, objective) in enumerate(
        zip(network.layers, algorithm.objectives, strict=True)
    ):
        if depth >= trained.stop:
            break
        if depth in trained:
            passed = layer_pass(layer, inputs, training=True)
            grads, evaluation = grads_of_pass(layer, inputs, passed, context, objective)
            check_loss(evaluation.loss, f"layer {depth + 1}")
            check_alive(passed.activity, f"layer {depth + 1}")
            reports[depth] = LayerReport(evaluation.loss, evaluation.accuracy)
            slots[depth] = _update(optimizer, layer, grads, slots[depth], learning_rate)
            _advance(layer, passed, objective, context)
            check_own(objective.fault(layer.params), f"layer {depth + 1}")
        else:
            passed = layer_pass(layer, inputs)
            evaluation = objective.evaluate(passed.features, context, layer.params)
        if depth + 1 < trained.stop:  # what the top one says, no layer sees
            context = carry(context, evaluation.goodness)
            inputs = network.between_norm.value(passed.activity)  # (LOCAL.2)
    return state._replace(optimizer=tuple(slots)), reports


def carry(context: LayerContext, goodness: Array) -> LayerContext:
    """The context of the layer above: this layer's goodness, and its margin, as constants."""
    margin = context.polarity * (goodness - goodness[context.partner])
    margin[context.partner < 0] = 0
    return context._replace(
        carried_goodness=context.carried_goodness + goodness,
        carried_margin=context.carried_margin + margin,
    )


def _update_readout(
    algorithm: Algorithm, state: TrainingState, x: Array, labels: Labels, learning_rate: float
) -> tuple[TrainingState, Array | None]:
    """Train the softmax readout, if there is one; return its logits from before."""
    readout, readout_state = state.network.readout, state.readout_optimizer
    if algorithm.readout is None or readout is None or readout_state is None:
        return state, None
    features = network_features(state.network, algorithm.neutral(x))
    readout_state, logits = readout_step(
        algorithm.readout, readout, readout_state, features, labels, learning_rate
    )
    return state._replace(readout_optimizer=readout_state), logits


def _update(
    optimizer: Optimizer,
    layer: LocalLayer,
    grads: LocalGrads,
    state: OptimizerState,
    learning_rate: float,
) -> OptimizerState:
    """Overwrite what is learned; weight decay acts on weights alone."""
    learned = layer.params[: len(grads.d_params)]
    parameters = (*layer.weights[: len(grads.d_weights)], *learned)
    gradients = (*grads.d_weights, *grads.d_params)
    if len(gradients) != len(state.slots):
        raise ValueError(
            f"an objective gives a derivative of each learned one of its params: got "
            f"{len(grads.d_params)}, expected {len(state.slots) - len(grads.d_weights)}"
        )
    decayed = (*layer.kind.decayed, *(False for _ in learned))
    return optimizer.update(parameters, gradients, state, learning_rate, decayed)


def _advance(
    layer: LocalLayer, passed: LayerPass, objective: Objective, context: LayerContext
) -> None:
    """Overwrite what is not learned by gradient: running statistics, the objective's state."""
    params = objective.advance(passed.features, context, layer.params)
    for kept, advanced in zip(layer.params, params, strict=True):
        np.copyto(kept, advanced)
    advance_weights(layer, passed)


def advance_weights(layer: LocalLayer, passed: LayerPass) -> None:
    """Overwrite the running statistics among the layer's arrays, if it has any."""
    if layer.kind.advance is None:
        return
    state = layer.kind.advance(layer.weights, passed)
    for kept, advanced in zip(layer.weights[-len(state) :], state, strict=True):
        np.copyto(kept, advanced)


def initial_optimizer_states(
    optimizer: Optimizer, layers: tuple[LocalLayer, ...], learned_params: int
) -> tuple[OptimizerState, ...]:
    """Fresh state for each layer's learned arrays and first `learned_params` params."""
    return tuple(
        optimizer.init((*layer.weights[: len(layer.kind.decayed)], *layer.params[:learned_params]))
        for layer in layers
    )
