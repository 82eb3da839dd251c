"""The class with the nearest mean, on features that another classifier has learned.

Paper: Snell, Swersky & Zemel (2017), "Prototypical Networks for Few-shot Learning",
arXiv:1703.05175, section 2.2; on features that are frozen, so that nothing has a gradient.
Derivation: docs/derivations/nearest_mean.md, equations NCM.1 and NCM.2.
"""

from typing import Any, Self

import numpy as np

from ffref.estimators._validation import (
    check_samples,
    check_targets,
    encode_labels,
    not_fitted_error,
)
from ffref.formulas import class_means, class_sums, negative_squared_distance, softmax
from ffref.types import Array


class NearestMeanClassifier:
    """Classes as the mean of their samples' features, which stay as they are.

    Takes what `transform` of any classifier gives. It has no parameters, and a class needs a
    single sample, whether or not the features were learned with it.

    Attributes
    ----------
    classes_ : (classes,)
    means_ : (classes, units)

    Examples
    --------
    >>> import ffref
    >>> X, y = ffref.data.load("digits")
    >>> X_test, y_test = ffref.data.load("digits", split="test")
    >>> few = y < 5  # half of the classes are new to the readout
    >>> model = ffref.HFFClassifier(hidden_layer_sizes=(64,), max_iter=10, random_state=0)
    >>> model = model.fit(X[few], y[few])
    >>> readout = ffref.estimators.NearestMeanClassifier().fit(model.transform(X), y)
    >>> readout.score(model.transform(X_test), y_test) > 0.7
    True
    """

    classes_: np.ndarray
    means_: Array

    def fit(self, X: Any, y: Any) -> Self:
        """Take the mean of each class's features X (samples, units)."""
        owner = type(self).__name__
        features = np.asarray(check_samples(X, expected_features=None, owner=owner))
        target = check_targets(y, len(features))
        classes = np.unique(target)
        labels = encode_labels(target, classes, owner)
        sums, counts = class_sums(features, labels, classes=len(classes))
        self.means_ = class_means(sums, counts, features.dtype)  # (NCM.1)
        self.classes_ = classes
        return self

    def goodness(self, X: Any) -> Array:
        """Negative squared distance to each class's mean, (samples, classes)."""
        owner = type(self).__name__
        if not hasattr(self, "means_"):
            raise not_fitted_error(f"this {owner} is not fitted yet; call fit first")
        units = self.means_.shape[1]
        features = np.asarray(check_samples(X, expected_features=units, owner=owner))
        return negative_squared_distance(features, self.means_)  # (NCM.2)

    def predict(self, X: Any) -> np.ndarray:
        """Class of the nearest mean, (samples,)."""
        nearest = self.goodness(X).argmax(axis=1)
        return self.classes_[nearest]

    def predict_proba(self, X: Any) -> Array:
        """Softmax of the negative squared distances, (samples, classes)."""
        return softmax(self.goodness(X))

    def score(self, X: Any, y: Any) -> float:
        """Share of samples whose class is predicted right."""
        predicted = self.predict(X)
        return float((predicted == check_targets(y, len(predicted))).mean())
