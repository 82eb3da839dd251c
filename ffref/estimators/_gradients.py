"""Derivatives in the samples, for evaluation: what would make a classifier change its mind."""

from abc import abstractmethod
from typing import Any

import numpy as np

from ffref._checks import require
from ffref.data import blocks
from ffref.estimators._base import Classifier
from ffref.estimators._parameters import classifier
from ffref.estimators._validation import check_targets, encode_labels, labels_of
from ffref.training import rows_at_once
from ffref.types import Array, Labels


@classifier
class InputGradients(Classifier):
    """Base of classifiers whose loss can be followed down to the samples; no training does so."""

    def input_gradient(self, X: Any, y: Any = None) -> Array:
        """Derivative in each sample of its own cross-entropy, -log predict_proba of its label.

        For evaluation alone. X (samples, features), y (samples,) -> (samples, features); a stream
        may bring the labels.
        """
        x = self._check_predict_argument(X)
        target = check_targets(labels_of(X, y), len(x))
        unknown = np.setdiff1d(target, self.classes_)
        require(
            len(unknown) == 0,
            f"{unknown[:10].tolist()} in y are no classes that this {type(self).__name__} knows: "
            f"it knows {self.classes_[:10].tolist()}",
        )
        labels = encode_labels(target, self.classes_, type(self).__name__)
        parts: list[Array] = []
        done = 0
        for rows in blocks(x, rows_at_once(self.state_.network)):
            own = labels[done : done + len(rows)]
            parts.append(self._input_gradient(self._prepare(rows), own))
            done += len(rows)
        gradient = np.concatenate(parts)
        return gradient if self.standardizer_ is None else gradient / self.standardizer_.std

    @abstractmethod
    def _input_gradient(self, x: Array, labels: Labels) -> Array:
        """Derivative in prepared samples of the sum of their cross-entropies."""
