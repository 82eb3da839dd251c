"""The classifiers at a size that trains in milliseconds, and all that they put out."""

import numpy as np
import pytest

from ffref import (
    BackpropClassifier,
    FFClassifier,
    FFRecurrentClassifier,
    HFFClassifier,
    MonoForwardClassifier,
    PredictiveCodingClassifier,
)

KINDS = (
    HFFClassifier,
    FFClassifier,
    BackpropClassifier,
    PredictiveCodingClassifier,
    FFRecurrentClassifier,
    MonoForwardClassifier,  # for all that are made of a `Method`; each: tests/test_methods.py
)
METHODS = (
    "predict",
    "predict_proba",
    "decision_function",
    "goodness",
    "layer_goodness",
    "transform",
)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
mixed_on_purpose = pytest.mark.filterwarnings("ignore:goodness .* hardly go together")


def small(kind, **parameters):
    settings = {"hidden_layer_sizes": (8, 7), "max_iter": 2, "random_state": 0, "batch_size": 32}
    return kind(**(settings | parameters))


def outputs(model, X):
    return {name: getattr(model, name)(X) for name in METHODS}


def same(one, other):
    """Same shapes, dtypes and bits."""
    return all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name])
        for name in METHODS
    )
