"""Speed on this machine: matrix products beside NumPy's, training steps, inference.

Values come first: a speed is returned only for what was found right. Comparisons with PyTorch
stand in benchmarks/.
"""

from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter, sleep
from typing import Any, NamedTuple

import numpy as np

from ffref.estimators import FFClassifier, HFFClassifier
from ffref.kernels import flush_subnormals, matmul
from ffref.layers import Dense
from ffref.training import LocalLayer, Step, TrainingState, layer_scores
from ffref.types import Array, Labels

SIZES = ((256, 784, 1000), (256, 1000, 1000), (512, 784, 500), (1024,) * 3, (2048,) * 3)
"""(rows, depth, columns) of the products"""
PAUSE = 0.03
"""Seconds before NumPy's and ffref's turns: the other's threads spin for a while."""
LEARNING_RATE = 0.001
SEED = 1
ROWS_VERIFIED = 20


class Workload(NamedTuple):
    """What is timed, and for how long."""

    sizes: tuple[tuple[int, int, int], ...] = SIZES
    features: int = 784
    hidden: tuple[int, ...] = (1000, 1000, 1000)
    batch: int = 256
    classes: int = 10
    rows: int = 1000
    """samples in one call of inference"""
    seconds: float = 2.0
    """of calls for each number, about"""


QUICK = Workload(sizes=(SIZES[0], SIZES[3]), rows=250, seconds=0.5)


class WrongValueError(ArithmeticError):
    """What was to be timed computes something else than it should."""


class Network(NamedTuple):
    """A classifier's step and scores, with a batch to run them on."""

    step: Step
    state: TrainingState
    scores: Callable[[TrainingState, int], Array]
    """(layers, rows, classes) of the first rows of `to_score`, so many"""
    x: Array
    labels: Labels
    to_score: Array


def share_of_bound(product: Array, a: Array, b: Array) -> float:
    """Largest error of a product, in parts of k u sum_k |a_ik| |b_kj|; 1 is the most allowed.

    That is the bound of a sum of k products, u the unit roundoff of the product's dtype; the exact
    values are taken from NumPy in float64.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    >>> share_of_bound(np.array([[11.0]]), a, b)
    0.0
    """
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    unit_roundoff = np.finfo(product.dtype).eps / 2
    bound = a.shape[1] * unit_roundoff * (np.abs(wide_a) @ np.abs(wide_b))
    return float(np.max(np.abs(product - wide_a @ wide_b) / bound))


def bench_products(work: Workload) -> list[dict[str, Any]]:
    """GFLOP/s of ffref's and of NumPy's float32 product, in turns, and their errors."""
    rows = []
    for size in work.sizes:
        rng = np.random.default_rng(SEED)
        a = rng.standard_normal(size[:2]).astype(np.float32)
        b = rng.standard_normal(size[1:]).astype(np.float32)
        shares = share_of_bound(matmul(a, b), a, b), share_of_bound(a @ b, a, b)
        _right(shares[0], 1, f"the error of matmul for {size}, in parts of the bound,")
        seconds = in_turns((lambda: matmul(a, b), lambda: a @ b), work.seconds)  # noqa: B023
        ours, theirs = (2e-9 * float(np.prod(size)) / median(each) for each in seconds)
        rows.append(
            {
                "size": list(size),
                "gflops": ours,
                "numpy_gflops": theirs,
                "ratio": ours / theirs,
                "spread": spread(seconds[0]),
                "share_of_bound": shares[0],
                "numpy_share_of_bound": shares[1],
            }
        )
    return rows


def bench_network(algorithm: str, work: Workload) -> dict[str, Any]:
    """Milliseconds of a training step and of inference, after both were found right."""
    network = make_network(algorithm, work)
    slope_error = check_slopes(network)
    error = check_float32(network, work)
    check_scores(algorithm, network, work.classes)
    state = network.state

    def step() -> None:
        nonlocal state
        state = run_step(network, state)[0]

    def infer() -> None:
        network.scores(state, work.rows)

    (steps,), (calls,) = in_turns((step,), work.seconds), in_turns((infer,), work.seconds)
    return {
        "algorithm": algorithm,
        "hidden_layer_sizes": list(work.hidden),
        "batch_size": work.batch,
        "step_ms": 1e3 * median(steps),
        "step_spread": spread(steps),
        "inference_rows": work.rows,
        "inference_ms": 1e3 * median(calls),
        "inference_spread": spread(calls),
        "slope_error": slope_error,
        "share_of_bound": error,
    }


def make_network(algorithm: str, work: Workload) -> Network:
    """The classifier's own step, state and scores, and samples drawn at random."""
    settings: dict[str, Any] = {
        "hidden_layer_sizes": work.hidden,
        "standardize": False,
        "input_norm": "rms",
        "random_state": SEED,
    }
    model = HFFClassifier(**settings) if algorithm == "hff" else FFClassifier(**settings)
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((work.batch + work.rows, work.features)).astype(np.float32)
    labels = np.arange(work.batch + work.rows) % work.classes
    model.start(x, labels)
    to_score = x[work.batch :]

    def scores(state: TrainingState, rows: int) -> Array:
        dtype = state.network.layers[0].weights.weight.dtype
        scored = to_score[:rows].astype(dtype, copy=False)
        return layer_scores(model._fitted_algorithm(), state.network, scored)

    step = model._step(work.features, work.classes)
    return Network(step, model.state_, scores, x[: work.batch], labels[: work.batch], to_score)


def run_step(
    network: Network, state: TrainingState, trained: range | None = None
) -> tuple[TrainingState, dict[int, float]]:
    """One step on the batch, as the training loop runs it, and losses; overwrites `state`."""
    x = network.x.astype(state.network.layers[0].weights.weight.dtype, copy=False)
    with np.errstate(all="ignore"), flush_subnormals():
        state, reports = network.step.run(
            state,
            x,
            network.labels,
            rng=np.random.default_rng(SEED),  # the same negatives in each step
            learning_rate=LEARNING_RATE,
            trained=range(network.step.layers) if trained is None else trained,
        )
    return state, {layer: report.loss for layer, report in reports.items()}


def check_slopes(network: Network, step: float = 1e-6) -> float:
    """Largest relative error of a layer's slope, in float64, against central differences.

    Each layer's parameters go a little up and down along a random direction: the loss must change
    by what the gradient (Adam's first moment after one step) says.
    """
    start = cast_state(network.state, np.dtype(np.float64))
    after, _ = run_step(network, cast_state(start, np.dtype(np.float64)))
    rng = np.random.default_rng(SEED)
    worst = 0.0
    for depth, memory in enumerate(after.optimizer):
        gradients = [slots[0] / (1 - 0.9) for slots in memory.slots]
        directions = [rng.standard_normal(g.shape) * np.sqrt(np.mean(g * g)) for g in gradients]
        slope = sum(float(np.vdot(g, d)) for g, d in zip(gradients, directions, strict=True))
        size = step / np.sqrt(sum(float(np.vdot(d, d)) for d in directions))
        losses = [
            run_step(network, _moved(start, depth, directions, way), range(depth, depth + 1))[1]
            for way in (size, -size)
        ]
        measured = (losses[0][depth] - losses[1][depth]) / (2 * size)
        worst = max(worst, abs(measured - slope) / abs(slope))
    return _right(float(worst), 1e-3, "the relative error of a layer's slope")


def check_float32(network: Network, work: Workload) -> float:
    """Largest error of a float32 step's gradients and of scores, in parts of the bound.

    Against float64, each array as a whole: |a - b| <= 2 k u (layers + 1) |b|, k the widest sum.
    """
    results = []
    for dtype in (np.float32, np.float64):
        state = cast_state(network.state, np.dtype(dtype))
        scores = network.scores(state, ROWS_VERIFIED)
        state, losses = run_step(network, state)
        moments = [slots[0] for memory in state.optimizer for slots in memory.slots]
        results.append([scores, np.array(list(losses.values())), *moments])
    widest = max(work.features + work.classes, 2 * work.batch, *work.hidden)
    bound = widest * np.finfo(np.float32).eps * (len(work.hidden) + 1)
    worst = max(
        float(np.linalg.norm(single - double) / (bound * np.linalg.norm(double)))
        for single, double in zip(*results, strict=True)
    )
    return _right(worst, 1, "the error of float32, in parts of the bound,")


def check_scores(algorithm: str, network: Network, classes: int) -> float:
    """Largest relative difference of the scores, in float64, from `plain_scores`."""
    state = cast_state(network.state, np.dtype(np.float64))
    scores = network.scores(state, ROWS_VERIFIED)
    plain = plain_scores(
        algorithm, state, network.to_score[:ROWS_VERIFIED].astype(np.float64), classes
    )
    error = float(np.max(np.abs(scores - plain)) / np.max(np.abs(plain)))
    return _right(error, 1e-9, "the difference of the scores from NumPy's")


def plain_scores(algorithm: str, state: TrainingState, x: Array, classes: int) -> Array:
    """What inference computes, written in a few lines of NumPy; the classifiers' defaults."""

    def forward(x: Array) -> Iterator[tuple[Array, LocalLayer]]:
        for layer in state.network.layers:
            x = x / np.sqrt(np.mean(x * x, axis=1, keepdims=True))
            x = np.maximum(x @ layer.weights.weight + layer.weights.bias, 0)
            yield x, layer

    if algorithm == "ff":
        labels = np.eye(classes)
        inputs = [np.hstack([x, np.tile(label, (len(x), 1))]) for label in labels]
        goodness = [[np.sum(y * y, axis=1) for y, _ in forward(each)] for each in inputs]
        return np.moveaxis(np.array(goodness), 0, 2)
    scores = []
    for y, layer in forward(x):
        prototypes = layer.params[0] / np.linalg.norm(layer.params[0], axis=2, keepdims=True)
        directions = y / np.linalg.norm(y, axis=1, keepdims=True)
        cosine = np.einsum("iu,cku->ick", directions, prototypes)
        scores.append(0.1 * np.log(np.mean(np.exp(cosine / 0.1), axis=2)))
    return np.array(scores)


def cast_state(state: TrainingState, dtype: np.dtype) -> TrainingState:
    """A copy of the state in `dtype`."""

    def cast(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(array.astype(dtype) for array in arrays)

    layers = tuple(
        layer._replace(weights=Dense(*cast(layer.weights)), params=cast(layer.params))
        for layer in state.network.layers
    )
    optimizer = tuple(
        memory._replace(slots=tuple(cast(slots) for slots in memory.slots))
        for memory in state.optimizer
    )
    return TrainingState(state.network._replace(layers=layers), optimizer)


def in_turns(calls: tuple[Callable[[], object], ...], seconds: float) -> list[list[float]]:
    """Seconds of each call; the calls take turns, each turn after one that is not timed."""
    timed: list[list[float]] = [[] for _ in calls]
    rounds, begin = 0, perf_counter()
    while rounds < 3 or perf_counter() - begin < seconds:
        rounds += 1
        for call, mine in zip(calls, timed, strict=True):
            if len(calls) > 1:
                sleep(PAUSE)
            if len(calls) > 1 or rounds == 1:
                call()
            for _ in range(3):
                started = perf_counter()
                call()
                mine.append(perf_counter() - started)
    return timed


def spread(seconds: list[float]) -> float:
    """Half the distance of the quartiles, as a share of the median.

    Examples
    --------
    >>> round(spread([1.0, 2.0, 3.0, 4.0, 5.0]), 3)
    0.333
    """
    first, middle, third = np.percentile(seconds, (25, 50, 75))
    return float((third - first) / 2 / middle)


def _right(error: float, bound: float, what: str) -> float:
    if not error <= bound:
        raise WrongValueError(f"no speed is given: {what} is {error:.3g}, above {bound:.3g}")
    return error


def _moved(
    state: TrainingState, depth: int, directions: list[Array], size: float
) -> TrainingState:
    """A copy of the state, one layer's learned parameters moved."""
    state = cast_state(state, np.dtype(np.float64))
    layer = state.network.layers[depth]
    learned = (*layer.weights, *layer.params)
    for array, direction in zip(learned, directions, strict=True):
        array += size * direction  # noqa: PLW2901  in place, in our own copy
    return state
