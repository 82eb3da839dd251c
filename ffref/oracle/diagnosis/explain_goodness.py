"""Explanations that concern goodness, threshold and the logistic loss: of `ff` and `recurrent`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ffref.formulas import sigmoid, softplus
from ffref.oracle.diagnosis.explanation import (
    BATCH,
    PLAIN,
    UNITS,
    Explanation,
    changed,
    factors,
    other_spec,
    replaced,
    times,
)
from ffref.oracle.diagnosis.ff_steps import sign_of
from ffref.oracle.diagnosis.layer_steps import overflowing, rows_of, units_of
from ffref.oracle.families.layer import Values, flat
from ffref.types import Array

_SUM = "(GOOD.1) goodness = sum of squares"
_MEAN = "(GOOD.3) goodness = mean of squares"
_SLOPE = "(GOOD.2) d goodness / d activity = 2 activity"
_LOGIT = "(FF.1) logit = goodness - threshold"
_LOSS = "(FF.2) loss = mean over rows of softplus(-s logit)"
_GRADIENT = "(FF.3) d_logit = -s sigmoid(-s logit) / batch"
_STABLE = "(ELEM.1) softplus(x) = max(x, 0) + log(1 + exp(-|x|))"


def _scored(v: Values) -> Array:
    """The activity that goodness is taken of: of a recurrent layer, its state."""
    return v["scored"] if "scored" in v else v["activity"]


def _reducer(v: Values) -> Callable[..., Array]:
    return np.mean if v["spec"].goodness == "mean" else np.sum


def _count(v: Values) -> int:
    return units_of(v) if v["spec"].goodness == "mean" else 1


def _first_power(v: Values) -> Array:
    return _reducer(v)(flat(_scored(v)), axis=1)


def _first_power_slope(v: Values) -> Array:
    return np.full_like(_scored(v), sign_of(v) / _count(v))


def _root(v: Values, right: Array) -> Array:
    return np.sqrt(right)


def _root_slope(v: Values, right: Array) -> Array:
    """Goodness is the root already; a row of zeros has slope 0."""
    root = v["goodness"].reshape(-1, *[1] * (right.ndim - 1))
    return np.where(root > 0, right / (2 * np.where(root > 0, root, 1)), 0)


def _channels_of(v: Values, right: Array) -> Array:
    """Mean over channels, summed over places."""
    places = flat(_scored(v)).shape[1] / _scored(v).shape[-1]
    return right * places if v["spec"].goodness == "mean" else right


def _halves(v: Values) -> Array:
    rows = len(v["polarity"])
    return np.where(np.arange(rows) < (rows + 1) // 2, 1.0, -1.0)


def _maximised_probability(v: Values) -> Array:
    return -sigmoid(v["side"] * v["logit"])


def _maximised_probability_slope(v: Values) -> Array:
    margin = v["side"] * v["logit"]
    return -v["side"] * sigmoid(margin) * sigmoid(-margin)


def _one_side(sign: int) -> Callable[[Values, Array], Array]:
    return lambda v, right: np.where(v["side"] == sign, right, 0)


def _exponent(v: Values) -> Array:
    return -v["side"] * v["logit"]


def _two_means(v: Values) -> Array:
    side = v["side"]
    return np.where(side > 0, 1 / max((side > 0).sum(), 1), 1 / max((side < 0).sum(), 1))


def _other_threshold(value: float) -> Explanation:
    return replaced(f"the threshold is {value:g}", _LOGIT, threshold=lambda v: value)


def _shifted_gradient(shift: Callable[[Values], Any]) -> Callable[[Values], Array]:
    """Slope of the loss at another threshold than the loss has."""

    def slope(v: Values) -> Array:
        logit = v["logit"] + sign_of(v) * (v["threshold"] - shift(v))
        return -v["side"] * sigmoid(-v["side"] * logit)

    return slope


def _gate_of_state(v: Values, right: Array) -> Array:
    return (v["state"] > 0).astype(np.float64) if v["spec"].relu == "gated" else right


THRESHOLDS: list[Explanation] = [
    replaced("the threshold is left out", _LOGIT, threshold=lambda v: 0.0),
    changed("the threshold is added", _LOGIT, threshold=lambda v, right: -right),
    changed("the threshold is divided by the layer's units", _LOGIT,
            threshold=lambda v, right: right / units_of(v)),
    changed("the threshold is multiplied by the layer's units", _LOGIT,
            threshold=lambda v, right: right * units_of(v)),
    replaced("the threshold is the number of units", _LOGIT, threshold=units_of),
    *(_other_threshold(value) for value in (1.0, 1.5, 2.0, 20.0)),
    changed("the threshold is squared", _LOGIT, threshold=lambda v, right: right**2),
    replaced("the threshold is left out of the gradient", _GRADIENT,
             row_slope=_shifted_gradient(lambda v: 0.0)),
    changed("the threshold keeps its sign, where a low goodness is good", _LOGIT,
            logit=lambda v, right: sign_of(v) * v["goodness"] - v["threshold"]),
]  # fmt: skip

GOODNESS: list[Explanation] = [
    other_spec("the mean of squares, where the sum is meant", _SUM, goodness="mean"),
    other_spec("the sum of squares, where the mean is meant", _MEAN, goodness="sum"),
    other_spec("the logit has the other sign: goodness and threshold are exchanged", _LOGIT,
               sign=lambda sign: -sign),
    replaced("goodness is of the activity, not of its square", _SUM,
             goodness=_first_power, slope=_first_power_slope),
    changed("goodness is the root of what is meant: the length", _SUM,
            goodness=_root, slope=_root_slope),
    changed("the mean is over channels alone, summed over places", _MEAN,
            goodness=_channels_of, slope=_channels_of),
    replaced("the derivative of the square is taken to be 2: times the activity is left out",
             _SLOPE, slope=lambda v: np.full_like(_scored(v), 2 * sign_of(v) / _count(v))),
    changed("1/units of the mean is left out of its derivative", "(GOOD.4) d goodness / d "
            "activity = 2 activity / units", slope=lambda v, right: right * _count(v)),
    *factors("the derivative of goodness", _SLOPE, "slope", of=(PLAIN, UNITS)),
]  # fmt: skip

LOSS: list[Explanation] = [
    replaced("positive and negative samples are exchanged", _LOSS,
             side=lambda v: -v["polarity"]),
    replaced("the first half of the batch is taken for the positive samples", _LOSS,
             side=_halves),
    replaced("the mean over positives is added to the mean over negatives", _LOSS,
             share=_two_means),
    replaced("every row is taken for a positive one", _LOSS,
             side=lambda v: np.ones_like(v["polarity"])),
    replaced("cross-entropy with targets -1 and 1, where 0 and 1 are meant", _LOSS,
             row_loss=lambda v: softplus(v["logit"]) - v["side"] * v["logit"],
             row_slope=lambda v: sigmoid(v["logit"]) - v["side"]),
    changed("negative samples are left out", _LOSS, row_loss=_one_side(1), row_slope=_one_side(1)),
    changed("positive samples are left out", _LOSS,
            row_loss=_one_side(-1), row_slope=_one_side(-1)),
    changed("negative samples give no gradient", _GRADIENT, row_slope=_one_side(1)),
    changed("positive samples give no gradient", _GRADIENT, row_slope=_one_side(-1)),
    replaced("the probability is maximised, not its logarithm", _LOSS,
             row_loss=_maximised_probability, row_slope=_maximised_probability_slope),
    replaced("negative samples add log p, where -log(1 - p) is meant", _LOSS,
             row_loss=lambda v: v["side"] * softplus(-v["logit"]),
             row_slope=lambda v: -v["side"] * sigmoid(-v["logit"])),
    replaced("sigmoid(s logit) stands where sigmoid(-s logit) is meant", _GRADIENT,
             row_slope=lambda v: -v["side"] * sigmoid(v["side"] * v["logit"])),
    changed("s, the sign of each side, is left out", _GRADIENT,
            row_slope=lambda v, right: -np.abs(right)),
    changed("log(1 + exp(x)) overflows, in the loss and the gradient", _STABLE,
            row_loss=lambda v, right: overflowing(v, _exponent(v), right, np.inf),
            row_slope=lambda v, right: overflowing(v, _exponent(v), right, np.nan)),
    changed("log(1 + exp(x)) overflows in the loss alone", _STABLE,
            row_loss=lambda v, right: overflowing(v, _exponent(v), right, np.inf)),
    *factors("the loss alone", _LOSS, "loss"),
    *factors("the loss, and with it the gradient,", _LOSS, "loss_factor"),
    *factors("the gradient, not the loss,", _GRADIENT, "d_loss_factor"),
    *factors("the derivative of goodness", _SLOPE, "slope", of=(BATCH,)),
    changed("the mean over rows is a mean over pairs", _LOSS, share=times(lambda v: 2.0)),
    changed("the mean over rows is a sum, without other terms", _LOSS, share=times(rows_of)),
]  # fmt: skip

RECURRENT: list[Explanation] = [
    changed("damping and 1 - damping are swapped", "(RECUR.2) state = damping old + (1 - damping) "
            "activity", kept=lambda v, right: 1 - right),
    replaced("damping is left out", "(RECUR.2) state = damping old + (1 - damping) activity",
             kept=lambda v: 0.0),
    replaced("1 - damping is left out of the gradient",
             "(RECUR.6) d_preactivation = (1 - damping) d_state, gated", passed=lambda v: 1.0),
    changed("damping stands for 1 - damping in the gradient",
            "(RECUR.6) d_preactivation = (1 - damping) d_state, gated",
            passed=lambda v, right: 1 - right),
    replaced("goodness is of the new activity, without the old state",
             "(RECUR.5) loss of the state", scored=lambda v: v["activity"],
             passed=lambda v: 1.0),
    changed("the gradient is gated by the state, not by the new activity",
            "(RECUR.6) d_preactivation = (1 - damping) d_state, gated", gate=_gate_of_state),
    replaced("the input from above is left out", "(RECUR.1) preactivation = below W + above V + "
             "bias", drive_above=lambda v: np.zeros_like(v["drive_below"])),
    replaced("the state above is not normalised", "(RECUR.3) normalised state",
             normalized_above=lambda v: v["above"]),
    replaced("the state below is not normalised", "(RECUR.3) normalised state",
             normalized_below=lambda v: v["below"]),
    replaced("the bias is left out", "(RECUR.1) preactivation = below W + above V + bias",
             preactivation=lambda v: v["drive_below"] + v["drive_above"]),
    replaced("d_weight is taken with the input before its normalisation",
             "(RECUR.7) d_weight = normalized_below.T @ d_preactivation",
             seen=lambda v: v["below"]),
    *factors("d_top_down alone", "(RECUR.8) d_top_down = normalized_above.T @ d_preactivation",
             "d_top_down"),
]  # fmt: skip
