"""Classifiers with scikit-learn's interface: the front door for Python users."""

from ffref.estimators._base import Classifier
from ffref.estimators._local import LocalClassifier
from ffref.estimators._registry import ESTIMATORS, load
from ffref.estimators._validation import NotFittedError, image_shape
from ffref.estimators.backprop import BackpropClassifier
from ffref.estimators.ff import FFClassifier
from ffref.estimators.hff import HFFClassifier
from ffref.estimators.recurrent import FFRecurrentClassifier
from ffref.estimators.text import FFTextClassifier

__all__ = [
    "ESTIMATORS",
    "BackpropClassifier",
    "Classifier",
    "FFClassifier",
    "FFRecurrentClassifier",
    "FFTextClassifier",
    "HFFClassifier",
    "LocalClassifier",
    "NotFittedError",
    "image_shape",
    "load",
]
