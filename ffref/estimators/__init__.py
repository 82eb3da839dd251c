"""Classifiers with scikit-learn's interface: the front door for Python users."""

from typing import TYPE_CHECKING

from ffref.estimators._base import Classifier
from ffref.estimators._local import LocalClassifier
from ffref.estimators._methods import method_classifier
from ffref.estimators._readouts import Thresholded
from ffref.estimators._registry import ESTIMATORS, load, newest_checkpoint, trained_so_far
from ffref.estimators._samples import PlainSamples
from ffref.estimators._validation import NotFittedError, image_shape
from ffref.estimators.backprop import BackpropClassifier
from ffref.estimators.ff import FFClassifier
from ffref.estimators.hff import HFFClassifier
from ffref.estimators.nearest_mean import NearestMeanClassifier
from ffref.estimators.predictive_coding import PredictiveCodingClassifier
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
    "NearestMeanClassifier",
    "NotFittedError",
    "PlainSamples",
    "PredictiveCodingClassifier",
    "Thresholded",
    "image_shape",
    "load",
    "method_classifier",
    "newest_checkpoint",
    "trained_so_far",
]

# the classifiers of `ffref.objectives.METHODS`
globals().update({kind.__name__: kind for kind in ESTIMATORS.values()})
__all__ += sorted({kind.__name__ for kind in ESTIMATORS.values()} - set(__all__))  # noqa: PLE0605

if TYPE_CHECKING:

    def __getattr__(name: str) -> type[Classifier]: ...
