"""What back-propagation and predictive coding share: one loss at the top of the whole network."""

from collections.abc import Callable

import numpy as np

from ffref.baselines import backprop_logits
from ffref.estimators._local import with_kinds
from ffref.estimators._parameters import classifier
from ffref.estimators._samples import PlainSamples
from ffref.layers import LayerDescription, PlannedLayer, plan_layers
from ffref.training import (
    LocalLayer,
    Network,
    TrainingState,
    initial_optimizer_states,
    passes,
    rows_at_once,
)
from ffref.training.prediction import in_blocks
from ffref.types import Array


@classifier
class WholeNetwork(PlainSamples):
    """Base of classifiers whose top layer has a unit for each class, and one loss for all."""

    between_norm: str = "none"

    def _plan(self, features: int, classes: int) -> tuple[PlannedLayer, ...]:
        """Shapes and kinds of the hidden layers and, last, of the one that gives the logits."""
        sizes = (*self._hidden_layer_sizes(), classes)
        return plan_layers([LayerDescription("dense", int(size)) for size in sizes], (features,))

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

    def _layer_scores(self, x: Array) -> Array:
        network = self.state_.network
        return self._in_blocks(lambda rows: backprop_logits(network, rows), x)[None]

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
