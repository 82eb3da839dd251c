"""The recurrent Forward-Forward network (Hinton 2022) as a classifier."""

from functools import partial
from typing import Any

import numpy as np

from ffref._checks import check_count, check_number, check_positive, require
from ffref.estimators._base import Classifier
from ffref.formulas import GOODNESS
from ffref.layers import INITIAL_GAIN, zero_readout
from ffref.objectives.ff import ff
from ffref.training import (
    READOUTS,
    Optimizer,
    ReadoutTraining,
    Step,
    TrainingState,
    bind_optimizer,
    in_blocks,
    initial_optimizer_states,
)
from ffref.training.recurrent import (
    Recurrence,
    draw_recurrent_layers,
    recurrent_logits,
    recurrent_scores,
    recurrent_step,
    start_states,
)
from ffref.types import Array


class FFRecurrentClassifier(Classifier):
    """Forward-Forward with top-down input: an image is watched for several steps of time.

    Each layer sees the layers below and above as they were one step before; the label is what
    stands above the top layer. To predict, every label is tried, and the one of the highest mean
    goodness in the scored steps wins. Formula and source: `ffref.training.recurrent`.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each layer.
    steps : int
        Of time, for each sample in training.
    damping : float in [0, 1)
        Share of a layer's old state in its new one.
    first_scored_step, last_scored_step : int
        Steps, from 1, whose mean goodness predicts; the last is at most `steps`.
    goodness_function, threshold, initialization
        As in `FFClassifier`.
    negatives : {"hard", "uniform"}
        Wrong labels drawn from the softmax readout, which finds them likely; or evenly.
    readout : {"sum", "sum-without-first", "last", "softmax"}
        Layers whose goodness is added to predict. "softmax": from one pass with the neutral label.
    readout_rate_factor, readout_weight_decay : float
        Learning rate of the softmax readout, times that of the layers, and its decay.
    max_iter, batch_size, learning_rate_init, optimizer, momentum, weight_decay, schedule,
    warmup_steps, standardize, shift, flip, cutout, image_shape, input_norm, between_norm,
    random_state, verbose
        As in `HFFClassifier`. `batch_size` counts samples; each gives a positive and a negative.

    Attributes
    ----------
    classes_, n_features_in_, history_, state_, seed_
        As in `HFFClassifier`; accuracy in `history_` is that of pairs, in the scored steps. The
        top-down weights of layer l are `state_.network.layers[l].params[0]`.

    Examples
    --------
    >>> import ffref
    >>> X, y = ffref.data.load("digits")
    >>> model = ffref.FFRecurrentClassifier((64, 64), max_iter=15, random_state=0,
    ...                                     learning_rate_init=0.003)
    >>> model.fit(X, y).score(*ffref.data.load("digits", split="test")) > 0.9
    True
    """

    algorithm = "ff-recurrent"

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256),
        *,
        steps: int = 8,
        damping: float = 0.3,
        first_scored_step: int = 3,
        last_scored_step: int = 5,
        goodness_function: str = "sum",
        threshold: float | None = None,
        negatives: str = "hard",
        readout: str = "sum",
        readout_rate_factor: float = 1.0,
        readout_weight_decay: float = 0.0,
        initialization: str = "he",
        max_iter: int = 50,
        batch_size: int = 64,
        learning_rate_init: float = 0.001,
        optimizer: str = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        schedule: str = "cosine",
        warmup_steps: int = 0,
        standardize: bool = True,
        shift: int = 0,
        flip: bool = False,
        cutout: int = 0,
        image_shape: Any = None,
        input_norm: str = "rms",
        between_norm: str = "rms",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.steps = steps
        self.damping = damping
        self.first_scored_step = first_scored_step
        self.last_scored_step = last_scored_step
        self.goodness_function = goodness_function
        self.threshold = threshold
        self.negatives = negatives
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
        self.standardize = standardize
        self.shift = shift
        self.flip = flip
        self.cutout = cutout
        self.image_shape = image_shape
        self.input_norm = input_norm
        self.between_norm = between_norm
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        require(
            len(self._hidden_layer_sizes()) > 0,
            "hidden_layer_sizes must name at least one layer: there is nothing to train locally",
        )
        for name, value, known in (
            ("goodness_function", self.goodness_function, tuple(GOODNESS)),
            ("negatives", self.negatives, ("hard", "uniform")),
            ("initialization", self.initialization, tuple(INITIAL_GAIN)),
            ("readout", self.readout, (*READOUTS, "softmax")),
        ):
            require(value in known, f"{name} must be one of {', '.join(known)}, got {value!r}")
        check_count(self.steps, "steps")
        require(
            0 <= check_number(self.damping, "damping") < 1,
            f"damping must lie in [0, 1), got {self.damping!r}; it is the share of the old state",
        )
        self._scored()
        if self.threshold is not None:
            check_number(self.threshold, "threshold")
        check_positive(self.readout_rate_factor, "readout_rate_factor")
        self._readout_optimizer()

    def _scored(self) -> range:
        first, last = self.first_scored_step, self.last_scored_step
        check_count(first, "first_scored_step")
        check_count(last, "last_scored_step")
        require(
            first <= last <= self.steps,
            f"first_scored_step and last_scored_step must lie in 1 .. {self.steps} (steps), in "
            f"this order, got {first!r} and {last!r}",
        )
        return range(first, last + 1)

    def _recurrence(self) -> Recurrence:
        goodness = GOODNESS[self.goodness_function]
        return Recurrence(
            [ff(threshold=theta, goodness=goodness) for theta in self.thresholds()],
            goodness,
            ReadoutTraining(self._readout_optimizer(), self.readout_rate_factor),
            steps=self.steps,
            damping=float(self.damping),
            scored=self._scored(),
            hard_labels=self.negatives == "hard",
        )

    def thresholds(self) -> list[float]:
        """Threshold of each layer: `threshold`, or the layer's units (sum) or 2 (mean), signed."""
        if self.threshold is not None:
            return [self.threshold for _ in self._hidden_layer_sizes()]
        sign = -1.0 if self.goodness_function.startswith("negative") else 1.0
        return [
            sign * (units if self._goodness_is_a_sum() else 2)
            for units in self._hidden_layer_sizes()
        ]

    def _goodness_is_a_sum(self) -> bool:
        return self.goodness_function.endswith("sum")

    def _readout_optimizer(self) -> Optimizer:
        return bind_optimizer(
            self.optimizer, momentum=self.momentum, weight_decay=self.readout_weight_decay
        )

    def _initial_state(
        self, rng: np.random.Generator, features: int, classes: int
    ) -> TrainingState:
        sizes = self._hidden_layer_sizes()
        gain = INITIAL_GAIN[self.initialization]
        layers = draw_recurrent_layers(rng, (features, *sizes, classes), gain)
        readout = zero_readout(sizes[1:] or sizes, classes, np.dtype(np.float32))
        return TrainingState(
            self._network(layers)._replace(readout=readout),
            initial_optimizer_states(self._optimizer(), layers, learned_params=1),
            self._readout_optimizer().init(readout.weights),
        )

    def _step(self, features: int, classes: int) -> Step:
        step = partial(recurrent_step, self._recurrence(), self._optimizer())
        return Step(step, layers=len(self._hidden_layer_sizes()))

    def _layer_scores(self, x: Array) -> Array:
        return recurrent_scores(self._recurrence(), self.state_.network, x)

    def _softmax_logits(self, x: Array) -> Array:
        return in_blocks(lambda rows: recurrent_logits(self.state_.network, rows), x, axis=0)

    def _goodness(self, x: Array) -> Array:
        return self._softmax_logits(x) if self.readout == "softmax" else super()._goodness(x)

    def _readout_goodness(self, x: Array) -> tuple[Array, dict[str, Array]]:
        scores, readouts = super()._readout_goodness(x)
        return scores, readouts | {"softmax": self._softmax_logits(x)}

    def _class_logits(self, goodness: Array) -> Array:
        """Logits of the softmax; or mean goodness per unit of the layers read, uncalibrated."""
        if self.readout == "softmax":
            return goodness
        sizes = [layer.weights.bias.size for layer in self.state_.network.layers]
        read = {"last": sizes[-1:], "sum": sizes, "sum-without-first": sizes[1:] or sizes}
        sizes = read[self.readout]
        return goodness / (sum(sizes) if self._goodness_is_a_sum() else len(sizes))

    def _hidden(self, x: Array) -> Array:
        network = self.state_.network

        def last(rows: Array) -> Array:
            return network.between_norm.value(start_states(network, rows).states[-1])

        return in_blocks(last, x, axis=0)
