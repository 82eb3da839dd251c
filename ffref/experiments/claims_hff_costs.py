"""What HFF costs beside FF and back-propagation: operations, bytes and time, not energy.

Operations and bytes are counted from the sizes of dense layers; processor time, which does not
depend on what else the machine does, and the memory of a training step are measured. Run by
`python benchmarks/run_hff_claims.py`.
"""

from collections.abc import Sequence
from itertools import pairwise
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from ffref.estimators import Classifier
from ffref.experiments.step_memory import peak_of_arrays, training_step
from ffref.experiments.studies import Row, Settings, Task, build_classifier

CLASSES = (10, 100, 1000)
DEPTHS = (2, 8, 32)
_TIMED_ROWS = 50
_NUMBER = 4
"""Bytes of a float32."""


class Cost(NamedTuple):
    """Of one sample; FF also as it is usually written, with a whole pass for each label."""

    multiply_adds: int
    bytes_moved: int
    """each weight read once a pass, each activity written and read once"""
    multiply_adds_in_turn: int
    bytes_in_turn: int


def prediction_cost(
    algorithm: str, sizes: Sequence[int], classes: int, *, prototypes_per_class: int
) -> Cost:
    """Count one prediction from all layers; `sizes` are features, then units of each layer.

    Examples
    --------
    FF's first layer meets the sample once for all labels, and each label by one row of weights.

    >>> prediction_cost("hff", (4, 3), 10, prototypes_per_class=2)[:2]
    (72, 312)
    >>> prediction_cost("ff", (4, 3), 10, prototypes_per_class=2)
    Cost(multiply_adds=72, bytes_moved=408, multiply_adds_in_turn=180, bytes_in_turn=840)
    >>> prediction_cost("backprop", (4, 3), 10, prototypes_per_class=2)[:2]
    (42, 272)
    """
    weights, units = _weights(sizes), sum(sizes[1:])
    if algorithm == "hff":
        scores = classes * prototypes_per_class * units
        one = weights + scores
        moved = _NUMBER * (one + 2 * units)
        return Cost(one, moved, one, moved)
    if algorithm == "backprop":
        one = weights + sizes[-1] * classes
        moved = _NUMBER * (one + 2 * (units + classes))
        return Cost(one, moved, one, moved)
    image = sizes[0] * sizes[1]
    labels = classes * sizes[1]
    shared = image + labels + classes * (weights - image + units)
    shared_bytes = _NUMBER * (weights + labels + 2 * classes * units)
    in_turn = classes * (weights + sizes[1] + units)
    return Cost(
        shared, shared_bytes, in_turn, classes * _NUMBER * (weights + sizes[1] + 2 * units)
    )


def training_multiply_adds(
    algorithm: str, sizes: Sequence[int], classes: int, *, prototypes_per_class: int
) -> int:
    """Multiply-adds of a training step, for each sample; the optimiser's are the same for all.

    Forward and weight gradient are a product each; back-propagation has the input gradient of all
    layers but the first besides, FF a positive and a negative pass that share the first layer's.

    Examples
    --------
    >>> how = {"classes": 10, "prototypes_per_class": 2}
    >>> [training_multiply_adds(one, (4, 3, 3), **how) for one in ("hff", "ff", "backprop")]
    [402, 60, 141]
    """
    weights, image = _weights(sizes), sizes[0] * sizes[1]
    if algorithm == "hff":
        return 2 * weights + 3 * classes * prototypes_per_class * sum(sizes[1:])
    if algorithm == "backprop":
        return 3 * (weights + sizes[-1] * classes) - image
    return 2 * image + 4 * (weights - image)


def _weights(sizes: Sequence[int]) -> int:
    return sum(a * b for a, b in pairwise(sizes))


def inference(data: Task, settings: Settings, seed: int, algorithm: str) -> Row:
    """Cost of a prediction against the number of classes, on layers as they are drawn."""
    rows: dict[str, list[Any]] = {}
    for classes in CLASSES:
        model, x, _ = drawn(algorithm, settings, seed, data.X.shape[1], classes)
        per_class = _prototypes_per_class(model)
        sizes = (x.shape[1], *settings.hidden)
        cost = prediction_cost(algorithm, sizes, classes, prototypes_per_class=per_class)
        model.predict(x[:_TIMED_ROWS])
        times = []
        for _ in range(3):
            began = process_time()
            model.predict(x[:_TIMED_ROWS])
            times.append(process_time() - began)
        found = {
            "classes": classes,
            "million_multiply_adds": cost.multiply_adds / 1e6,
            "million_multiply_adds_in_turn": cost.multiply_adds_in_turn / 1e6,
            "megabytes": cost.bytes_moved / 1e6,
            "megabytes_in_turn": cost.bytes_in_turn / 1e6,
            "processor_milliseconds": 1e3 * min(times) / _TIMED_ROWS,
        }
        for name, value in found.items():
            rows.setdefault(name, []).append(value)
    return rows


def training(data: Task, settings: Settings, seed: int, algorithm: str) -> Row:
    """Cost of a training step against depth, layers of the first hidden size."""
    rows: dict[str, list[Any]] = {}
    width, classes = settings.hidden[0], len(np.unique(data.y))
    for depth in DEPTHS:
        deep = settings._replace(hidden=(width,) * depth)
        model, x, labels = drawn(algorithm, deep, seed, width, classes, settings.batch_size)
        per_class = _prototypes_per_class(model)
        step, state = training_step(model, x, labels)
        for _ in range(2):
            step()
        began = process_time()
        step()
        elapsed = process_time() - began
        memory = min(peak_of_arrays(step) for _ in range(2))
        added = training_multiply_adds(
            algorithm, (width,) * (depth + 1), classes, prototypes_per_class=per_class
        )
        found = {
            "layers": depth,
            "million_multiply_adds": added / 1e6,
            "processor_milliseconds_a_step": 1e3 * elapsed,
            "state_megabytes": state / 1e6,
            "step_megabytes": memory / 1e6,
        }
        for name, value in found.items():
            rows.setdefault(name, []).append(value)
    return rows


def prototypes(data: Task, settings: Settings, seed: int, per_class: int) -> Row:
    """Memory of the prototypes against the number of classes, beside that of the weights."""
    features, megabytes = data.X.shape[1], 1e-6
    model = None
    rows: Row = {"classes": list(CLASSES), "prototype_megabytes": []}
    for classes in CLASSES:
        model, *_ = drawn("hff", settings, seed, features, classes, prototypes_per_class=per_class)
        layers = model.state_.network.layers
        held = sum(layer.params[-1].nbytes for layer in layers)
        rows["prototype_megabytes"].append(held * megabytes)
        rows["weight_megabytes"] = megabytes * sum(
            array.nbytes for layer in layers for array in layer.weights
        )
    return rows


def drawn(
    algorithm: str,
    settings: Settings,
    seed: int,
    features: int,
    classes: int,
    samples: int = 0,
    **choices: Any,  # noqa: ANN401
) -> tuple[Classifier, np.ndarray, np.ndarray]:
    """Return a classifier before its first step, with random samples of each class."""
    rng = np.random.default_rng(seed)
    x = rng.random((max(samples, classes, _TIMED_ROWS), features), np.float32)
    labels = np.arange(len(x)) % classes
    if algorithm == "ff":
        choices = {"label_encoding": "append"} | choices  # more classes than pixels at the border
    model = build_classifier(algorithm, settings, seed, **choices).start(x, labels)
    kept = samples or len(x)
    return model, x[:kept], labels[:kept]


def _prototypes_per_class(model: Classifier) -> int:
    return int(getattr(model, "prototypes_per_class", 0))
