"""Classifiers of plain samples: how these are prepared, and changed in training."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ffref.data import Augmentation, Samples, bind_augmentation
from ffref.estimators._base import Classifier
from ffref.estimators._parameters import classifier
from ffref.estimators._validation import Standardizer, fit_standardizer, image_shape
from ffref.formulas import NORMS
from ffref.method import setting
from ffref.types import Array


@classifier
class PlainSamples(Classifier):
    """Base of classifiers whose samples are features or pixels."""

    standardize: bool = setting(
        default=True,
        help="bring each feature to mean 0 and standard deviation 1 over the training data",
        shapes=True,
    )
    shift: int = setting(
        default=0, help="each training image is moved by up to so many pixels, anew in each epoch"
    )
    flip: bool = setting(default=False, help="left and right of every second image exchanged")
    cutout: int = setting(default=0, help="side of a square of each image that is set to 0")
    image_shape: Any = setting(
        default=None,
        help="of the samples, as 28,28 or 32,32,3; default: square",
        kind="tuple of int",
        shapes=True,
    )
    input_norm: str = setting(
        default="none",
        help="normalisation of each sample before the first layer",
        choices=tuple(NORMS),
        shapes=True,
    )

    def _fit_standardizer(self, x: Samples) -> Standardizer | None:
        return fit_standardizer(x) if self.standardize else None

    def _augmentation(self, features: int) -> Callable[[Array, np.random.Generator], Array] | None:
        choices = Augmentation(self.shift, self.flip, self.cutout)
        is_wanted = choices != Augmentation()
        if not is_wanted and self.image_shape is None:
            return None
        shape = image_shape(self.image_shape, features)  # one that does not fit is refused
        return bind_augmentation(choices, shape) if is_wanted else None

    def _input_norm(self) -> str:
        return self.input_norm
