"""Forward-Forward (Hinton 2022) as a classifier."""

from typing import Any

from ffref._checks import check_number, require
from ffref.estimators._local import LocalClassifier
from ffref.formulas import GOODNESS
from ffref.negatives import bind_label_encoding, warn_if_overlay_hides_data
from ffref.objectives.ff import ff
from ffref.training import Algorithm, contrastive
from ffref.types import Array


class FFClassifier(LocalClassifier):
    """Forward-Forward: each layer tells samples with their true label from wrongly labelled ones.

    To predict, every label is tried, and the one of the highest goodness wins. Formula and
    source: `ffref.objectives.ff`.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each layer.
    goodness_function : {"sum", "mean", "negative-sum", "negative-mean"}
        Of squares of the activity. {sum, units, rms} and {mean, 1 to 2, rms} go together;
        {mean, 2, l2} starts far below its threshold and wants a learning rate of about 0.03.
    threshold : float, optional
        theta. None takes what belongs to the goodness: the layer's units for a sum, 2 for a mean,
        with the goodness's sign.
    label_encoding : {"append", "overlay"}
        Label in extra columns, or over the first features (images with an empty border).
    label_strength : float
        Value in the true label's slot.
    readout : {"sum-without-first", "sum", "last"}
        Layers whose goodness is added to predict. Default: all but the first, as Hinton does.
    layer_schedule, max_iter, batch_size, learning_rate_init, optimizer, momentum, weight_decay,
    schedule, warmup_steps, standardize, input_norm, between_norm, random_state, verbose
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
        goodness_function: str = "sum",
        threshold: float | None = None,
        label_encoding: str = "append",
        label_strength: float = 1.0,
        readout: str = "sum-without-first",
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
        input_norm: str = "none",
        between_norm: str = "rms",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.goodness_function = goodness_function
        self.threshold = threshold
        self.label_encoding = label_encoding
        self.label_strength = label_strength
        self.readout = readout
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
        self.input_norm = input_norm
        self.between_norm = between_norm
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        require(
            self.label_encoding in ("append", "overlay"),
            f"label_encoding must be append or overlay, got {self.label_encoding!r}",
        )
        require(
            check_number(self.label_strength, "label_strength") != 0,
            "label_strength must not be 0: positives and negatives would be equal",
        )

    def _check_training_data(self, x: Array, classes: int) -> None:
        if self.label_encoding == "overlay":
            require(
                classes <= x.shape[1],
                f"label_encoding 'overlay' needs a feature for each of {classes} classes, got "
                f"{x.shape[1]} features; use 'append'",
            )
            warn_if_overlay_hides_data(x, classes)

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        require(
            self.goodness_function in GOODNESS,
            f"goodness_function must be one of {', '.join(GOODNESS)}, got "
            f"{self.goodness_function!r}",
        )
        goodness = GOODNESS[self.goodness_function]
        objectives = [ff(threshold=theta, goodness=goodness) for theta in self.thresholds()]
        encoding = bind_label_encoding(
            self.label_encoding, classes=classes, strength=self.label_strength
        )
        return contrastive(objectives, goodness=goodness, encoding=encoding, classes=classes)

    def thresholds(self) -> list[float]:
        """Threshold of each layer."""
        return [self._threshold(units) for units in self._hidden_layer_sizes()]

    def _threshold(self, units: int) -> float:
        if self.threshold is not None:
            return self.threshold
        size = units if self._goodness_is_a_sum() else 2
        return float(-size if self.goodness_function.startswith("negative") else size)

    def _goodness_is_a_sum(self) -> bool:
        return self.goodness_function.endswith("sum")

    def _input_width(self, features: int, classes: int) -> int:
        return features + classes if self.label_encoding == "append" else features

    def _class_logits(self, goodness: Array) -> Array:
        """Mean goodness per unit of the layers that are read; not calibrated."""
        read = self.state_.network.layers[self._layers_read()]
        if self._goodness_is_a_sum():
            return goodness / sum(layer.dense.bias.size for layer in read)
        return goodness / len(read)
