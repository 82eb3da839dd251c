"""Back-propagation by hand, on the same dense layers: the yardstick of every comparison.

Source: Rumelhart, Hinton & Williams (1986). Derivation: docs/derivations/backprop.md, equations
BP.1 to BP.6. Here, unlike in a local step, the chain runs through all layers.
"""

import numpy as np

from ffref.formulas import (
    relu,
    relu_vjp,
    softmax_cross_entropy,
    softmax_cross_entropy_grad,
)
from ffref.layers import Dense, dense_forward, dense_grads, dense_input_grad
from ffref.training import LayerReport, Network, Optimizer, TrainingState, check_heard, check_loss
from ffref.types import Array, Labels


def backprop_logits(network: Network, x: Array) -> Array:
    """Logits of the last layer, (batch, features) -> (batch, classes)."""
    return _forward(network, x)[1][-1]


def backprop_loss(
    network: Network, x: Array, labels: Labels, *, label_smoothing: float = 0.0
) -> float:
    """Mean cross-entropy of the whole network.

    x_1 = norm_in(x);  a_l = x_l @ weight_l + bias_l;  x_{l+1} = norm(relu(a_l))
    L = mean_i cross_entropy(softmax(a_last), label)
    """
    logits = backprop_logits(network, x)
    return softmax_cross_entropy(logits, labels, label_smoothing=label_smoothing)  # (BP.2)


def backprop_grads(
    network: Network, x: Array, labels: Labels, *, label_smoothing: float = 0.0
) -> tuple[list[tuple[Array, Array]], Array]:
    """Derivatives of `backprop_loss`, (d_weight, d_bias) of each layer, and the logits."""
    inputs, preactivations = _forward(network, x)
    logits = preactivations[-1]
    d_preactivation = softmax_cross_entropy_grad(
        logits, labels, label_smoothing=label_smoothing
    )  # (BP.3)
    grads: list[tuple[Array, Array]] = []
    for depth in reversed(range(len(network.layers))):
        grads.append(dense_grads(inputs[depth], d_preactivation))  # (BP.4)
        if depth > 0:
            below = preactivations[depth - 1]
            dense = Dense(*network.layers[depth].weights)
            d_input = dense_input_grad(dense, d_preactivation)  # (BP.5)
            d_activity = network.between_norm.vjp(d_input, relu(below))
            d_preactivation = relu_vjp(d_activity, below)  # (BP.6)
    return grads[::-1], logits


def backprop_step(
    optimizer: Optimizer,
    state: TrainingState,
    x: Array,
    labels: Labels,
    *,
    rng: np.random.Generator,
    learning_rate: float,
    trained: range,
    label_smoothing: float = 0.0,
) -> tuple[TrainingState, dict[int, LayerReport]]:
    """Update all layers on one batch by the gradient of the one loss at the top.

    Takes what a local step takes; there is nothing to draw and no layer to leave out.
    """
    network = state.network
    grads, logits = backprop_grads(network, x, labels, label_smoothing=label_smoothing)
    loss = softmax_cross_entropy(logits, labels, label_smoothing=label_smoothing)
    check_loss(loss, "layer 1")  # its one report
    for depth, (d_weight, d_bias) in enumerate(grads[1:], start=1):
        check_heard(d_weight, d_bias, len(x), f"layer {depth}")
    accuracy = float((logits.argmax(axis=1) == labels).mean())
    slots = tuple(
        optimizer.update(layer.weights, layer_grads, slot, learning_rate, (True, False))
        for layer, layer_grads, slot in zip(network.layers, grads, state.optimizer, strict=True)
    )
    return TrainingState(network, slots), {0: LayerReport(loss, accuracy)}


def _forward(network: Network, x: Array) -> tuple[list[Array], list[Array]]:
    """Input and preactivation of every layer."""
    inputs = [network.input_norm.value(x)]
    preactivations: list[Array] = []
    for depth, layer in enumerate(network.layers):
        if depth > 0:
            inputs.append(network.between_norm.value(relu(preactivations[-1])))
        preactivations.append(dense_forward(Dense(*layer.weights), inputs[-1]))  # (BP.1)
    return inputs, preactivations
