"""What classifiers of locally trained layers share."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ffref._checks import require
from ffref.data import chosen_rows
from ffref.estimators._parameters import classifier
from ffref.estimators._readouts import LayerReadout
from ffref.estimators._validation import check_targets, encode_labels, labels_of
from ffref.formulas.diagnostics import LayerDiagnostics, layer_diagnostics
from ffref.layers import (
    PlannedLayer,
    plan_layers,
)
from ffref.method import LayerPlace, OwnParams
from ffref.training import (
    Algorithm,
    LocalLayer,
    Network,
    Step,
    TrainingState,
    Watched,
    hidden_representation,
    layer_scores,
    local_step,
    take_census,
    watch,
)
from ffref.types import Array


def with_kinds(
    layers: tuple[LocalLayer, ...], plan: Sequence[PlannedLayer]
) -> tuple[LocalLayer, ...]:
    """Layers as planned, if their arrays have the planned shapes."""
    for number, (layer, planned) in enumerate(zip(layers, plan, strict=True), 1):
        shapes = tuple(array.shape for array in layer.weights)
        require(
            shapes == planned.shapes,
            f"layer {number} must have weights of shapes {planned.shapes}, got {shapes}",
        )
    return tuple(
        layer._replace(weights=planned.kind.record(*layer.weights), kind=planned.kind)
        for layer, planned in zip(layers, plan, strict=True)
    )


@classifier
class LocalClassifier(LayerReadout):
    """A stack of layers, each trained by its own loss."""

    @abstractmethod
    def _algorithm(self, features: int, classes: int) -> Algorithm: ...

    def _input_shape(self, features: int, classes: int) -> tuple[int, ...]:
        """Shape of a row of the first layer's input: (features,) or (height, width, channels).

        More than that of a sample where a label is appended.
        """
        return (features,)

    def _plan(self, features: int, classes: int) -> tuple[PlannedLayer, ...]:
        """Shapes and kinds of the layers for such data."""
        return plan_layers(self._descriptions(), self._input_shape(features, classes))

    def _places(self, features: int, classes: int) -> list[LayerPlace]:
        """Where each layer stands: what its objective may depend on."""
        plan = self._plan(features, classes)
        return [
            LayerPlace(depth, len(plan), layer.units, layer.feature_shape[-1], classes)
            for depth, layer in enumerate(plan)
        ]

    def _initial_params(self, rng: np.random.Generator, place: LayerPlace) -> OwnParams:
        """Return the objective's own arrays for the layer at that place; none for most."""
        return OwnParams()

    def _check_parameters(self) -> None:
        super()._check_parameters()
        require(
            len(self._descriptions()) > 0,
            "hidden_layer_sizes must name at least one layer: there is nothing to train locally",
        )

    def _check_training_data(self, x: Array, classes: int) -> None:
        super()._check_training_data(x, classes)
        self._algorithm(x.shape[1], classes)

    def _initial_state(
        self, rng: np.random.Generator, features: int, classes: int
    ) -> TrainingState:
        plan = self._plan(features, classes)
        weights = [layer.draw(rng, self._gain()) for layer in plan]
        own = [self._initial_params(rng, place) for place in self._places(features, classes)]
        layers = tuple(
            LocalLayer(drawn, (*params.learned, *params.kept), layer.kind)
            for drawn, params, layer in zip(weights, own, plan, strict=True)
        )
        optimizer = self._optimizer()
        states = tuple(
            optimizer.init((*drawn[: len(layer.kind.decayed)], *params.learned))
            for drawn, params, layer in zip(weights, own, plan, strict=True)
        )
        readout, readout_state = self._initial_readout([layer.units for layer in plan], classes)
        network = self._network(layers)._replace(readout=readout)
        return TrainingState(network, states, readout_state)

    def _step(self, features: int, classes: int) -> Step:
        algorithm = self._algorithm(features, classes)
        step = partial(local_step, algorithm, self._optimizer())
        finish = partial(take_census, algorithm)
        return Step(step, layers=len(self._descriptions()), finish=finish)

    def _network(self, layers: tuple[LocalLayer, ...]) -> Network:
        """Give the arrays of a checkpoint their kinds, which no file holds."""
        plan = self._plan(self.n_features_in_, len(self.classes_))
        return super()._network(with_kinds(layers, plan))

    def _layer_scores(self, x: Array) -> Array:
        return layer_scores(self._fitted_algorithm(), self.state_.network, x)

    def _hidden(self, x: Array) -> Array:
        return hidden_representation(self._fitted_algorithm(), self.state_.network, x)

    def diagnostics(self, X: Any, y: Any = None) -> list[LayerDiagnostics]:
        """Pairwise error, mean goodness of both sides, dead units of each layer; as in training.

        Samples of classes that the classifier does not know are left out.
        """
        return [layer_diagnostics(*seen) for seen in self.watch(X, y)]

    def watch(self, X: Any, y: Any = None) -> Iterator[Watched]:
        """What each layer makes of the first 2,000 samples, with negatives as in training.

        Samples of classes that the classifier does not know are left out.
        """
        x = self._prepare_all(self._check_predict_argument(X))
        target = check_targets(labels_of(X, y), len(x))
        known = np.isin(target, self.classes_)
        labels = encode_labels(target[known], self.classes_, type(self).__name__)
        rng = np.random.default_rng([self.seed_, 2])
        rows = chosen_rows(x, known)
        return watch(self._fitted_algorithm(), self.state_.network, rows, labels, rng=rng)

    def _fitted_algorithm(self) -> Algorithm:
        return self._algorithm(self.n_features_in_, len(self.classes_))
