"""The problems of bench_steps.py: the same arrays for both libraries, and ffref's side of it.

Algorithm and optimizer are bound by ffref's own classifiers, so that what is measured is what
`fit` and `predict` run.
"""

from typing import NamedTuple

import numpy as np

from ffref import FFClassifier, HFFClassifier
from ffref.kernels import flush_subnormals
from ffref.layers import describe_layers
from ffref.negatives import uniform_wrong_label
from ffref.training import LocalLayer, Network, TrainingState, layer_scores

LEARNING_RATE = 0.001
BATCHES = 4
SEED = 1


class Shape(NamedTuple):
    """Sizes of a network and of its batches."""

    features: int
    hidden: tuple
    """units of each layer; of blocks (channels, padding, pool, auxiliary channels, grid)"""
    batch: int
    classes: int
    rows_scored: int = 1024
    """rows in one call of inference"""


class ConvProblem(NamedTuple):
    """The same for convolutional blocks; arrays are float32."""

    image: tuple[int, int, int]
    forms: list
    """LayerDescription of each block"""
    blocks: list[dict[str, np.ndarray]]
    """of each block its arrays by name, and its prototypes (classes, 4, features)"""
    x: np.ndarray
    labels: np.ndarray
    to_score: np.ndarray


class Problem(NamedTuple):
    """What both sides start from; arrays are float32."""

    shape: Shape
    weights: list[np.ndarray]
    biases: list[np.ndarray]
    prototypes: list[np.ndarray]
    """(classes, 4, units) of each layer; for FF none"""
    x: np.ndarray
    """(BATCHES, batch, features)"""
    labels: np.ndarray
    """(BATCHES, batch)"""
    wrong: np.ndarray
    """(BATCHES, batch) the labels of the negatives that ffref draws for each batch"""
    to_score: np.ndarray
    """(rows, features)"""
    overlay: bool
    """FF: the label in the first features, and rows of the input of mean square 1 (the preset
    for MNIST); else in columns of its own, and the input as it is (the classifier's default)"""


def classifier(kind: str, shape: Shape, overlay: bool):
    """A classifier with the settings of the problem, not yet fitted."""
    settings = {
        "hidden_layer_sizes": shape.hidden,
        "learning_rate_init": LEARNING_RATE,
        "standardize": False,
        "input_norm": "rms" if overlay else "none",
        "random_state": SEED,
    }
    if kind == "hff":
        return HFFClassifier(**settings)
    return FFClassifier(label_encoding="overlay" if overlay else "append", **settings)


def samples(shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise around one random image a class, its first features empty as an image's border is."""
    rng = np.random.default_rng(SEED)
    rows = BATCHES * shape.batch + shape.rows_scored
    centre = rng.standard_normal((shape.classes, shape.features))
    labels = rng.permutation(np.arange(rows) % shape.classes)
    x = centre[labels] + 2 * rng.standard_normal((rows, shape.features))
    if shape.features > shape.classes:
        x[:, : shape.classes] = 0
    x = x.astype(np.float32)
    training = BATCHES * shape.batch
    batches = x[:training].reshape(BATCHES, shape.batch, shape.features)
    return batches, labels[:training].reshape(BATCHES, shape.batch), x[training:]


def make_conv_problem(shape: Shape) -> tuple[ConvProblem, HFFClassifier]:
    """The problem, and ffref's classifier at its start."""
    channels = 3 if shape.features % 3 == 0 else 1
    side = int((shape.features // channels) ** 0.5)
    names = ("channels", "padding", "pool")
    blocks = tuple(
        ("block", dict(zip(names, sizes[:3], strict=True)) | {"auxiliary": list(sizes[3:])})
        for sizes in shape.hidden
    )
    model = HFFClassifier(
        layers=blocks,
        image_shape=(side, side, channels),
        learning_rate_init=LEARNING_RATE,
        standardize=False,
        between_norm="none",
        random_state=SEED,
    )
    x, labels, to_score = samples(shape)
    model.start(x.reshape(-1, shape.features), labels.reshape(-1))
    arrays = [
        {name: array.copy() for name, array in layer.weights._asdict().items()}
        | {"prototypes": layer.params[0].copy()}
        for layer in model.state_.network.layers
    ]
    image, forms = (side, side, channels), describe_layers(blocks)
    return ConvProblem(image, forms, arrays, x, labels, to_score), model


def make_problem(kind: str, shape: Shape) -> tuple[Problem | ConvProblem, object]:
    """The problem, and ffref's classifier at its start."""
    if kind == "hff-conv":
        return make_conv_problem(shape)
    overlay = shape.features == 784
    model = classifier(kind, shape, overlay)
    x, labels, to_score = samples(shape)
    model.start(x.reshape(-1, shape.features), labels.reshape(-1))
    layers = model.state_.network.layers
    wrong = [
        uniform_wrong_label(batch, classes=shape.classes, rng=np.random.default_rng(step))
        for step, batch in enumerate(labels)
    ]
    problem = Problem(
        shape,
        [layer.weights.weight.copy() for layer in layers],
        [layer.weights.bias.copy() for layer in layers],
        [array.copy() for layer in layers for array in layer.params],
        x,
        labels,
        np.array(wrong),
        to_score,
        overlay,
    )
    return problem, model


class InFfref:
    """ffref's side: steps and scores, as `fit` and `predict` run them."""

    def __init__(self, kind: str, shape: Shape, dtype: str = "float32") -> None:
        problem, model = make_problem(kind, shape)
        self.algorithm = model._fitted_algorithm()
        self.run = model._step(shape.features, shape.classes).run
        self.state = _in_dtype(model.state_, np.dtype(dtype))
        self.depth = len(shape.hidden)
        self.x, self.to_score = problem.x.astype(dtype), problem.to_score.astype(dtype)
        self.labels = problem.labels

    def step(self, number: int) -> list[float]:
        """One training step; returns each layer's loss. The negatives are those of `Problem`."""
        batch = number % BATCHES
        with np.errstate(all="ignore"), flush_subnormals():
            self.state, reports = self.run(
                self.state,
                self.x[batch],
                self.labels[batch],
                rng=np.random.default_rng(batch),
                learning_rate=LEARNING_RATE,
                trained=range(self.depth),
            )
        return [reports[layer].loss for layer in range(self.depth)]

    def scores(self, rows: int | None = None) -> np.ndarray:
        """(layers, rows, classes) of the rows to score, or of the first `rows` of them."""
        return layer_scores(self.algorithm, self.state.network, self.to_score[:rows])

    def arrays(self) -> dict[str, np.ndarray]:
        """Parameters, Adam's first moments, running statistics."""
        out = {}
        for depth, (layer, memory) in enumerate(
            zip(self.state.network.layers, self.state.optimizer, strict=True), 1
        ):
            learned = len(layer.kind.decayed)
            names = (*layer.weights._fields[:learned], "prototypes")
            named = zip(names, (*layer.weights[:learned], *layer.params), strict=False)
            for (name, array), slots in zip(named, memory.slots, strict=True):
                out[f"{name} {depth}"] = array.copy()
                out[f"moment of {name} {depth}"] = slots[0].copy()
            for name in layer.weights._fields[learned:]:
                out[f"{name} {depth}"] = getattr(layer.weights, name).copy()
        return out


def _in_dtype(state: TrainingState, dtype: np.dtype) -> TrainingState:
    def cast(arrays):
        return tuple(array.astype(dtype) for array in arrays)

    layers = tuple(
        LocalLayer(type(layer.weights)(*cast(layer.weights)), cast(layer.params), layer.kind)
        for layer in state.network.layers
    )
    memory = tuple(m._replace(slots=tuple(map(cast, m.slots))) for m in state.optimizer)
    return TrainingState(Network(layers, *state.network[1:]), memory)
