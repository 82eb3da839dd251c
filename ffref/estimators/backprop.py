"""Back-propagation on the same dense layers, as a classifier: the yardstick."""

from functools import partial

import numpy as np

from ffref.baselines import backprop_logits, backprop_step
from ffref.estimators._parameters import classifier
from ffref.estimators._samples import PlainSamples
from ffref.formulas.softmax import check_label_smoothing
from ffref.layers import draw_dense_layers
from ffref.method import setting
from ffref.training import (
    LocalLayer,
    Step,
    TrainingState,
    activities,
    initial_optimizer_states,
)
from ffref.training.prediction import in_blocks
from ffref.types import Array


@classifier
class WholeNetwork(PlainSamples):
    """Base of classifiers whose top layer has a unit for each class, and one loss for all."""

    between_norm: str = "none"

    def _initial_state(
        self, rng: np.random.Generator, features: int, classes: int
    ) -> TrainingState:
        sizes = (features, *self._hidden_layer_sizes(), classes)
        layers = tuple(
            LocalLayer(dense, ()) for dense in draw_dense_layers(rng, sizes, self._gain())
        )
        states = initial_optimizer_states(self._optimizer(), layers, learned_params=0)
        return TrainingState(self._network(layers), states)

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
            for activity in activities(hidden, rows):
                top = network.between_norm.value(activity)
            return top

        return in_blocks(last, x, axis=0)


@classifier
class BackpropClassifier(WholeNetwork):
    """Back-propagation by hand: the same layers, one loss at the top, the chain through all.

    Formula and source: `ffref.baselines.backprop`.

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

    label_smoothing: float = setting(
        default=0.0, help="share of each label that is spread over all classes"
    )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_label_smoothing(self.label_smoothing)

    def _step(self, features: int, classes: int) -> Step:
        step = partial(backprop_step, self._optimizer(), label_smoothing=self.label_smoothing)
        return Step(step, layers=1)
