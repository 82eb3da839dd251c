"""What is claimed for Forward-Forward against back-propagation, each claim shown by a short run.

Source of the claims: Hinton (2022), arXiv:2212.13345, sections 1 and 8 (at second hand). Results:
docs/results/ff_claims.md, by `python examples/claims_ff.py`.
"""

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ffref.data import shuffled_batches
from ffref.experiments.claims_setup import (
    RMS,
    Settings,
    backprop_accuracy,
    classes_of,
    ff_accuracy,
    ff_algorithm,
    fresh_backprop,
    fresh_ff,
    train,
    train_backprop,
    train_ff,
)
from ffref.experiments.datasets import TrainTest
from ffref.formulas import (
    pairwise_error,
    relu,
    relu_vjp,
    rms_normalize,
    softmax_cross_entropy,
    softmax_cross_entropy_grad,
)
from ffref.kernels import flush_subnormals, get_threads, set_threads
from ffref.layers import Dense, dense_forward, dense_grads, dense_input_grad
from ffref.training import (
    Algorithm,
    LayerReport,
    LocalLayer,
    Network,
    Optimizer,
    Step,
    TrainingState,
    layer_scores,
    local_grads,
)
from ffref.training.step import carry
from ffref.types import Array, Labels, LayerContext, LayerInput, Norm, Objective

# -- layers as a pipeline, nothing stored --------------------------------------------------------


class Message(NamedTuple):
    """What travels from layer to layer."""

    inputs: LayerInput
    context: LayerContext


class PipelineResult(NamedTuple):
    """A pipeline beside the ordinary loop."""

    same_bits: bool
    """every weight and bias equals that of training all layers in every step"""
    most_alive: int
    """activities that were in memory at once"""


def stage(
    layer: LocalLayer,
    objective: Objective,
    optimizer: Optimizer,
    messages: Iterator[Message],
    *,
    between: Norm,
    learning_rate: float,
    watch: Callable[[Any], None],
) -> Iterator[Message]:
    """One layer that learns from what passes, and hands on its normalised activity.

    It keeps weights and optimiser state, and nothing of a batch once the next layer has it.
    """
    state = optimizer.init(layer.weights)
    for message in messages:
        grads, activity, evaluation = local_grads(layer, *message, objective)
        gradients = (grads.d_weight, grads.d_bias)
        state = optimizer.update(layer.weights, gradients, state, learning_rate, (True, False))
        handed_on = [Message(between.value(activity), carry(message.context, evaluation.goodness))]
        watch(handed_on[0].inputs)
        del message, grads, gradients, activity, evaluation
        yield handed_on.pop()


def ahead(messages: Iterator[Message], batches: int) -> Iterator[Message]:
    """A buffer: the layer below works up to `batches` ahead of the layer above."""
    waiting: deque[Message] = deque()
    for message in messages:
        waiting.append(message)
        del message
        if len(waiting) > batches:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()


def pipeline_claim(data: TrainTest, settings: Settings, *, batches_ahead: int) -> PipelineResult:
    """Train a pipeline of layers on a stream of batches, and compare with the ordinary loop."""
    algorithm, optimizer, state = fresh_ff(data, settings, RMS)
    alive: list[weakref.ref[Array]] = []
    most = 0

    def watch(activity: Array) -> None:
        nonlocal most
        alive[:] = [reference for reference in alive if reference() is not None]
        alive.append(weakref.ref(activity))
        most = max(most, len(alive))

    messages = _stream(algorithm, state.network, data, settings)
    for layer, objective in zip(state.network.layers, algorithm.objectives, strict=True):
        messages = stage(
            layer, objective, optimizer, ahead(messages, batches_ahead),
            between=RMS, learning_rate=settings.learning_rate, watch=watch,
        )  # fmt: skip
    threads = get_threads()
    set_threads(1)  # an idle worker would hold on to the arrays of its last product
    try:
        with flush_subnormals():
            deque(messages, maxlen=0)
    finally:
        set_threads(threads)
    ordinary = train_ff(data, settings)
    same = all(
        np.array_equal(one.weights.weight, other.weights.weight)
        and np.array_equal(one.weights.bias, other.weights.bias)
        for one, other in zip(ordinary.layers, state.network.layers, strict=True)
    )
    return PipelineResult(same, most)


def _stream(
    algorithm: Algorithm, network: Network, data: TrainTest, settings: Settings
) -> Iterator[Message]:
    """The batches of the ordinary loop, in its order and with its wrong labels."""
    for epoch in range(settings.epochs):
        rng = np.random.default_rng([settings.seed, 1, epoch])
        for x, rows in shuffled_batches(data.X, settings.batch_size, rng):
            yield Message(*algorithm.batch(network, x, data.y[rows], None, rng))


# -- a black box between layers ------------------------------------------------------------------


def three_levels(x: Array) -> Array:
    """Round to 0, 1 or 2: all that passes.

    Examples
    --------
    >>> three_levels(np.array([-1.0, 0.4, 0.6, 1.7, 9.0]))
    array([0., 0., 1., 2., 2.])
    """
    return np.clip(np.rint(x), 0, 2)


def _through_the_box(x: Array) -> Array:
    return rms_normalize(three_levels(rms_normalize(x)))


def _slope_of_the_box(d_out: Array, x: Array) -> Array:
    """Its derivative is 0 wherever it has one."""
    return np.zeros_like(d_out)


BLACK_BOX = Norm(_through_the_box, _slope_of_the_box)
"""Between two layers: normalise, round to three levels, normalise."""


class BlackBoxResult(NamedTuple):
    """Test accuracies with and without a box between all layers."""

    ff: float
    ff_with_box: float
    backprop: float
    backprop_with_box: float
    backprop_layers_moved: tuple[bool, ...]
    """with the box, of each layer from the bottom up: whether training changed its weights"""


def black_box_claim(data: TrainTest, settings: Settings) -> BlackBoxResult:
    """Train both through a quantiser that has no slope."""
    chained = train_backprop(data, settings, BLACK_BOX)
    _, fresh = fresh_backprop(data, settings, BLACK_BOX)
    moved = tuple(
        not np.array_equal(layer.weights.weight, start.weights.weight)
        for layer, start in zip(chained.layers, fresh.network.layers, strict=True)
    )
    return BlackBoxResult(
        ff_accuracy(train_ff(data, settings), data, settings),
        ff_accuracy(train_ff(data, settings, BLACK_BOX), data, settings),
        backprop_accuracy(train_backprop(data, settings), data),
        backprop_accuracy(chained, data),
        moved,
    )


# -- imprecise hardware --------------------------------------------------------------------------


class Hardware(NamedTuple):
    """A device whose units amplify unequally, in a fixed way that the learner does not know."""

    noise: float
    """deviation of the logarithm of a unit's gain"""
    bits: int | None
    """of the weights that the forward pass uses; None: as stored"""
    seed: int = 1


def on_hardware(network: Network, hardware: Hardware) -> Network:
    """What the device computes with these weights: relu(gain (x round(weight) + bias))."""
    rng = np.random.default_rng(hardware.seed)
    layers: list[LocalLayer] = []
    for layer in network.layers:
        weight, bias = layer.weights
        gain = np.exp(hardware.noise * rng.standard_normal(bias.size)).astype(bias.dtype)
        layers.append(
            layer._replace(weights=Dense(_rounded(weight, hardware.bits) * gain, bias * gain))
        )
    return network._replace(layers=tuple(layers))


def _rounded(weight: Array, bits: int | None) -> Array:
    if bits is None:
        return weight
    step = np.abs(weight).max() / weight.dtype.type(2 ** (bits - 1) - 1)
    return np.rint(weight / step) * step


class HardwareResult(NamedTuple):
    """Test accuracies on the device."""

    ff: float
    """trained on it"""
    backprop: float
    """trained on it, the backward pass by the stored weights, without the gains"""
    ff_moved: float
    """trained on a precise device, then run on this one"""
    backprop_moved: float


def hardware_claim(
    data: TrainTest, settings: Settings, devices: Sequence[Hardware]
) -> list[HardwareResult]:
    """Train on each device, and train on a precise one and move the weights to each."""
    precise = train_ff(data, settings), train_backprop(data, settings)
    results: list[HardwareResult] = []
    for device in devices:
        algorithm, optimizer, state = fresh_ff(data, settings, RMS)
        step = partial(_ff_step_on_hardware, algorithm, optimizer, device)
        ours = train(Step(step, layers=len(settings.hidden)), state, data, settings)
        optimizer, state = fresh_backprop(data, settings, RMS)
        step = partial(_backprop_step_on_hardware, optimizer, device)
        theirs = train(Step(step, layers=1), state, data, settings)
        results.append(
            HardwareResult(
                ff_accuracy(on_hardware(ours, device), data, settings),
                backprop_accuracy(on_hardware(theirs, device), data),
                ff_accuracy(on_hardware(precise[0], device), data, settings),
                backprop_accuracy(on_hardware(precise[1], device), data),
            )
        )
    return results


def _ff_step_on_hardware(
    algorithm: Algorithm,
    optimizer: Optimizer,
    hardware: Hardware,
    state: TrainingState,
    x: Array,
    labels: Labels,
    *,
    rng: np.random.Generator,
    learning_rate: float,
    trained: range,
) -> tuple[TrainingState, dict[int, LayerReport]]:
    """A local step by the inputs and activities that the device shows; gains stay unknown."""
    device = on_hardware(state.network, hardware)
    inputs, context = algorithm.batch(device, x, labels, None, rng)
    slots, reports = list(state.optimizer), {}
    for depth, objective in enumerate(algorithm.objectives):
        grads, activity, said = local_grads(device.layers[depth], inputs, context, objective)
        reports[depth] = LayerReport(said.loss, said.accuracy)
        slots[depth] = optimizer.update(
            state.network.layers[depth].weights, (grads.d_weight, grads.d_bias), slots[depth],
            learning_rate, (True, False),
        )  # fmt: skip
        context = carry(context, said.goodness)
        inputs = device.between_norm.value(activity)
    return state._replace(optimizer=tuple(slots)), reports


def _backprop_step_on_hardware(
    optimizer: Optimizer,
    hardware: Hardware,
    state: TrainingState,
    x: Array,
    labels: Labels,
    *,
    rng: np.random.Generator,
    learning_rate: float,
    trained: range,
) -> tuple[TrainingState, dict[int, LayerReport]]:
    """Forward on the device; backward through the stored weights, as if all gains were 1."""
    network, device = state.network, on_hardware(state.network, hardware)
    norm = network.between_norm
    inputs, sums = [x], [dense_forward(Dense(*device.layers[0].weights), x)]
    for layer in device.layers[1:]:
        inputs.append(norm.value(relu(sums[-1])))
        sums.append(dense_forward(Dense(*layer.weights), inputs[-1]))
    slope, slots = softmax_cross_entropy_grad(sums[-1], labels), list(state.optimizer)
    for depth in reversed(range(len(network.layers))):
        dense = Dense(*network.layers[depth].weights)
        grads = dense_grads(inputs[depth], slope)
        if depth > 0:
            below = relu(sums[depth - 1])
            slope = relu_vjp(norm.vjp(dense_input_grad(dense, slope), below), below)
        slots[depth] = optimizer.update(dense, grads, slots[depth], learning_rate, (True, False))
    report = LayerReport(
        softmax_cross_entropy(sums[-1], labels), float((sums[-1].argmax(axis=1) == labels).mean())
    )
    return state._replace(optimizer=tuple(slots)), {0: report}


# -- without normalisation between layers --------------------------------------------------------


class AblationResult(NamedTuple):
    """Two layers, on all test samples with their true label against each wrong one."""

    first_error: float
    """pairwise error of the first layer, trained"""
    untrained_error: float
    """of the second layer before its training, on top of the trained first layer"""
    second_error: float
    """of the second layer, trained"""
    put_right: float
    """of the pairs that the first layer has wrong, the share that the second has right; nan if
    there are none"""
    correlation: float
    """between the goodness of both trained layers, over all rows"""


def ablation_claim(data: TrainTest, settings: Settings, between: Norm) -> AblationResult:
    """Train two layers with `between` between them, and say what the second has learned."""
    network = train_ff(data, settings, between)
    _, _, fresh = fresh_ff(data, settings, between)
    untrained = network._replace(layers=(network.layers[0], *fresh.network.layers[1:]))
    first, second = _true_and_wrong_goodness(network, data, settings)
    _, before = _true_and_wrong_goodness(untrained, data, settings)
    lost, won = first[0] <= first[1], second[0] > second[1]
    return AblationResult(
        pairwise_error(*first),
        pairwise_error(*before),
        pairwise_error(*second),
        float(won[lost].mean()) if lost.any() else float("nan"),
        float(np.corrcoef(first.ravel(), second.ravel())[0, 1]),
    )


def _true_and_wrong_goodness(
    network: Network, data: TrainTest, settings: Settings
) -> tuple[Array, Array]:
    """Goodness of the first two layers, each (2, pairs): true labels, wrong labels."""
    first, second, *_ = layer_scores(ff_algorithm(data, settings), network, data.X_test)
    true = np.arange(classes_of(data)) == data.y_test[:, None]
    wrongs = classes_of(data) - 1

    def pairs(goodness: Array) -> Array:
        return np.stack([np.repeat(goodness[true], wrongs), goodness[~true]])

    return pairs(first), pairs(second)
