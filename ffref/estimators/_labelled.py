"""Classifiers that see a label in each sample, the true one or a wrong one."""

import numpy as np

from ffref._checks import check_number, require
from ffref.estimators._layers import AnyLayers
from ffref.estimators._parameters import classifier
from ffref.estimators._readouts import SoftmaxReadout
from ffref.method import setting
from ffref.negatives import LabelEncoding, bind_label_encoding, warn_if_overlay_hides_data
from ffref.training import in_blocks, network_logits, rows_at_once
from ffref.types import Array

_FIRST_LAYER = {
    "append": ("dense",),
    "overlay": ("dense", "windows"),
    "planes": ("windows",),
}
"""Label encodings, and the first layers that can read them."""


@classifier
class NeutralSoftmax(SoftmaxReadout, AnyLayers):
    """Base of classifiers whose softmax readout sees what the layers say without a label."""

    readout: str = "softmax"

    def _softmax_logits(self, x: Array) -> Array:
        algorithm, network = self._fitted_algorithm(), self.state_.network
        rows = rows_at_once(network)
        return in_blocks(
            lambda part: network_logits(network, algorithm.neutral(part)), x, axis=0, rows=rows
        )

    def _shows_labels(self) -> bool:
        """Whether a label is written into the samples."""
        return False

    def _readout_goodness(self, x: Array) -> tuple[Array, dict[str, Array]]:
        if self._shows_labels():
            return super()._readout_goodness(x)
        nothing = np.empty((0, len(x), len(self.classes_)), x.dtype)
        return nothing, {"softmax": self._softmax_logits(x)}


@classifier
class LabelledSamples(NeutralSoftmax):
    """Base of classifiers that tell true labels from wrong ones."""

    label_encoding: str = setting(
        default="append",
        help="where the label goes",
        more="In extra columns; over the first features (images with an empty border); or as "
        "constant planes, one a class, behind the channels of an image: every window sees them, "
        "while an overlay is seen by those over the first pixels alone. A first layer of windows "
        'takes "planes" or "overlay", a dense one "append" or "overlay".',
        choices=tuple(_FIRST_LAYER),
        shapes=True,
    )
    label_strength: float = setting(default=1.0, help="value in the label's slot", shapes=True)
    negatives: str = setting(
        default="uniform",
        help="wrong labels drawn evenly, or from the softmax readout, which finds them likely",
        choices=("uniform", "hard"),
        shapes=True,
    )
    readout: str = "sum-without-first"

    def _check_parameters(self) -> None:
        super()._check_parameters()
        require(
            check_number(self.label_strength, "label_strength") != 0,
            "label_strength must not be 0: positives and negatives would be equal",
        )
        if self._shows_labels():
            kind = "windows" if self._sees_images() else "dense"
            require(
                kind in _FIRST_LAYER[self.label_encoding],
                f"label_encoding {self.label_encoding!r} is not for a first layer of "
                f"{'windows on images' if kind == 'windows' else 'dense units'}; use "
                f"{' or '.join(name for name, kinds in _FIRST_LAYER.items() if kind in kinds)}",
            )

    def _check_training_data(self, x: Array, classes: int) -> None:
        super()._check_training_data(x, classes)
        if self._shows_labels() and self.label_encoding == "overlay":
            require(
                classes <= x.shape[1],
                f"label_encoding 'overlay' needs a feature for each of {classes} classes, got "
                f"{x.shape[1]} features; use 'append'",
            )
            warn_if_overlay_hides_data(x, classes)

    def _encoding(self, features: int, classes: int) -> LabelEncoding:
        return bind_label_encoding(
            self.label_encoding,
            classes=classes,
            strength=self.label_strength,
            image_shape=self._image(features) if self.label_encoding == "planes" else None,
        )

    def _shows_labels(self) -> bool:
        return True

    def _has_softmax(self) -> bool:
        """To predict, or to draw hard labels from."""
        return self.readout == "softmax" or self.negatives == "hard"

    def _input_shape(self, features: int, classes: int) -> tuple[int, ...]:
        *places, channels = super()._input_shape(features, classes)
        added = classes if self._shows_labels() and self.label_encoding != "overlay" else 0
        return (*places, channels + added)
