"""Layers that are weighed against each other, and probabilities that are calibrated."""

from abc import abstractmethod
from typing import Any, Self

import numpy as np

from ffref._checks import check_number, require
from ffref.data import Samples
from ffref.estimators._parameters import classifier
from ffref.estimators._readouts import LayerReadout
from ffref.formulas import weighted_scores
from ffref.method import setting
from ffref.training import READOUTS, fit_score_weights, in_blocks, read_out
from ffref.types import Array, Labels

_SPREAD = 10.0
"""How much larger than 1 / temperature a fitted weight may well be."""


def _check_share(value: float, name: str) -> None:
    require(
        0 < check_number(value, name) < 1,
        f"{name} must lie between 0 and 1, got {value!r}",
    )


@classifier
class WeighedReadout(LayerReadout):
    """Base of classifiers that can fit how they read their layers to held-out samples."""

    readout: str = setting(
        default="sum",
        help="layers that count in prediction",
        more='"weighted": all, each by a weight that is fitted to held-out samples.',
        choices=(*READOUTS, "weighted"),
        shapes=True,
    )
    calibrated: bool = setting(
        default=False,
        help="fit the temperature of predict_proba to held-out samples",
        more="Predictions stay. The weights of readout 'weighted' are calibrated in any case.",
        shapes=True,
    )
    validation_fraction: float = setting(
        default=0.1,
        help="share of each class held out for --readout weighted and --calibrated",
        more="Evenly spaced among the class's samples; no layer is trained on them. Else unused.",
        check=_check_share,
        shapes=True,
    )

    @abstractmethod
    def _temperatures(self) -> list[float]:
        """Divisor of each layer's scores in its own softmax."""

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None) -> Self:
        """As in every classifier; weights that `fit` has found stay as they are."""
        require(
            hasattr(self, "state_") or not self._holds_out(),
            "partial_fit holds no samples out: readout='weighted' and calibrated=True need a fit "
            "first; or leave them off",
        )
        return super().partial_fit(X, y, classes)

    def _holds_out(self) -> bool:
        return self.readout == "weighted" or self.calibrated

    def _held_out(self, target: np.ndarray) -> np.ndarray | None:
        if not self._holds_out():
            return None
        held = np.zeros(len(target), bool)
        for label in np.unique(target):
            own = np.flatnonzero(target == label)
            turns = np.floor(np.arange(len(own) + 1) * self.validation_fraction)
            held[own] = np.diff(turns) > 0
        require(
            bool(held.any()),
            f"validation_fraction {self.validation_fraction} holds out none of {len(target)} "
            f"samples: the largest class needs at least {np.ceil(1 / self.validation_fraction):g}",
        )
        return held

    def _start(
        self, x: Samples, target: np.ndarray, classes: np.ndarray, held: np.ndarray | None
    ) -> None:
        super()._start(x, target, classes, held)
        if hasattr(self, "score_weights_"):
            del self.score_weights_
        if self._holds_out():
            layers = len(self.state_.network.layers) if self.readout == "weighted" else 1
            self.score_weights_ = np.full(layers, self._plain_weight())

    def _fit_to_held_out(self, x: Samples, labels: Labels) -> None:
        scores = in_blocks(lambda rows: self._layer_scores(self._prepare(rows)), x, axis=1)
        if self.readout != "weighted":
            scores = read_out(scores, self.readout)[None]
        spread = _SPREAD * self._plain_weight() * len(scores)
        self.score_weights_ = fit_score_weights(scores, labels, spread=spread)

    def _plain_weight(self) -> float:
        """Factor of the added scores: their mean, divided by the mean temperature."""
        return 1 / sum(self._temperatures()[self._layers_read()])

    def _score_factors(self) -> np.ndarray:
        """Factor of each layer's scores in the logits of `predict_proba`."""
        factors = np.zeros(len(self.state_.network.layers))
        if self.readout == "weighted":
            factors[:] = self._fitted_weights()
        else:
            factors[self._layers_read()] = self._class_logits(np.ones(1))
        return factors

    def _fitted_weights(self) -> np.ndarray:
        wanted = len(self.state_.network.layers) if self.readout == "weighted" else 1
        weights = getattr(self, "score_weights_", np.empty(0))
        require(
            len(weights) == wanted,
            "nothing was held out for readout='weighted' or calibrated=True when this classifier "
            "was fitted; fit anew",
        )
        return weights

    def _goodness(self, x: Array) -> Array:
        if self.readout != "weighted":
            return super()._goodness(x)
        return weighted_scores(self._layer_scores(x), self._fitted_weights())

    def _readout_goodness(self, x: Array) -> tuple[Array, dict[str, Array]]:
        scores, readouts = super()._readout_goodness(x)
        if self.readout == "weighted":
            readouts["weighted"] = weighted_scores(scores, self._fitted_weights())
        return scores, readouts

    def _class_logits(self, goodness: Array) -> Array:
        """Mean score of the layers that are read, divided by their temperature, or as fitted."""
        if self.readout == "weighted":
            return goodness
        if self.calibrated:
            return goodness * float(self._fitted_weights()[0])
        return goodness / sum(self._temperatures()[self._layers_read()])
