"""Explanations that concern pairs and what they inherit: of `symba` and `cumulative`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ffref.formulas import sigmoid, softplus
from ffref.formulas.free_riding import log_gradient_ratio
from ffref.oracle.diagnosis.explanation import (
    Explanation,
    changed,
    factors,
    other_spec,
    replaced,
)
from ffref.oracle.diagnosis.layer_steps import overflowing, rows_of
from ffref.oracle.families.layer import Values
from ffref.types import Array, Labels

_MARGIN = "(PAIR.1) margin = goodness of the positive row - that of the negative one"
_BACK = "(PAIR.2) d_goodness = d_margin in the positive row, -d_margin in the negative one"
_LOSS = "(SB.1) loss = mean over pairs of softplus(-steepness margin)"
_GRADIENT = "(SB.2) d_margin = -steepness sigmoid(-steepness margin) / pairs"
_STABLE = "(ELEM.1) softplus(x) = max(x, 0) + log(1 + exp(-|x|))"
_SUMMED = "(CUM.1) cumulative margin = margin + carried share * carried margin"
_BOTH = "(CUM.2) loss = mean of softplus(-steepness M) + own share softplus(-steepness margin)"
_GATE = "(CUM.4) carried share = carried weight * sigmoid(-carried margin)"
_DEPTH = "(CUM.5) own share grows with depth: (1 + 3 depth / (layers - 1)) / 4"
_HARD = "(CUM.6) own share = that times sigmoid(-steepness P) / its mean"
_CALIBRATED = "(CUM.7) own share = max(0, 1 - R), R the ratio of the two slopes"
_CONSTANT = "(CUM.8) the own share is a constant in the derivative"


def _in_order(v: Values) -> tuple[Labels, Labels]:
    """First positive row with the first negative one, and so on."""
    positive, negative = (np.flatnonzero(v["polarity"] == sign) for sign in (1, -1))
    count = min(len(positive), len(negative))
    return positive[:count], negative[:count]


def _side_alone(sign: int) -> Callable[[Values, Array], Array]:
    return lambda v, right: np.where(v["polarity"] == sign, right, 0)


def _over_rows(v: Values, right: Array) -> Array:
    return right * len(right) / rows_of(v)


def _exponent(v: Values) -> Array:
    return -v["steepness"] * v["cumulative_margin"]


def _own_loss(v: Values) -> Array:
    return v["own_share"] * softplus(-v["steepness"] * v["margin"])


def _cut_loss(v: Values, right: Array) -> Array:
    return np.where(_exponent(v) > 20, _exponent(v) + _own_loss(v), right)


def _cut_slope(v: Values, right: Array) -> Array:
    own = v["own_share"] * sigmoid(-v["steepness"] * v["margin"])
    return np.where(_exponent(v) > 20, -v["outer_steepness"] * (1 + own), right)


def _remedy(v: Values) -> str:
    return getattr(v["spec"], "remedy", "none")


def _of(remedy: str, change: Callable[[Values, Any], Any]) -> Callable[[Values, Any], Any]:
    """Change that only concerns one remedy."""
    return lambda v, right: change(v, right) if _remedy(v) == remedy else right


def _turned_gate(v: Values, right: Array) -> Array:
    return v["spec"].carried_weight * sigmoid(v["carried"])


def _depth_scale(depth: int, layers: int) -> float:
    return (1 + 3 * depth / max(layers - 1, 1)) / 4


def _deeper(v: Values, right: Array) -> Array:
    depth, layers = v["spec"].depth, v["spec"].layers
    return right * _depth_scale(depth + 1, layers) / _depth_scale(depth, layers)


def _any_depth(v: Values, right: Array) -> Array:
    return right / _depth_scale(v["spec"].depth, v["spec"].layers)


def _hardness(v: Values) -> Array:
    return sigmoid(-v["steepness"] * v["carried"])


def _not_over_mean(v: Values, right: Array) -> Array:
    return right * _hardness(v).mean()


def _log_ratio(v: Values) -> Array:
    return log_gradient_ratio(
        v["margin"], v["carried"], steepness=v["steepness"], carried_weight=v["carried_share"]
    )


def _not_cut(v: Values, right: Array) -> Array:
    return 1 - np.exp(_log_ratio(v))


def _differentiated(v: Values, right: Array) -> Array:
    """The own share's own slope joins, where it is not cut."""
    beta = v["steepness"]
    change = beta * (sigmoid(beta * v["margin"]) - sigmoid(beta * v["cumulative_margin"]))
    slope = -np.exp(_log_ratio(v)) * change
    return right + np.where(v["own_share"] > 0, slope, 0) * softplus(-beta * v["margin"])


def _handed_alone(v: Values, right: Any) -> Any:  # noqa: ANN401
    return right - v["carried_margin"] if "carried_margin" in v else right


MARGINS: list[Explanation] = [
    replaced("positive and negative rows are paired in their order, whatever the partners are",
             _MARGIN, pairs=_in_order),
    changed("the margin has the other sign", _MARGIN, margin=lambda v, right: -right,
            d_goodness=lambda v, right: -right),
    changed("negative rows give no gradient", _BACK, d_goodness=_side_alone(1)),
    changed("positive rows give no gradient", _BACK, d_goodness=_side_alone(-1)),
    changed("both rows of a pair are pushed the same way", _BACK,
            d_goodness=lambda v, right: np.where(v["polarity"] > 0, right, -right)),
    other_spec("the steepness is left out", _LOSS, steepness=1.0),
    other_spec("the steepness is divided by, not multiplied", _LOSS,
               steepness=lambda steepness: 1 / steepness),
    replaced("the steepness is left out of the gradient", _GRADIENT,
             outer_steepness=lambda v: 1.0),
    changed("the steepness is multiplied twice in the gradient", _GRADIENT,
            outer_steepness=lambda v, right: right**2),
    changed("the mean is over rows, not over pairs", _LOSS, share=_over_rows),
    changed("the mean over pairs is a sum", _LOSS, share=lambda v, right: right * len(right)),
    replaced("a hinge stands for the softplus", _LOSS,
             row_loss=lambda v: np.maximum(0, _exponent(v)),
             row_slope=lambda v: -v["steepness"] * (_exponent(v) > 0)),
    replaced("sigmoid(steepness margin) stands where sigmoid(-steepness margin) is meant",
             _GRADIENT, row_slope=lambda v: -v["steepness"] * sigmoid(-_exponent(v))),
    changed("softplus(x) is cut to x above 20", _STABLE, row_loss=_cut_loss, row_slope=_cut_slope),
    changed("log(1 + exp(x)) overflows, in the loss and the gradient", _STABLE,
            row_loss=lambda v, right: overflowing(v, _exponent(v), right, np.inf),
            row_slope=lambda v, right: overflowing(v, _exponent(v), right, np.nan)),
    changed("log(1 + exp(x)) overflows in the loss alone", _STABLE,
            row_loss=lambda v, right: overflowing(v, _exponent(v), right, np.inf)),
    *factors("the loss alone", _LOSS, "loss"),
    *factors("the loss, and with it the gradient,", _LOSS, "loss_factor"),
    *factors("the gradient, not the loss,", _GRADIENT, "d_loss_factor"),
]  # fmt: skip

CARRIED: list[Explanation] = [
    changed("the margins of the layers below are left out", _SUMMED,
            carried=lambda v, right: 0 * right),
    changed("the margins of the layers below are subtracted", _SUMMED,
            carried=lambda v, right: -right),
    other_spec("the weight of what is carried is left out", _SUMMED, carried_weight=1.0),
    replaced("the weight of what is carried acts on the layer's own margin as well", _SUMMED,
             cumulative_margin=lambda v: v["carried_share"] * (v["margin"] + v["carried"])),
    changed("what was handed up is not handed on: the layer's own margin alone", _SUMMED,
            next_carried_margin=_handed_alone),
    other_spec("the remedy against free-riding is left out", _BOTH, remedy="none"),
    changed("the layer's own loss is left out", _BOTH, own_share=lambda v, right: 0 * right),
    changed("the gate has the other sign: won pairs inherit more", _GATE,
            carried_share=_of("gated", _turned_gate)),
    changed("the depth is counted from 1", _DEPTH, own_share=_of("depth-scaled", _deeper)),
    changed("the own share does not grow with depth", _DEPTH,
            own_share=_of("depth-scaled", _any_depth)),
    changed("the weights of hard pairs are not divided by their mean", _HARD,
            own_share=_of("depth-scaled", _not_over_mean)),
    changed("the own share is not cut at 0", _CALIBRATED,
            own_share=_of("calibrated", _not_cut)),
    changed("the own share is differentiated", _CONSTANT,
            row_slope=_of("calibrated", _differentiated)),
]  # fmt: skip
