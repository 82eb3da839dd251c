"""How classes are read off several layers, and off a softmax that is trained beside them."""

from abc import abstractmethod

import numpy as np

from ffref._checks import check_number, check_positive, require
from ffref.estimators._base import ChosenStart, Classifier
from ffref.estimators._parameters import classifier
from ffref.formulas import ALL_GOODNESS
from ffref.layers import Readout, zero_readout
from ffref.method import setting
from ffref.training import (
    READOUTS,
    Optimizer,
    OptimizerState,
    ReadoutTraining,
    bind_optimizer,
    layer_units,
    read_out,
)
from ffref.types import Array


@classifier
class LayerReadout(Classifier):
    """Base of classifiers whose layers each have a say in prediction."""

    readout: str = setting(
        default="sum", help="layers that count in prediction", choices=READOUTS, shapes=True
    )

    def _goodness(self, x: Array) -> Array:
        return read_out(self._layer_scores(x), self.readout)

    def _layers_read(self) -> slice:
        """Which layers the readout counts."""
        layers = len(self.state_.network.layers)
        first = {"last": layers - 1, "sum-without-first": min(1, layers - 1)}
        return slice(first.get(self.readout, 0), layers)

    def _units(self) -> list[int]:
        """Units of each fitted layer; before that, as they were asked for."""
        if not hasattr(self, "state_"):
            return list(self._hidden_layer_sizes())
        return [layer_units(layer) for layer in self.state_.network.layers]

    def _initial_readout(
        self, units: list[int], classes: int
    ) -> tuple[Readout | None, OptimizerState | None]:
        """Return the softmax readout before training and its optimiser's; None for most."""
        return None, None


@classifier
class SoftmaxReadout(ChosenStart, LayerReadout):
    """Base of classifiers with negative samples, which can train a softmax readout."""

    learns_from_pairs = True

    readout: str = setting(
        default="softmax",
        help="layers that count in prediction",
        more='"softmax": one pass with a neutral label, from the normalised activity of all '
        "layers but the first; else every label is tried, and the goodness of those layers is "
        "added.",
        choices=(*READOUTS, "softmax"),
        shapes=True,
    )
    readout_rate_factor: float = setting(
        default=1.0,
        help="learning rate of the softmax readout, times that of the layers",
        check=check_positive,
    )
    readout_weight_decay: float = setting(default=0.0, help="of the softmax readout")
    learn_hidden: bool = setting(
        default=True,
        help="false: layers keep their random weights, and the softmax readout learns alone",
    )

    @abstractmethod
    def _softmax_logits(self, x: Array) -> Array:
        """Logits of the softmax readout, of prepared samples."""

    def _has_softmax(self) -> bool:
        """Whether a softmax readout is trained."""
        return True

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._readout_optimizer()
        require(
            self.learn_hidden or self.readout == "softmax",
            f"learn_hidden=False leaves the softmax readout alone to learn, so that readout must "
            f"be 'softmax', got {self.readout!r}",
        )

    def _learns_layers(self) -> bool:
        return self.learn_hidden

    def _is_greedy(self) -> bool:
        return self.learn_hidden and super()._is_greedy()

    def _readout_optimizer(self) -> Optimizer:
        return bind_optimizer(
            self.optimizer, momentum=self.momentum, weight_decay=self.readout_weight_decay
        )

    def _readout_training(self) -> ReadoutTraining:
        return ReadoutTraining(self._readout_optimizer(), self.readout_rate_factor)

    def _initial_readout(
        self, units: list[int], classes: int
    ) -> tuple[Readout | None, OptimizerState | None]:
        if not self._has_softmax():
            return None, None
        readout = zero_readout(self._read_by_softmax(units), classes, np.dtype(np.float32))
        return readout, self._readout_optimizer().init(readout.weights)

    def _read_by_softmax(self, units: list[int]) -> list[int]:
        """Units of the layers that the softmax readout reads, the topmost ones."""
        return units[1:] or units

    def _goodness(self, x: Array) -> Array:
        return self._softmax_logits(x) if self.readout == "softmax" else super()._goodness(x)

    def _readout_goodness(self, x: Array) -> tuple[Array, dict[str, Array]]:
        scores, readouts = super()._readout_goodness(x)
        if self._has_softmax():
            readouts["softmax"] = self._softmax_logits(x)
        return scores, readouts


@classifier
class Thresholded(SoftmaxReadout):
    """Base of Hinton's networks: goodness against a threshold, and a softmax readout."""

    threshold: float | None = setting(
        default=None,
        help="of the goodness; default: units (sum) or 2 (mean)",
        more="With the goodness's sign; the units of windows on images: places times channels.",
        check=check_number,
    )

    def _goodness_name(self) -> str:
        """Of the goodness: a name in `ALL_GOODNESS`."""
        return "sum"

    def thresholds(self) -> list[float]:
        """Threshold of each layer; with `layers`, once it is fitted."""
        return [self._threshold(units) for units in self._units()]

    def _threshold(self, units: int) -> float:
        if self.threshold is not None:
            return self.threshold
        size = units if self._goodness_is_a_sum() else 2
        return float(-size if self._goodness_name().startswith("negative") else size)

    def _goodness_is_a_sum(self) -> bool:
        return self._goodness_name().endswith("sum")

    def _class_logits(self, goodness: Array) -> Array:
        """Logits of the softmax; or mean goodness per unit of the layers read, uncalibrated."""
        if self.readout == "softmax":
            return goodness
        read = self._units()[self._layers_read()]
        return goodness / (sum(read) if self._goodness_is_a_sum() else len(read))


@classifier
class ChosenGoodness(Thresholded):
    """Base of Hinton's networks whose goodness is a choice."""

    goodness_function: str = setting(
        default="sum",
        help="of squared activity",
        more="{sum, units, rms} and {mean, 1 to 2, rms} go together; {mean, 2, l2} starts far "
        "below its threshold and wants a learning rate of about 0.03. The last five are a public "
        "benchmark's: `ffref.formulas.benchmark_goodness`.",
        choices=tuple(ALL_GOODNESS),
        shapes=True,
        flags=("--goodness",),
    )

    def _goodness_name(self) -> str:
        return self.goodness_function
