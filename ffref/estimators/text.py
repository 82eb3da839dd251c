"""Forward-Forward on windows of text, as a classifier of the next symbol."""

from functools import partial
from typing import Any

import numpy as np

from ffref._checks import check_count, check_number, check_positive, require
from ffref.estimators._local import LocalClassifier
from ffref.formulas import SUM_OF_SQUARES
from ffref.layers import INITIAL_GAIN, Readout, zero_readout
from ffref.objectives.ff import ff
from ffref.training import (
    Algorithm,
    LayerReport,
    Optimizer,
    ReadoutTraining,
    Step,
    TrainingState,
    bind_optimizer,
    contrastive,
    in_blocks,
    network_logits,
)
from ffref.training.next_symbol import window_encoding, with_self_generated_negatives
from ffref.types import Array


class FFTextClassifier(LocalClassifier):
    """Forward-Forward on windows of a sequence: real ones against those that it predicts itself.

    A sample is a window of one-hot symbols, its label the symbol that comes next, as
    `ffref.data.text.next_character` makes them. The window that ends in the label is positive.
    Source: `ffref.training.next_symbol`.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each layer.
    negatives : {"teacher-forced", "self-generated"}
        The true window with its last symbol replaced by a wrong one, drawn as the network predicts
        it; or a window after up to `rollout` symbols of the network's own.
    rollout : int
        Most symbols of its own that the network puts into a self-generated window.
    learn_hidden : bool
        False: hidden layers keep their random weights, and the readout learns alone.
    readout : {"softmax", "sum", "sum-without-first", "last"}
        "softmax": from one pass. Else every symbol is tried as the next.
    readout_rate_factor, readout_weight_decay, threshold, initialization, max_iter, batch_size,
    learning_rate_init, optimizer, momentum, weight_decay, schedule, warmup_steps, between_norm,
    random_state, verbose
        As in `FFClassifier`; goodness is the sum of squares.

    Examples
    --------
    >>> import numpy as np, ffref
    >>> from ffref.data.text import one_hot_windows
    >>> symbols = np.arange(330) % 30  # the alphabet, over and over
    >>> found = np.lib.stride_tricks.sliding_window_view(symbols, 4)
    >>> X, y = one_hot_windows(found[:, :3]), found[:, 3]
    >>> ffref.FFTextClassifier((32,), random_state=0).fit(X, y).score(X, y)
    1.0
    """

    algorithm = "ff-text"

    # what windows of symbols have no use for
    layer_schedule = "simultaneous"
    standardize = False
    shift = 0
    flip = False
    cutout = 0
    image_shape = None
    input_norm = "rms"

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256, 256),
        *,
        negatives: str = "teacher-forced",
        rollout: int = 10,
        learn_hidden: bool = True,
        threshold: float | None = None,
        readout: str = "softmax",
        readout_rate_factor: float = 1.0,
        readout_weight_decay: float = 0.0,
        initialization: str = "lecun",
        max_iter: int = 20,
        batch_size: int = 100,
        learning_rate_init: float = 0.001,
        optimizer: str = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        schedule: str = "cosine",
        warmup_steps: int = 0,
        between_norm: str = "rms",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.negatives = negatives
        self.rollout = rollout
        self.learn_hidden = learn_hidden
        self.threshold = threshold
        self.readout = readout
        self.readout_rate_factor = readout_rate_factor
        self.readout_weight_decay = readout_weight_decay
        self.initialization = initialization
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.optimizer = optimizer
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup_steps = warmup_steps
        self.between_norm = between_norm
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for name, value, known in (
            ("negatives", self.negatives, ("teacher-forced", "self-generated")),
            ("initialization", self.initialization, tuple(INITIAL_GAIN)),
        ):
            require(value in known, f"{name} must be one of {', '.join(known)}, got {value!r}")
        check_count(self.rollout, "rollout")
        if self.threshold is not None:
            check_number(self.threshold, "threshold")
        check_positive(self.readout_rate_factor, "readout_rate_factor")
        self._readout_optimizer()

    def _check_training_data(self, x: Array, classes: int) -> None:
        length = x.shape[1] // classes
        ones = x.reshape(len(x), length, classes) if x.shape[1] == length * classes else x[:, :0]
        require(
            length > 0 and ones.size > 0 and bool(((ones == 0) | (ones == 1)).all())
            and bool((ones.sum(axis=2) == 1).all()),
            f"samples must be windows of one-hot symbols, a slot for each of the {classes} "
            f"symbols that occur as a label, got {x.shape[1]} features; make them with "
            f"ffref.data.text.next_character, of a text in which each symbol occurs",
        )  # fmt: skip

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        algorithm = contrastive(
            [ff(threshold=theta) for theta in self.thresholds()],
            goodness=SUM_OF_SQUARES,
            encoding=window_encoding(classes),
            classes=classes,
            hard_labels=True,
            readout=ReadoutTraining(self._readout_optimizer(), self.readout_rate_factor),
        )
        if self.negatives == "teacher-forced":
            return algorithm
        return with_self_generated_negatives(algorithm, steps=self.rollout, classes=classes)

    def _step(self, features: int, classes: int) -> Step:
        step = super()._step(features, classes)
        return step if self.learn_hidden else step._replace(run=partial(_readout_alone, step))

    def thresholds(self) -> list[float]:
        """Threshold of each layer: `threshold`, or the layer's units."""
        sizes = self._hidden_layer_sizes()
        return [float(units) if self.threshold is None else self.threshold for units in sizes]

    def _initialization(self) -> str:
        return self.initialization

    def _initial_readout(self, units: list[int], classes: int) -> Readout | None:
        return zero_readout(units[1:] or units, classes, np.dtype(np.float32))

    def _readout_optimizer(self) -> Optimizer:
        return bind_optimizer(
            self.optimizer, momentum=self.momentum, weight_decay=self.readout_weight_decay
        )

    def _readouts(self) -> tuple[str, ...]:
        return (*super()._readouts(), "softmax")

    def _softmax_logits(self, x: Array) -> Array:
        return in_blocks(lambda rows: network_logits(self.state_.network, rows), x, axis=0)

    def _goodness(self, x: Array) -> Array:
        return self._softmax_logits(x) if self.readout == "softmax" else super()._goodness(x)

    def _readout_goodness(self, x: Array) -> tuple[Array, dict[str, Array]]:
        scores, readouts = super()._readout_goodness(x)
        return scores, readouts | {"softmax": self._softmax_logits(x)}

    def _class_logits(self, goodness: Array) -> Array:
        """Logits of the softmax; or mean goodness per unit of the layers read, uncalibrated."""
        if self.readout == "softmax":
            return goodness
        read = self.state_.network.layers[self._layers_read()]
        return goodness / sum(layer.weights.bias.size for layer in read)


def _readout_alone(
    step: Step, *state_and_batch: Any, trained: range, **choices: Any
) -> tuple[TrainingState, dict[int, LayerReport]]:
    """A step in which no layer but the softmax readout learns."""
    return step.run(*state_and_batch, trained=range(0), **choices)
