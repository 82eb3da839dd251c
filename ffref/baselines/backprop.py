"""Back-propagation by hand, on the same layers: the yardstick of every comparison.

Source: Rumelhart, Hinton & Williams (1986). Derivation: docs/derivations/backprop.md, equations
BP.1 to BP.8. Here, unlike in a local step, the chain runs through all layers.

A network's last layer is dense and gives the logits; the layers below are of any kind. It reads
the features of the one below, which are its activity, or means of cells of it where that one is a
block with a grid.
"""

from typing import NamedTuple

from ffref.baselines.chain import NetworkPass, input_gradient, network_pass, ways_back
from ffref.formulas import softmax_cross_entropy, softmax_cross_entropy_grad
from ffref.layers import Dense, dense_forward, dense_grads, dense_input_grad
from ffref.training import LayerReport, Network, Optimizer, TrainingState, advance_weights
from ffref.types import Array, Labels


class _Forward(NamedTuple):
    below: Network
    """all layers but the last"""
    hidden: NetworkPass
    top_input: Array
    logits: Array


def backprop_logits(network: Network, x: Array, *, training: bool = False) -> Array:
    """Logits of the last layer, (batch, features) -> (batch, classes).

    `training`: batch normalisation by the statistics of x.
    """
    return _forward(network, x, training=training).logits


def backprop_loss(
    network: Network,
    x: Array,
    labels: Labels,
    *,
    label_smoothing: float = 0.0,
    training: bool = False,
) -> float:
    """Mean cross-entropy of the whole network.

    x_1 = norm_in(x);  y_l = layer_l(x_l);  x_{l+1} = norm(y_l)
    a = x_last @ weight_last + bias_last;  L = mean_i cross_entropy(softmax(a), label)
    """
    logits = backprop_logits(network, x, training=training)
    return softmax_cross_entropy(logits, labels, label_smoothing=label_smoothing)  # (BP.2)


def backprop_grads(
    network: Network, x: Array, labels: Labels, *, label_smoothing: float = 0.0
) -> tuple[list[tuple[Array, ...]], Array]:
    """Derivatives of `backprop_loss` in training, in the learned arrays of each layer; the logits.

    Of layers of weight and bias (d_weight, d_bias).
    """
    forward = _forward(network, x, training=True)
    return _grads(network, forward, labels, label_smoothing), forward.logits


def backprop_input_gradient(
    network: Network, x: Array, labels: Labels, *, label_smoothing: float = 0.0
) -> Array:
    """Derivative of `backprop_loss`, not in training, in x: for evaluation."""
    forward = _forward(network, x, training=False)
    d_logits = softmax_cross_entropy_grad(forward.logits, labels, label_smoothing=label_smoothing)
    d_top = dense_input_grad(Dense(*network.layers[-1].weights), d_logits)
    if not forward.below.layers:
        return network.input_norm.vjp(d_top, x)
    return input_gradient(forward.below, forward.hidden, _from_the_top(forward, d_top))


def backprop_step(
    optimizer: Optimizer,
    state: TrainingState,
    x: Array,
    labels: Labels,
    *,
    rng: object,
    learning_rate: float,
    trained: range,
    label_smoothing: float = 0.0,
) -> tuple[TrainingState, dict[int, LayerReport]]:
    """Update all layers on one batch by the gradient of the one loss at the top.

    Takes what a local step takes; there is nothing to draw and no layer to leave out.
    """
    network = state.network
    forward = _forward(network, x, training=True)
    logits = forward.logits
    grads = _grads(network, forward, labels, label_smoothing)
    loss = softmax_cross_entropy(logits, labels, label_smoothing=label_smoothing)
    accuracy = float((logits.argmax(axis=1) == labels).mean())
    slots = tuple(
        optimizer.update(
            layer.weights[: len(layer_grads)], layer_grads, slot, learning_rate, layer.kind.decayed
        )
        for layer, layer_grads, slot in zip(network.layers, grads, state.optimizer, strict=True)
    )
    for layer, passed in zip(forward.below.layers, forward.hidden.passed, strict=True):
        advance_weights(layer, passed)
    return TrainingState(network, slots), {0: LayerReport(loss, accuracy)}


def _forward(network: Network, x: Array, *, training: bool) -> _Forward:
    below = network._replace(layers=network.layers[:-1])
    hidden = network_pass(below, x, training=training)
    if below.layers:
        top_input = network.between_norm.value(hidden.passed[-1].features)
    else:
        top_input = network.input_norm.value(x)
    logits = dense_forward(Dense(*network.layers[-1].weights), top_input)  # (BP.1)
    return _Forward(below, hidden, top_input, logits)


def _grads(
    network: Network, forward: _Forward, labels: Labels, label_smoothing: float
) -> list[tuple[Array, ...]]:
    d_logits = softmax_cross_entropy_grad(
        forward.logits, labels, label_smoothing=label_smoothing
    )  # (BP.3)
    grads: list[tuple[Array, ...]] = [dense_grads(forward.top_input, d_logits)]  # (BP.4)
    if not forward.below.layers:
        return grads
    d_top = dense_input_grad(Dense(*network.layers[-1].weights), d_logits)
    backs = ways_back(forward.below, forward.hidden, _from_the_top(forward, d_top))
    layers = zip(forward.below.layers[::-1], forward.hidden.inputs[::-1], backs, strict=True)
    for layer, inputs, back in layers:
        grads.append((*layer.kind.grads(inputs, back.d_sums), *back.d_others))  # (BP.7)
    return grads[::-1]


def _from_the_top(forward: _Forward, d_top: Array) -> list[Array | None]:
    """The derivative in each hidden layer's features: only the highest one's are read."""
    features = forward.hidden.passed[-1].features
    d_features = forward.below.between_norm.vjp(d_top, features)
    return [*(None for _ in forward.below.layers[1:]), d_features]
