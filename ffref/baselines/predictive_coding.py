"""Predictive coding by hand, on the same dense layers: a yardstick that learns by local errors.

Paper: Whittington & Bogacz (2017), "An Approximation of the Error Backpropagation Algorithm in a
Predictive Coding Network with Local Hebbian Synaptic Plasticity", Neural Computation 29(5).
Derivation: docs/derivations/predictive_coding.md, equations PC.1 to PC.7.

Every layer has a value node for each unit, its weighted sum, which may differ from what the layer
below predicts. The output values are clamped to the target, the hidden ones relax, then weights
move by the errors that are left. Two kinds of inference are two functions: `relax_values`, and
`relax_errors`, which holds the predictions fixed and is back-propagation once it has converged.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ffref._checks import check_count, check_positive, require
from ffref.formulas import relu, relu_vjp
from ffref.layers import Dense, dense_forward, dense_grads, dense_input_grad
from ffref.training import LayerReport, Network, Optimizer, TrainingState
from ffref.types import Array, Labels


class Relaxed(NamedTuple):
    """What inference leaves behind, a field a layer."""

    inputs: list[Array]
    """(batch, in_units) of each layer"""
    errors: list[Array]
    """(batch, units): value less prediction"""


class Inference(NamedTuple):
    """How the hidden values are found."""

    fixed_predictions: bool = False
    steps: int = 20
    rate: float = 0.1
    output_precision: float = 1.0


def predictive_coding_values(network: Network, x: Array) -> list[Array]:
    """Values of the hidden layers where inference begins: those of the forward pass."""
    values: list[Array] = []
    inputs = network.input_norm.value(x)
    for layer in network.layers[:-1]:
        values.append(dense_forward(Dense(*layer.weights), inputs))
        inputs = _between(network, values[-1])
    return values


def predictive_coding_energy(
    network: Network,
    x: Array,
    target: Array,
    values: Sequence[Array],
    *,
    output_precision: float = 1.0,
) -> float:
    """Mean energy of the network with these hidden values and a clamped output.

    e_l = a_l - (f(a_{l-1}) @ weight_l + bias_l)
    f(a_0) = norm_in(x);  f = norm(relu);  a_M = target
    F = mean_i (sum_{l<M} |e_l|^2 + precision |e_M|^2) / 2

    Parameters
    ----------
    network : Network
        Of dense layers.
    x : (batch, features)
    target : (batch, outputs)
    values : sequence of (batch, units)
        One for each hidden layer.
    output_precision : float
        Weight of the output's error against that of hidden layers.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes do not fit, or the precision is not positive.

    References
    ----------
    Whittington & Bogacz (2017), equation 2.3 and what follows it, with variances of 1 in hidden
    layers and of 1 / precision in the output.

    Examples
    --------
    One unit, weight 3, bias -1, input 2: predicted 5, target 7, so the error is 2.

    >>> import numpy as np
    >>> from ffref.formulas import NORMS
    >>> from ffref.layers import Dense
    >>> from ffref.training import LocalLayer, Network
    >>> layer = LocalLayer(Dense(np.array([[3.0]]), np.array([-1.0])), ())
    >>> network = Network((layer,), NORMS["none"], NORMS["none"])
    >>> predictive_coding_energy(network, np.array([[2.0]]), np.array([[7.0]]), [])
    2.0
    """
    errors = _errors(network, network.input_norm.value(x), target, values).errors
    return _energy(errors, check_positive(output_precision, "output_precision"))


def predictive_coding_energy_grads(
    network: Network,
    x: Array,
    target: Array,
    values: Sequence[Array],
    *,
    output_precision: float = 1.0,
) -> tuple[list[Array], list[tuple[Array, Array]]]:
    """Derivatives of `predictive_coding_energy`: in each value, and (d_weight, d_bias) of each."""
    check_positive(output_precision, "output_precision")
    relaxed = _errors(network, network.input_norm.value(x), target, values)
    d_errors = _d_errors(relaxed.errors, output_precision)
    return _slopes(network, values, d_errors), _weight_grads(relaxed.inputs, d_errors)


def relax_values(
    network: Network, x: Array, target: Array, *, steps: int, rate: float, output_precision: float
) -> Relaxed:
    """Let hidden values slide down their row's energy, `steps` times from the forward pass.

    a_l <- a_l - rate * d energy_i / d a_l
    """
    _check_inference(steps, rate, output_precision)
    bottom = network.input_norm.value(x)
    values = predictive_coding_values(network, x)
    for _ in range(steps):
        errors = _errors(network, bottom, target, values).errors
        slopes = _slopes(network, values, _weighted(errors, output_precision))
        values = [
            value - rate * slope for value, slope in zip(values, slopes, strict=True)
        ]  # (PC.5)
    return _errors(network, bottom, target, values)


def relax_errors(
    network: Network, x: Array, target: Array, *, steps: int, rate: float, output_precision: float
) -> Relaxed:
    """Let the errors relax while predictions, and slopes with them, stay as the forward pass left.

    e_l <- e_l - rate * (e_l - pullback_f(e_{l+1} @ weight_{l+1}.T)), all layers at once

    With rate 1 it has converged after as many steps as there are hidden layers.
    """
    _check_inference(steps, rate, output_precision)
    values = predictive_coding_values(network, x)
    inputs, errors = _errors(network, network.input_norm.value(x), target, values)
    for _ in range(steps):
        slopes = _slopes(network, values, _weighted(errors, output_precision))
        hidden = zip(errors[:-1], slopes, strict=True)
        errors = [*(error - rate * slope for error, slope in hidden), errors[-1]]  # (PC.7)
    return Relaxed(inputs, errors)


def predictive_coding_grads(
    network: Network, x: Array, target: Array, inference: Inference
) -> list[tuple[Array, Array]]:
    """Derivatives of the mean energy in (weight, bias) of each layer, where inference has led."""
    relax = relax_errors if inference.fixed_predictions else relax_values
    _, steps, rate, precision = inference
    relaxed = relax(network, x, target, steps=steps, rate=rate, output_precision=precision)
    return _weight_grads(relaxed.inputs, _d_errors(relaxed.errors, precision))


def predictive_coding_step(
    optimizer: Optimizer,
    inference: Inference,
    state: TrainingState,
    x: Array,
    labels: Labels,
    *,
    rng: np.random.Generator,
    learning_rate: float,
    trained: range,
) -> tuple[TrainingState, dict[int, LayerReport]]:
    """Relax on one batch, then update all layers; the gradient is divided by the precision.

    The report holds the squared error of the forward pass and its share of rows right. Takes
    what a local step takes; there is nothing to draw and no layer to leave out.
    """
    network = state.network
    output = _output(network, x)
    target = np.zeros_like(output)
    target[np.arange(len(labels)), labels] = 1
    grads = predictive_coding_grads(network, x, target, inference)
    precision = inference.output_precision
    slots = tuple(
        optimizer.update(
            layer.weights, [d / precision for d in own], slot, learning_rate, (True, False)
        )
        for layer, own, slot in zip(network.layers, grads, state.optimizer, strict=True)
    )
    accuracy = float((output.argmax(axis=1) == labels).mean())
    return TrainingState(network, slots), {
        0: LayerReport(_energy([target - output], 1.0), accuracy)
    }


def _output(network: Network, x: Array) -> Array:
    values = predictive_coding_values(network, x)
    inputs = _between(network, values[-1]) if values else network.input_norm.value(x)
    return dense_forward(Dense(*network.layers[-1].weights), inputs)


def _between(network: Network, value: Array) -> Array:
    """f: what a layer hands on, of its values."""
    return network.between_norm.value(relu(value))


def _slopes(network: Network, values: Sequence[Array], d_errors: Sequence[Array]) -> list[Array]:
    """Derivative in each hidden value: what its own error says, less what the layer above says."""
    slopes: list[Array] = []
    for depth, value in enumerate(values):
        above = Dense(*network.layers[depth + 1].weights)
        d_input = dense_input_grad(above, d_errors[depth + 1])
        pulled = relu_vjp(network.between_norm.vjp(d_input, relu(value)), value)
        slopes.append(d_errors[depth] - pulled)  # (PC.4)
    return slopes


def _errors(network: Network, bottom: Array, target: Array, values: Sequence[Array]) -> Relaxed:
    """Inputs and errors of every layer; `bottom` is the normalised sample."""
    nodes = [*values, target]
    require(
        len(nodes) == len(network.layers),
        f"values must be those of the {len(network.layers) - 1} hidden layers, got {len(values)}",
    )
    inputs = [bottom, *(_between(network, value) for value in values)]
    errors: list[Array] = []
    for layer, entering, node in zip(network.layers, inputs, nodes, strict=True):
        prediction = dense_forward(Dense(*layer.weights), entering)
        require(
            node.shape == prediction.shape,
            f"a value or target must have the shape of its prediction, {prediction.shape}, "
            f"got {node.shape}",
        )
        errors.append(np.subtract(node, prediction, dtype=prediction.dtype))  # (PC.1)
    return Relaxed(inputs, errors)


def _energy(errors: Sequence[Array], output_precision: float) -> float:
    squares = [float(np.square(error).sum(axis=1).mean()) for error in errors]
    return (sum(squares[:-1]) + output_precision * squares[-1]) / 2  # (PC.2)


def _weighted(errors: Sequence[Array], output_precision: float) -> list[Array]:
    """Derivative of each row's energy in each layer's error."""
    return [*errors[:-1], output_precision * errors[-1]]  # (PC.3)


def _d_errors(errors: Sequence[Array], output_precision: float) -> list[Array]:
    """Derivative of the mean energy in each layer's error."""
    return [each / len(each) for each in _weighted(errors, output_precision)]


def _weight_grads(inputs: Sequence[Array], d_errors: Sequence[Array]) -> list[tuple[Array, Array]]:
    return [
        dense_grads(entering, -d_error)  # (PC.6)
        for entering, d_error in zip(inputs, d_errors, strict=True)
    ]


def _check_inference(steps: int, rate: float, output_precision: float) -> None:
    check_count(steps, "steps")
    check_positive(rate, "rate")
    check_positive(output_precision, "output_precision")
