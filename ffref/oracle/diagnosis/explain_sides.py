"""Explanations of `layer-collaboration` and `scff`: carried goodness, two thresholds."""

import numpy as np

from ffref.oracle.diagnosis.explanation import Explanation, changed, factors, other_spec, replaced
from ffref.oracle.diagnosis.layer_steps import overflowing, rows_of
from ffref.oracle.families.layer import Values
from ffref.types import Array

_BELOW = "(COLLAB.1) goodness of the layers below, carried upwards"
_MARGIN = "(COLLAB.3) logit = goodness + carried goodness - threshold"
_LOSS = "(SCFF.2) loss = mean of softplus(t+ - g) + penalty g, and mean of softplus(g - t-)"
_GRADIENT = "(SCFF.3) d_goodness = (penalty - sigmoid(t+ - g)) or sigmoid(g - t-), / its side"
_STABLE = "(ELEM.1) softplus(x) = max(x, 0) + log(1 + exp(-|x|))"

COLLABORATED: list[Explanation] = [
    changed("the goodness of other layers is left out", _MARGIN,
            carried=lambda v, right: 0 * right),
    changed("the goodness of other layers is subtracted", _MARGIN,
            carried=lambda v, right: -right),
    changed("the logit is the mean of own and carried goodness", _MARGIN,
            logit=lambda v, right: (v["goodness"] + v["carried"]) / 2 - v["threshold"]),
    replaced("what was handed up is not handed on: the layer's own goodness alone", _BELOW,
             next_carried_goodness=lambda v: v["goodness"]),
]  # fmt: skip


def _exponent(v: Values) -> Array:
    high, low = v["positive_threshold"], v["negative_threshold"]
    return np.where(v["side"] > 0, high - v["goodness"], v["goodness"] - low)


def _one_mean(v: Values) -> Array:
    return np.full(rows_of(v), 1 / rows_of(v))


CONTRASTED: list[Explanation] = [
    replaced("the thresholds of both sides are exchanged", _LOSS,
             positive_threshold=lambda v: v["spec"].negative_threshold,
             negative_threshold=lambda v: v["spec"].positive_threshold),
    replaced("both sides have the threshold of the positive rows", _LOSS,
             negative_threshold=lambda v: v["spec"].positive_threshold),
    replaced("the thresholds are left out", _LOSS,
             positive_threshold=lambda v: 0.0, negative_threshold=lambda v: 0.0),
    replaced("positive and negative samples are exchanged", _LOSS,
             side=lambda v: -v["polarity"]),
    replaced("one mean over all rows, where the means of both sides are added", _LOSS,
             share=_one_mean),
    changed("the means of both sides are averaged, not added", _LOSS,
            share=lambda v, right: right / 2),
    other_spec("the penalty is left out", _LOSS, penalty=0.0),
    replaced("the penalty is left out of the gradient", _GRADIENT, price_slope=lambda v: 0.0),
    replaced("the penalty is of the squared goodness", _LOSS,
             price=lambda v: v["spec"].penalty * v["goodness"] ** 2,
             price_slope=lambda v: 2 * v["spec"].penalty * v["goodness"]),
    changed("log(1 + exp(x)) overflows, in the loss and the gradient", _STABLE,
            row_loss=lambda v, right: overflowing(v, _exponent(v), right, np.inf),
            row_slope=lambda v, right: overflowing(v, _exponent(v), right, np.nan)),
    *factors("the loss alone", _LOSS, "loss"),
    *factors("the loss, and with it the gradient,", _LOSS, "loss_factor"),
    *factors("the gradient, not the loss,", _GRADIENT, "d_loss_factor"),
]  # fmt: skip
