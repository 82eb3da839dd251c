"""Back-propagation on the same layers, as a classifier: the yardstick."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ffref.baselines import backprop_input_gradient, backprop_logits, backprop_step
from ffref.estimators._gradients import InputGradients
from ffref.estimators._layers import ImageLayers
from ffref.estimators._local import with_kinds
from ffref.estimators._parameters import classifier
from ffref.formulas.softmax import check_label_smoothing
from ffref.layers import LayerDescription, PlannedLayer, plan_layers
from ffref.method import setting
from ffref.training import (
    LocalLayer,
    Network,
    Step,
    TrainingState,
    initial_optimizer_states,
    passes,
    rows_at_once,
)
from ffref.training.prediction import in_blocks
from ffref.types import Array, Labels


@classifier
class BackpropClassifier(InputGradients, ImageLayers):
    """Back-propagation by hand: the same layers, one loss at the top, the chain through all.

    Formula and source: `ffref.baselines.backprop`. Blocks on images are without their auxiliary
    convolutions: the network is what they hand on to each other in `HFFClassifier`. Of the last
    block's activity the logits read the means of its auxiliary grid's cells, if it has a grid.

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
    between_norm: str = "none"

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_label_smoothing(self.label_smoothing)

    def _plan(self, features: int, classes: int) -> tuple[PlannedLayer, ...]:
        """Shapes and kinds of the hidden layers and, last, of the one that gives the logits."""
        alone = [one._replace(auxiliary=0, grid=None) for one in self._descriptions()]
        if alone:
            alone[-1] = alone[-1]._replace(grid=self._descriptions()[-1].grid)
        hidden = plan_layers(alone, self._input_shape(features, classes))
        read = hidden[-1].feature_shape if hidden else (features,)
        return (*hidden, *plan_layers([LayerDescription("dense", classes)], read))

    def _initial_state(
        self, rng: np.random.Generator, features: int, classes: int
    ) -> TrainingState:
        layers = tuple(
            LocalLayer(planned.draw(rng, self._gain()), (), planned.kind)
            for planned in self._plan(features, classes)
        )
        states = initial_optimizer_states(self._optimizer(), layers, learned_params=0)
        return TrainingState(self._network(layers), states)

    def _network(self, layers: tuple[LocalLayer, ...]) -> Network:
        plan = self._plan(self.n_features_in_, len(self.classes_))
        return super()._network(with_kinds(layers, plan))

    def _check_training_data(self, x: Array, classes: int) -> None:
        super()._check_training_data(x, classes)
        self._plan(x.shape[1], classes)

    def _step(self, features: int, classes: int) -> Step:
        step = partial(backprop_step, self._optimizer(), label_smoothing=self.label_smoothing)
        return Step(step, layers=1)

    def _layer_scores(self, x: Array) -> Array:
        network = self.state_.network
        return self._in_blocks(lambda rows: backprop_logits(network, rows), x)[None]

    def _input_gradient(self, x: Array, labels: Labels) -> Array:
        mean = backprop_input_gradient(self.state_.network, x, labels)
        return mean * x.dtype.type(len(x))

    def _class_logits(self, goodness: Array) -> Array:
        return goodness

    def _hidden(self, x: Array) -> Array:
        network = self.state_.network
        hidden = network._replace(layers=network.layers[:-1])

        def last(rows: Array) -> Array:
            if not hidden.layers:
                return network.input_norm.value(rows)
            for passed in passes(hidden, rows):
                top = passed.features
            return network.between_norm.value(top)

        return self._in_blocks(last, x)

    def _in_blocks(self, function: Callable[[Array], Array], x: Array) -> Array:
        return in_blocks(function, x, axis=0, rows=rows_at_once(self.state_.network))
