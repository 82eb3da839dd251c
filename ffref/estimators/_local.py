"""What classifiers of locally trained layers share."""

from abc import abstractmethod
from functools import partial
from typing import Any

import numpy as np

from ffref._checks import require
from ffref.estimators._base import Classifier
from ffref.estimators._validation import check_targets, encode_labels
from ffref.formulas.diagnostics import LayerDiagnostics
from ffref.layers import (
    INITIAL_GAIN,
    LayerDescription,
    PlannedLayer,
    Readout,
    describe_layers,
    plan_layers,
)
from ffref.training import (
    READOUTS,
    Algorithm,
    LocalLayer,
    Network,
    Optimizer,
    Step,
    TrainingState,
    diagnose,
    hidden_representation,
    initial_optimizer_states,
    layer_scores,
    layer_units,
    local_step,
)
from ffref.types import Array, Params


class LocalClassifier(Classifier):
    """A stack of layers, each trained by its own loss."""

    layer_schedule: str
    readout: str
    layers: Any = None
    """layers of other kinds than dense; None: dense ones of `hidden_layer_sizes`"""

    @abstractmethod
    def _algorithm(self, features: int, classes: int) -> Algorithm: ...

    def _initialization(self) -> str:
        """Of the weights: a name in `INITIAL_GAIN`."""
        return "he"

    def _input_shape(self, features: int, classes: int) -> tuple[int, ...]:
        """Shape of a row of the first layer's input: (features,) or (height, width, channels).

        More than that of a sample where a label is appended.
        """
        return (features,)

    def _descriptions(self) -> tuple[LayerDescription, ...]:
        if self.layers is not None:
            return describe_layers(self.layers)
        return tuple(LayerDescription("dense", int(size)) for size in self._hidden_layer_sizes())

    def _plan(self, features: int, classes: int) -> tuple[PlannedLayer, ...]:
        """Shapes and kinds of the layers for such data."""
        return plan_layers(self._descriptions(), self._input_shape(features, classes))

    def _units(self) -> list[int]:
        """Units of each fitted layer; before that, of dense ones alone they are known."""
        if self.layers is None and not hasattr(self, "state_"):
            return list(self._hidden_layer_sizes())
        self._check_fitted()
        return [layer_units(layer) for layer in self.state_.network.layers]

    def _initial_params(self, rng: np.random.Generator, classes: int, units: int) -> Params:
        """Return the objective's own arrays for a layer of `units`; none for most."""
        return ()

    def _initial_readout(self, units: list[int], classes: int) -> Readout | None:
        """Return the softmax readout before training; None for most."""
        return None

    def _readout_optimizer(self) -> Optimizer:
        """Of the softmax readout."""
        return self._optimizer()

    def _readouts(self) -> tuple[str, ...]:
        """What `readout` may be."""
        return READOUTS

    def _learned_params(self) -> int:
        """How many of the objective's arrays are learned by gradient."""
        return 0

    def _check_parameters(self) -> None:
        super()._check_parameters()
        require(
            len(self._descriptions()) > 0,
            "hidden_layer_sizes must name at least one layer: there is nothing to train locally",
        )
        require(
            self.layer_schedule in ("simultaneous", "greedy"),
            f"layer_schedule must be simultaneous or greedy, got {self.layer_schedule!r}",
        )
        require(
            self.readout in self._readouts(),
            f"readout must be one of {', '.join(self._readouts())}, got {self.readout!r}",
        )
        self._check_algorithm()

    def _check_algorithm(self) -> None:
        """Refuse choices that no data can make right."""
        self._algorithm(features=1, classes=2)

    def _initial_state(
        self, rng: np.random.Generator, features: int, classes: int
    ) -> TrainingState:
        plan, gain = self._plan(features, classes), INITIAL_GAIN[self._initialization()]
        weights = [layer.draw(rng, gain) for layer in plan]
        layers = tuple(
            LocalLayer(own, self._initial_params(rng, classes, layer.units), layer.kind)
            for own, layer in zip(weights, plan, strict=True)
        )
        optimizer = initial_optimizer_states(self._optimizer(), layers, self._learned_params())
        readout = self._initial_readout([layer.units for layer in plan], classes)
        readout_state = readout and self._readout_optimizer().init(readout.weights)
        network = self._network(layers)._replace(readout=readout)
        return TrainingState(network, optimizer, readout_state)

    def _step(self, features: int, classes: int) -> Step:
        algorithm = self._algorithm(features, classes)
        step = partial(local_step, algorithm, self._optimizer())
        return Step(step, layers=len(self._descriptions()))

    def _network(self, layers: tuple[LocalLayer, ...]) -> Network:
        """Give the arrays of a checkpoint their kinds, which no file holds."""
        plan = self._plan(self.n_features_in_, len(self.classes_))
        for number, (layer, planned) in enumerate(zip(layers, plan, strict=True), 1):
            shapes = tuple(array.shape for array in layer.weights)
            require(
                shapes == planned.shapes,
                f"layer {number} must have weights of shapes {planned.shapes}, got {shapes}",
            )
        kinds = (
            layer._replace(weights=planned.kind.record(*layer.weights), kind=planned.kind)
            for layer, planned in zip(layers, plan, strict=True)
        )
        return super()._network(tuple(kinds))

    def _layer_scores(self, x: Array) -> Array:
        return layer_scores(self._fitted_algorithm(), self.state_.network, x)

    def _hidden(self, x: Array) -> Array:
        return hidden_representation(self._fitted_algorithm(), self.state_.network, x)

    def diagnostics(self, X: Any, y: Any) -> list[LayerDiagnostics]:
        """Pairwise error, mean goodness of both sides, dead units of each layer; as in training.

        Samples of classes that the classifier does not know are left out.
        """
        x = self._prepare(self._check_predict_argument(X))
        target = check_targets(y, len(x))
        known = np.isin(target, self.classes_)
        labels = encode_labels(target[known], self.classes_, type(self).__name__)
        rng = np.random.default_rng([self.seed_, 2])
        return diagnose(self._fitted_algorithm(), self.state_.network, x[known], labels, rng=rng)

    def _fitted_algorithm(self) -> Algorithm:
        return self._algorithm(self.n_features_in_, len(self.classes_))

    def _layers_read(self) -> slice:
        """Which layers the readout counts."""
        layers = len(self.state_.network.layers)
        first = {"last": layers - 1, "sum": 0, "sum-without-first": min(1, layers - 1)}
        return slice(first[self.readout], layers)
