"""Layers that are trained at once or in turn, and layers of other kinds than dense."""

from typing import Any

from ffref.estimators._local import LocalClassifier
from ffref.estimators._parameters import classifier
from ffref.estimators._samples import PlainSamples
from ffref.estimators._validation import image_shape
from ffref.layers import LayerDescription, describe_layers
from ffref.method import setting


@classifier
class ImageLayers(PlainSamples):
    """Base of classifiers whose layers may walk over images."""

    layers: Any = setting(
        default=None,
        help="of other kinds, instead of hidden layer sizes: local:SIZE:STRIDE:CHANNELS[:PADDING] "
        "(weights differ from place to place), conv:..., "
        "block:CHANNELS[:pool=2:auxiliary=64x4...], dense:UNITS (behind those)",
        more='In Python (("local", size, stride, channels, padding), ..., ("dense", units)), and '
        '("block", {"channels": ..., ...}) for convolution, normalisation, relu and pooling (see '
        "`ffref.layers.stack.BLOCK_CHOICES`); `image_shape` says what the samples look like.",
        kind="tuple of tuples",
        shapes=True,
    )

    def _descriptions(self) -> tuple[LayerDescription, ...]:
        return super()._descriptions() if self.layers is None else describe_layers(self.layers)

    def _input_shape(self, features: int, classes: int) -> tuple[int, ...]:
        return self._image(features) if self._sees_images() else (features,)

    def _image(self, features: int) -> tuple[int, int, int]:
        """Height, width and channels of a sample."""
        return image_shape(self.image_shape, features)

    def _sees_images(self) -> bool:
        """Whether the first layer walks over images."""
        descriptions = self._descriptions()
        return bool(descriptions) and descriptions[0].name != "dense"


@classifier
class StackedLayers(PlainSamples, LocalClassifier):
    """Base of classifiers whose layers learn from plain samples, at once or in turn."""

    layer_schedule: str = setting(
        default="simultaneous",
        help="all layers in every step, or each to its end before the next",
        choices=("simultaneous", "greedy"),
    )

    def _is_greedy(self) -> bool:
        return self.layer_schedule == "greedy"


@classifier
class AnyLayers(ImageLayers, StackedLayers):
    """Base of classifiers whose locally trained layers may walk over images."""

    def _units(self) -> list[int]:
        if self.layers is not None:  # units of windows are known once the images are
            self._check_fitted()
        return super()._units()
