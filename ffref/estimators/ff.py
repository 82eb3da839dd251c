"""Forward-Forward (Hinton 2022) as a classifier."""

import math
from functools import partial
from typing import Any

import numpy as np

from ffref._checks import check_number, check_positive, require
from ffref.estimators._local import LocalClassifier
from ffref.estimators._validation import image_shape
from ffref.formulas import GOODNESS
from ffref.layers import INITIAL_GAIN, Readout, zero_readout
from ffref.negatives import bind_label_encoding, hybrid_negatives, warn_if_overlay_hides_data
from ffref.objectives.ff import ff
from ffref.objectives.peer import peer_initial_mean, with_peer_rule
from ffref.training import (
    Algorithm,
    Optimizer,
    ReadoutTraining,
    bind_optimizer,
    contrastive,
    in_blocks,
    network_logits,
    unsupervised,
)
from ffref.types import Array, Params

_FIRST_LAYER = {
    "append": ("dense",),
    "overlay": ("dense", "windows"),
    "planes": ("windows",),
}
"""Label encodings, and the first layers that can read them."""


class FFClassifier(LocalClassifier):
    """Forward-Forward: each layer tells samples with their true label from wrongly labelled ones.

    To predict, every label is tried, and the one of the highest goodness wins. Formula and
    source: `ffref.objectives.ff`.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each layer.
    layers : tuple of tuples, optional
        Layers of other kinds, instead of `hidden_layer_sizes`: ("local", size, stride, channels)
        for local fields, whose weights differ from place to place; ("conv", size, stride,
        channels) for convolution; both with padding as a fifth entry where there is one; or
        ("dense", units), behind those. `image_shape` says what the samples look like.
    goodness_function : {"sum", "mean", "negative-sum", "negative-mean"}
        Of squares of the activity. {sum, units, rms} and {mean, 1 to 2, rms} go together;
        {mean, 2, l2} starts far below its threshold and wants a learning rate of about 0.03.
    threshold : float, optional
        theta. None takes what belongs to the goodness: the layer's units for a sum (of windows
        on images: places times channels), 2 for a mean, with the goodness's sign.
    label_encoding : {"append", "overlay", "planes"}
        Label in extra columns; over the first features (images with an empty border); or as
        constant planes, one a class, behind the channels of an image: every window sees them,
        while an overlay is seen by those over the first pixels alone. A first layer of windows
        takes "planes" or "overlay", a dense one "append" or "overlay".
    label_strength : float
        Value in the true label's slot.
    negatives : {"uniform", "hard", "hybrid"}
        Wrong labels drawn evenly, or from the softmax readout, which finds them likely; or hybrid
        images: no label is shown at all, and the softmax readout predicts.
    mask_blurs : int
        How often the mask of a hybrid image is blurred: the more, the larger its regions.
    peer_strength : float
        Of peer normalisation, Hinton's rule that keeps units about equally active; 0: none.
    readout : {"sum-without-first", "sum", "last", "softmax"}
        Layers whose goodness is added to predict. Default: all but the first, as Hinton does.
        "softmax": one pass with a neutral label, from the normalised activity of all layers but
        the first.
    readout_rate_factor : float
        Learning rate of the softmax readout, times that of the layers.
    readout_weight_decay : float
        Of the softmax readout.
    initialization : {"he", "lecun"}
        Variance of the weights at the start: 2 / inputs or 1 / inputs.
    layer_schedule, max_iter, batch_size, learning_rate_init, optimizer, momentum, weight_decay,
    schedule, warmup_steps, standardize, shift, flip, cutout, image_shape, input_norm,
    between_norm, random_state, verbose
        As in `HFFClassifier`. `batch_size` counts samples; each gives a positive and a negative.

    Attributes
    ----------
    classes_, n_features_in_, history_, state_, seed_
        As in `HFFClassifier`; accuracy in `history_` is that of pairs (the true label's goodness
        above the wrong one's).

    Examples
    --------
    >>> import ffref
    >>> X, y = ffref.data.toy.disk_and_ring(400, seed=0)
    >>> model = ffref.FFClassifier((64,), max_iter=40, learning_rate_init=0.01, random_state=0)
    >>> model.fit(X, y).score(*ffref.data.toy.disk_and_ring(400, seed=1)) > 0.9
    True
    """

    algorithm = "ff"

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256),
        *,
        layers: Any = None,
        goodness_function: str = "sum",
        threshold: float | None = None,
        label_encoding: str = "append",
        label_strength: float = 1.0,
        negatives: str = "uniform",
        mask_blurs: int = 10,
        peer_strength: float = 0.0,
        readout: str = "sum-without-first",
        readout_rate_factor: float = 1.0,
        readout_weight_decay: float = 0.0,
        initialization: str = "he",
        layer_schedule: str = "simultaneous",
        max_iter: int = 50,
        batch_size: int = 64,
        learning_rate_init: float = 0.001,
        optimizer: str = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        schedule: str = "cosine",
        warmup_steps: int = 0,
        standardize: bool = True,
        shift: int = 0,
        flip: bool = False,
        cutout: int = 0,
        image_shape: Any = None,
        input_norm: str = "none",
        between_norm: str = "rms",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.layers = layers
        self.goodness_function = goodness_function
        self.threshold = threshold
        self.label_encoding = label_encoding
        self.label_strength = label_strength
        self.negatives = negatives
        self.mask_blurs = mask_blurs
        self.peer_strength = peer_strength
        self.readout = readout
        self.readout_rate_factor = readout_rate_factor
        self.readout_weight_decay = readout_weight_decay
        self.initialization = initialization
        self.layer_schedule = layer_schedule
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.optimizer = optimizer
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup_steps = warmup_steps
        self.standardize = standardize
        self.shift = shift
        self.flip = flip
        self.cutout = cutout
        self.image_shape = image_shape
        self.input_norm = input_norm
        self.between_norm = between_norm
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for name, value, known in (
            ("label_encoding", self.label_encoding, tuple(_FIRST_LAYER)),
            ("negatives", self.negatives, ("uniform", "hard", "hybrid")),
            ("initialization", self.initialization, tuple(INITIAL_GAIN)),
        ):
            require(value in known, f"{name} must be one of {', '.join(known)}, got {value!r}")
        require(
            check_number(self.label_strength, "label_strength") != 0,
            "label_strength must not be 0: positives and negatives would be equal",
        )
        require(
            self.negatives != "hybrid" or self.readout == "softmax",
            f"with hybrid images no layer sees a label, so that readout must be 'softmax', got "
            f"{self.readout!r}",
        )
        check_number(self.peer_strength, "peer_strength")
        if self._shows_labels():
            kind = "windows" if self._sees_images() else "dense"
            require(
                kind in _FIRST_LAYER[self.label_encoding],
                f"label_encoding {self.label_encoding!r} is not for a first layer of "
                f"{'windows on images' if kind == 'windows' else 'dense units'}; use "
                f"{' or '.join(name for name, kinds in _FIRST_LAYER.items() if kind in kinds)}",
            )
        check_positive(self.readout_rate_factor, "readout_rate_factor")
        self._readout_optimizer()

    def _check_training_data(self, x: Array, classes: int) -> None:
        self._plan(x.shape[1], classes)
        if self.negatives == "hybrid":
            require(len(x) >= 2, "hybrid images need at least 2 samples")
            self._image(x.shape[1])
        elif self.label_encoding == "overlay":
            require(
                classes <= x.shape[1],
                f"label_encoding 'overlay' needs a feature for each of {classes} classes, got "
                f"{x.shape[1]} features; use 'append'",
            )
            warn_if_overlay_hides_data(x, classes)

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        units = [layer.units for layer in self._plan(features, classes)]
        on_images = self.negatives == "hybrid" or self.label_encoding == "planes"
        image = self._image(features) if on_images else None
        return self._bound_algorithm(units, image, classes)

    def _check_algorithm(self) -> None:
        # units of windows are not known before the images are
        self._bound_algorithm([1] * len(self._descriptions()), (1, 1, 1), classes=2)

    def _bound_algorithm(
        self, units: list[int], image: tuple[int, int, int] | None, classes: int
    ) -> Algorithm:
        require(
            self.goodness_function in GOODNESS,
            f"goodness_function must be one of {', '.join(GOODNESS)}, got "
            f"{self.goodness_function!r}",
        )
        goodness = GOODNESS[self.goodness_function]
        objectives = [
            ff(threshold=theta, goodness=goodness) for theta in map(self._threshold, units)
        ]
        if self.peer_strength:
            strength = self.peer_strength
            objectives = [with_peer_rule(one, strength=strength) for one in objectives]
        readout = None
        if self._has_softmax():
            readout = ReadoutTraining(self._readout_optimizer(), self.readout_rate_factor)
        if self.negatives == "hybrid" and image is not None and readout is not None:
            hybrids = partial(_hybrids, image_shape=image, blurs=self.mask_blurs)
            return unsupervised(objectives, negatives=hybrids, readout=readout)
        encoding = bind_label_encoding(
            self.label_encoding,
            classes=classes,
            strength=self.label_strength,
            image_shape=image,
        )
        return contrastive(
            objectives,
            goodness=goodness,
            encoding=encoding,
            classes=classes,
            hard_labels=self.negatives == "hard",
            readout=readout,
        )

    def thresholds(self) -> list[float]:
        """Threshold of each layer; with `layers`, once it is fitted."""
        return [self._threshold(units) for units in self._units()]

    def _threshold(self, units: int) -> float:
        if self.threshold is not None:
            return self.threshold
        size = units if self._goodness_is_a_sum() else 2
        return float(-size if self.goodness_function.startswith("negative") else size)

    def _goodness_is_a_sum(self) -> bool:
        return self.goodness_function.endswith("sum")

    def _initialization(self) -> str:
        return self.initialization

    def _initial_params(self, rng: np.random.Generator, classes: int, units: int) -> Params:
        return (peer_initial_mean(units, np.dtype(np.float32)),) if self.peer_strength else ()

    def _initial_readout(self, units: list[int], classes: int) -> Readout | None:
        if not self._has_softmax():
            return None
        return zero_readout(units[1:] or units, classes, np.dtype(np.float32))

    def _readout_optimizer(self) -> Optimizer:
        return bind_optimizer(
            self.optimizer, momentum=self.momentum, weight_decay=self.readout_weight_decay
        )

    def _has_softmax(self) -> bool:
        """Whether a softmax readout is trained: to predict, or to draw hard labels from."""
        return self.readout == "softmax" or self.negatives == "hard"

    def _readouts(self) -> tuple[str, ...]:
        return (*super()._readouts(), "softmax")

    def _input_shape(self, features: int, classes: int) -> tuple[int, ...]:
        added = classes if self._shows_labels() and self.label_encoding != "overlay" else 0
        if not self._sees_images():
            return (features + added,)
        height, width, channels = self._image(features)
        return (height, width, channels + added)

    def _image(self, features: int) -> tuple[int, int, int]:
        """Height, width and channels of a sample."""
        shape = (*image_shape(self.image_shape, features), 1)[:3]
        require(
            math.prod(shape) == features,
            f"image_shape {shape} does not fit samples of {features} features",
        )
        return shape[0], shape[1], shape[2]

    def _sees_images(self) -> bool:
        """Whether the first layer walks over images."""
        return self._descriptions()[0].name != "dense"

    def _shows_labels(self) -> bool:
        """Whether a label is written into the samples."""
        return self.negatives != "hybrid"

    def _goodness(self, x: Array) -> Array:
        return self._softmax_logits(x) if self.readout == "softmax" else super()._goodness(x)

    def _softmax_logits(self, x: Array) -> Array:
        algorithm, network = self._fitted_algorithm(), self.state_.network
        return in_blocks(lambda rows: network_logits(network, algorithm.neutral(rows)), x, axis=0)

    def _readout_goodness(self, x: Array) -> tuple[Array, dict[str, Array]]:
        if self.negatives == "hybrid":
            nothing = np.empty((0, len(x), len(self.classes_)), x.dtype)
            return nothing, {"softmax": self._softmax_logits(x)}
        scores, readouts = super()._readout_goodness(x)
        if self._has_softmax():
            readouts["softmax"] = self._softmax_logits(x)
        return scores, readouts

    def _class_logits(self, goodness: Array) -> Array:
        """Logits of the softmax; or mean goodness per unit of the layers read, uncalibrated."""
        if self.readout == "softmax":
            return goodness
        read = self._units()[self._layers_read()]
        return goodness / (sum(read) if self._goodness_is_a_sum() else len(read))


def _hybrids(
    x: Array, rng: np.random.Generator, *, image_shape: tuple[int, ...], blurs: int
) -> Array:
    return hybrid_negatives(x, image_shape=image_shape, blurs=blurs, rng=rng)
