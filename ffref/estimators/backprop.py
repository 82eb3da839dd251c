"""Back-propagation on the same dense layers, as a classifier: the yardstick."""

from functools import partial
from typing import Any

import numpy as np

from ffref.baselines import backprop_logits, backprop_step
from ffref.estimators._base import Classifier
from ffref.formulas.softmax import check_label_smoothing
from ffref.layers import INITIAL_GAIN, draw_dense_layers
from ffref.training import (
    LocalLayer,
    Step,
    TrainingState,
    initial_optimizer_states,
    passes,
)
from ffref.training.prediction import in_blocks
from ffref.types import Array


class BackpropClassifier(Classifier):
    """Back-propagation by hand: the same layers, one loss at the top, the chain through all.

    Formula and source: `ffref.baselines.backprop`.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each hidden layer; the softmax layer comes on top.
    label_smoothing : float
        Share of each label that is spread over all classes.
    max_iter, batch_size, learning_rate_init, optimizer, momentum, weight_decay, schedule,
    warmup_steps, standardize, shift, flip, cutout, image_shape, input_norm, between_norm,
    random_state, verbose
        As in `HFFClassifier`.

    Attributes
    ----------
    classes_, n_features_in_, history_, state_, seed_
        As in `HFFClassifier`, with one loss and one accuracy for the whole network.

    Examples
    --------
    >>> import ffref
    >>> X, y = ffref.data.load("digits")
    >>> model = ffref.BackpropClassifier(hidden_layer_sizes=(64,), max_iter=15, random_state=0)
    >>> model.fit(X, y).score(*ffref.data.load("digits", split="test")) > 0.9
    True
    """

    algorithm = "backprop"

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256),
        *,
        label_smoothing: float = 0.0,
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
        input_norm: str = "none",
        between_norm: str = "none",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.label_smoothing = label_smoothing
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
        check_label_smoothing(self.label_smoothing)

    def _initial_state(
        self, rng: np.random.Generator, features: int, classes: int
    ) -> TrainingState:
        sizes = (features, *self._hidden_layer_sizes(), classes)
        layers = tuple(
            LocalLayer(dense, ()) for dense in draw_dense_layers(rng, sizes, INITIAL_GAIN["he"])
        )
        states = initial_optimizer_states(self._optimizer(), layers, learned_params=0)
        return TrainingState(self._network(layers), states)

    def _step(self, features: int, classes: int) -> Step:
        step = partial(backprop_step, self._optimizer(), label_smoothing=self.label_smoothing)
        return Step(step, layers=1)

    def _layer_scores(self, x: Array) -> Array:
        network = self.state_.network
        return in_blocks(lambda rows: backprop_logits(network, rows), x, axis=0)[None]

    def _class_logits(self, goodness: Array) -> Array:
        return goodness

    def _hidden(self, x: Array) -> Array:
        network = self.state_.network
        hidden = network._replace(layers=network.layers[:-1])

        def last(rows: Array) -> Array:
            top = network.input_norm.value(rows)
            for passed in passes(hidden, rows):
                top = network.between_norm.value(passed.activity)
            return top

        return in_blocks(last, x, axis=0)
