"""Prediction: what a fitted classifier says of samples, with scikit-learn's names.

Works without scikit-learn; where it is installed, its tags and its NotFittedError are used.
"""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ffref._checks import require
from ffref.data import Samples, Stream, blocks
from ffref.estimators._shared import SharedParameters
from ffref.estimators._validation import (
    Standardizer,
    check_feature_names,
    check_samples,
    check_targets,
    labels_of,
    not_fitted_error,
)
from ffref.formulas import softmax
from ffref.layers import ROWS_AT_ONCE
from ffref.training import READOUTS, TrainingState, in_blocks, read_out
from ffref.types import Array


class Prediction(SharedParameters, ABC):
    """Scores of classes, and what is made of them."""

    algorithm: ClassVar[str]
    """Name on the command line and in checkpoints."""
    on_command_line: ClassVar[bool] = True
    """Whether `ffref train` takes that name; False: it is reached by recipes alone."""

    learns_from_pairs: ClassVar[bool] = False
    """Whether accuracy in training is that of pairs of a positive and a negative sample."""

    classes_: np.ndarray
    n_features_in_: int
    standardizer_: Standardizer | None
    state_: TrainingState
    feature_names_in_: np.ndarray
    """there only if the training data had column names"""
    score_weights_: np.ndarray
    """there only if they are fitted: of each layer, or of the readout's goodness alone"""

    # -- what a subclass defines -------------------------------------------------------------

    @abstractmethod
    def _layer_scores(self, x: Array) -> Array:
        """(samples, features) -> (layers, samples, classes), of prepared samples."""

    @abstractmethod
    def _class_logits(self, goodness: Array) -> Array:
        """Goodness (samples, classes) -> logits of `predict_proba`."""

    @abstractmethod
    def _hidden(self, x: Array) -> Array:
        """Normalised activity of the last hidden layer, of prepared samples."""

    def _goodness(self, x: Array) -> Array:
        """`goodness` of prepared samples."""
        return self._layer_scores(x)[-1]

    def _readout_goodness(self, x: Array) -> tuple[Array, dict[str, Array]]:
        scores = self._layer_scores(x)
        return scores, {name: read_out(scores, name) for name in READOUTS}

    # -- what a user calls -------------------------------------------------------------------

    def layer_goodness(self, X: Any) -> Array:
        """Goodness of each class in each layer, (layers, samples, classes)."""
        x = self._check_predict_argument(X)
        return in_blocks(lambda rows: self._layer_scores(self._prepare(rows)), x, axis=1)

    def goodness(self, X: Any) -> Array:
        """Goodness of each class over the layers that the readout counts, (samples, classes)."""
        x = self._check_predict_argument(X)
        return in_blocks(lambda rows: self._goodness(self._prepare(rows)), x, axis=0)

    def readout_goodness(self, X: Any) -> tuple[Array, dict[str, Array]]:
        """`layer_goodness`, and `goodness` by the name of each readout there is."""
        x = self._check_predict_argument(X)
        found = [self._readout_goodness(self._prepare(rows)) for rows in blocks(x, ROWS_AT_ONCE)]
        scores, readouts = zip(*found, strict=True)
        joined = {name: np.concatenate([of[name] for of in readouts]) for name in readouts[0]}
        return np.concatenate(scores, axis=1), joined

    def decision_function(self, X: Any) -> Array:
        """Goodness of each class, (samples, classes); of two, their difference, (samples,)."""
        goodness = self.goodness(X)
        return goodness[:, 1] - goodness[:, 0] if goodness.shape[1] == 2 else goodness

    def predict(self, X: Any) -> np.ndarray:
        """Class of the highest goodness, (samples,)."""
        winners = self._winners(self._check_predict_argument(X))  # first: unfitted is told as such
        return self.classes_[winners]

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class, (samples, classes)."""
        return softmax(self._class_logits(self.goodness(X)))

    def score(self, X: Any, y: Any = None) -> float:
        """Share of samples whose class is predicted right; a stream may bring the labels."""
        predicted = self.predict(X)
        target = check_targets(labels_of(X, y), len(predicted))
        require(
            (target.dtype.kind in "US") == (predicted.dtype.kind in "US"),
            f"y must hold classes as they were in training, of dtype {predicted.dtype}, got "
            f"{target.dtype}: text and numbers are never equal",
        )
        return float((predicted == target).mean())

    def transform(self, X: Any) -> Array:
        """Normalised activity of the last hidden layer, (samples, units)."""
        x = self._check_predict_argument(X)
        return in_blocks(lambda rows: self._hidden(self._prepare(rows)), x, axis=0)

    def __sklearn_tags__(self) -> Any:
        """Describe this estimator to scikit-learn, which calls this."""
        utils = import_module("sklearn.utils")
        return utils.Tags(
            estimator_type="classifier",
            target_tags=utils.TargetTags(required=True),
            transformer_tags=utils.TransformerTags(preserves_dtype=["float32"]),
            classifier_tags=utils.ClassifierTags(),
            input_tags=utils.InputTags(),
        )

    # -- pieces ------------------------------------------------------------------------------

    def _check_predict_argument(self, X: Any) -> Samples:
        self._check_fitted()
        check_feature_names(self, X)
        owner = type(self).__name__
        return check_samples(X, expected_features=self.n_features_in_, owner=owner)

    def _check_fitted(self) -> None:
        if not hasattr(self, "state_"):
            raise not_fitted_error(f"this {type(self).__name__} is not fitted yet; call fit first")

    def _winners(self, x: Samples) -> NDArray[np.int64]:
        """Index of the class of the highest goodness."""

        def winners(rows: Array) -> NDArray[np.int64]:
            return self._goodness(self._prepare(rows)).argmax(axis=1)

        return in_blocks(winners, x, axis=0)

    def _prepare(self, x: Array) -> Array:
        return x if self.standardizer_ is None else self.standardizer_(x)

    def _prepare_all(self, x: Samples) -> Samples:
        """Prepare rows in memory now, those of a stream when they are read."""
        return x.changed(self._prepare) if isinstance(x, Stream) else self._prepare(x)
