"""The base of all classifiers: prediction, fitting, and how they are saved."""

from pathlib import Path
from typing import Self

from ffref._checks import require
from ffref.estimators._fitting import Fitting
from ffref.estimators._parameters import classifier
from ffref.estimators._record import Fitted, to_record
from ffref.formulas import NORMS
from ffref.layers import INITIAL_GAIN
from ffref.method import setting
from ffref.training import LocalLayer, Network, TrainingState
from ffref.training.checkpoint import (
    layers_from_arrays,
    readout_from_arrays,
    state_to_arrays,
    write_checkpoint,
)
from ffref.types import Array


@classifier
class Classifier(Fitting):
    """Base of all classifiers: parameters, fitting, prediction, saving."""

    def save(self, path: str | Path, *, keep: Path | None = None) -> None:
        """Write everything to one .npz file (no pickle); `ffref.load` reads it back.

        What stood at `path` stays under the name `keep`, in the same folder.
        """
        self._check_fitted()
        fitted = Fitted(
            self.algorithm,
            self.get_params() | self.structure_ | {"random_state": self.seed_, "callbacks": None},
            self.n_features_in_,
            getattr(self, "feature_names_in_", None),
            self.classes_,
            self.standardizer_,
            state_to_arrays(self.state_),
            self.history_,
            self.data_digest_,
            getattr(self, "score_weights_", None),
            self.position_,
            self._best,
        )
        write_checkpoint(Path(path), *to_record(fitted), keep=keep)

    @classmethod
    def from_fitted(cls, fitted: Fitted) -> Self:
        """Make the classifier that `save` recorded; `ffref.load` calls this."""
        made = cls(**fitted.parameters)
        made.classes_ = fitted.classes
        made.n_features_in_ = fitted.features
        made.seed_ = int(fitted.parameters["random_state"])
        made.standardizer_ = fitted.standardizer
        made.state_ = made._restored(fitted.state)
        made.history_ = fitted.history
        made.data_digest_ = fitted.data_digest
        made.structure_ = made._structure()
        if fitted.feature_names is not None:
            made.feature_names_in_ = fitted.feature_names
        if fitted.score_weights is not None:
            made.score_weights_ = fitted.score_weights
        made.n_iter_ = len(fitted.history)
        made.position_, made._best = fitted.position, fitted.best
        return made

    def _restored(self, arrays: dict[str, Array]) -> TrainingState:
        layers, optimizer = layers_from_arrays(arrays)
        require(len(layers) > 0, "it holds no layer")
        readout, readout_optimizer = readout_from_arrays(arrays)
        network = self._network(layers)._replace(readout=readout)
        return TrainingState(network, optimizer, readout_optimizer)

    def _network(self, layers: tuple[LocalLayer, ...]) -> Network:
        return Network(layers, NORMS[self._input_norm()], NORMS[self.between_norm])

    def _input_norm(self) -> str:
        """Of each sample before the first layer: a name in `NORMS`."""
        return "rms"

    def _gain(self) -> float:
        """Variance of the weights at the start, times the inputs."""
        return INITIAL_GAIN["he"]


@classifier
class ChosenStart(Classifier):
    """Base of classifiers that may start from smaller weights."""

    initialization: str = setting(
        default="he",
        help="variance of the weights at the start: 2 / inputs or 1 / inputs",
        choices=tuple(INITIAL_GAIN),
    )

    def _gain(self) -> float:
        return INITIAL_GAIN[self.initialization]
