"""Explanations of `mono-forward`, `cwc`, `deeper-forward` and `distance-forward`."""

from typing import Any

import numpy as np

from ffref.formulas import log_sum_exp, softmax
from ffref.oracle.diagnosis.explain_hff import entropy
from ffref.oracle.diagnosis.explanation import Explanation, changed, factors, other_spec, replaced
from ffref.oracle.diagnosis.hff_steps import own_class, to_sphere
from ffref.oracle.diagnosis.layer_steps import overflowing, units_of
from ffref.oracle.families.layer import Values, flat
from ffref.types import Array

_SCORE = "(MONO.1) logit = activity @ projection.T"
_BACK = "(MONO.4) d_activity = d_logit @ projection"
_PROJECTION = "(MONO.5) d_projection = d_logit.T @ activity"
_GOODNESS = "(CWC.1) goodness = mean over the channels of a class and places of activity^2"
_SLOPE = "(CWC.4) d_activity = 2 activity d_goodness / units of a class"
_OTHERS = "(CWC.5) mean goodness of the other classes"
_PVN = "(CWC.6) loss = mean of softplus(threshold - own), softplus(others - threshold)"
_LINEAR = "(DEEP.1) goodness = mean over the channels of a class and places of activity"
_DIRECTION = "(DF.1) direction = activity / length"
_NEARNESS = "(DF.2) goodness = -|direction - centroid|^2"
_EXCESS = "(DF.3) logit = scale (goodness - that of the label + margin)"
_LOSS = "(DF.4) loss = mean of log sum exp(logit)"
_D_NEARNESS = "(DF.5) d_goodness = scale softmax(logit) / batch; of the label minus the rest"
_TANGENT = "(DF.6) d_activity = tangent part of d_direction, / length"
_MOVED = "(DF.7) centroids move to decay centroid + (1 - decay) mean of their class"


def _rows_to_units(v: Values, right: Array) -> Array:
    return to_sphere(flat(right)).reshape(right.shape)


def _channels_first(v: Values, right: Array) -> Array:
    """Numbers read channels first."""
    if right.ndim == 2:
        return right
    height, width, channels = right.shape[1:]
    moved = right.reshape(len(right), height, width, channels).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(moved).reshape(right.shape)


MONO: list[Explanation] = [
    changed("the activity gets no gradient: the projection alone learns", _BACK,
            d_activity=lambda v, right: 0 * right),
    changed("d_projection is left out", _PROJECTION, d_projection=lambda v, right: 0 * right),
    changed("the projection's rows are divided by their length", _SCORE,
            used_projection=_rows_to_units),
    changed("logits are divided by the root of the units", _SCORE,
            score=lambda v, right: right / np.sqrt(units_of(v))),
    changed("features are flattened channels first, the projection channels last", _SCORE,
            used_projection=_channels_first),
    *factors("d_projection alone", _PROJECTION, "d_projection"),
    *entropy("(MONO.2) loss = mean cross-entropy of softmax(logit)",
             "(MONO.3) d_logit = (softmax(logit) - target) / batch"),
]  # fmt: skip


def _in_turn(v: Values) -> Array:
    return np.arange(v["activity"].shape[-1]) % v["spec"].classes


def _over_channels(v: Values, right: int) -> int:
    return v["activity"].shape[-1] // v["spec"].classes


def _others_summed(v: Values) -> Array:
    return (v["goodness"] * (1 - own_class(v))).sum(axis=1)


def _exp_overflow(v: Values, right: Array, value: float) -> Array:
    exponent = v["logit"].max(axis=1)
    return overflowing(v, exponent.reshape(-1, *[1] * (right.ndim - 1)), right, value)


CHANNELS: list[Explanation] = [
    replaced("the sum over the units of a class, where their mean is meant", _GOODNESS,
             group=lambda v: 1),
    changed("the mean is over channels alone, summed over places", _GOODNESS,
            group=_over_channels),
    replaced("channels are dealt out to the classes in turn", _GOODNESS,
             class_of_channel=_in_turn),
    other_spec("the activity itself, where its square is meant", _GOODNESS, power=1),
    other_spec("the square of the activity, where the activity itself is meant", _LINEAR, power=2),
    *factors("the derivative of goodness", _SLOPE, "slope"),
    changed("exp overflows in the softmax", "(CWC.2) loss = mean cross-entropy of the goodness",
            row_loss=lambda v, right: _exp_overflow(v, right, np.inf),
            row_slope=lambda v, right: _exp_overflow(v, right, np.nan)),
    other_spec("a softmax stands where positive and negative are judged apart", _PVN,
               competition="softmax"),
    other_spec("positive and negative are judged apart, where a softmax is meant", _PVN,
               competition="pvn"),
    other_spec("the threshold is left out", _PVN, threshold=0.0),
    replaced("the sum of the other classes, where their mean is meant", _OTHERS,
             others_mean=_others_summed, others_count=lambda v: 1),
    changed("positive and negative are added, not averaged", _PVN,
            share=lambda v, right: 2 * right if v["spec"].competition == "pvn" else right),
    *entropy("(CWC.2) loss = mean cross-entropy of the goodness",
             "(CWC.3) d_goodness = (softmax(goodness) - target) / batch"),
]  # fmt: skip


def _dead_rows(v: Values, right: Array) -> Array:
    silent = ~flat(v["activity"]).any(axis=1)
    return np.where(silent.reshape(-1, *[1] * (right.ndim - 1)), np.nan, right)


def _over_length(v: Values) -> Array:
    rows = flat(v["activity"])
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    made = np.where(size > 0, v["d_direction"] / np.where(size > 0, size, 1), 0)
    return made.reshape(v["activity"].shape)


def _not_squared(v: Values, right: Array) -> Array:
    return -np.sqrt(-right)


def _not_squared_slope(v: Values, right: Array) -> Array:
    root = -v["goodness"]
    return right / (2 * root)


def _in_space(v: Values) -> Array:
    """The direction as a row of numbers is not divided by anything."""
    return v["activity"]


def _plain_softmax(v: Values) -> Any:  # noqa: ANN401
    """The true class's own logit joins with a margin, as the others."""
    return v["spec"].scale * (
        v["goodness"] - (v["goodness"] * own_class(v)).sum(axis=1, keepdims=True) + v["margin"]
    )


def _decaying(v: Values, right: Array) -> Array:
    absent = ~np.isin(np.arange(len(right)), v["counted_labels"])
    return np.where(absent.reshape(-1, *[1] * (right.ndim - 1)), v["kept"] * right, right)


def _wrong_logits(v: Values) -> Array:
    return np.where(own_class(v) > 0, -np.inf, v["logit"])


def _wrong_slope(v: Values) -> Array:
    wrong = softmax(_wrong_logits(v))
    return wrong - own_class(v) * wrong.sum(axis=1, keepdims=True)


DISTANCES: list[Explanation] = [
    replaced("the activity is not normalised", _DIRECTION, direction=_in_space,
             d_activity=lambda v: v["d_direction"].reshape(v["activity"].shape)),
    changed("the distance is not squared", _NEARNESS, goodness=_not_squared,
            d_goodness=_not_squared_slope),
    changed("the distance has the other sign", _NEARNESS, goodness=lambda v, right: -right,
            d_goodness=lambda v, right: -right),
    other_spec("the scale is left out", _EXCESS, scale=1.0),
    replaced("the scale is left out of the gradient", _D_NEARNESS, outer_scale=lambda v: 1.0),
    other_spec("the margin is left out", _EXCESS, margin=0.0),
    other_spec("the margin has the other sign", _EXCESS, margin=lambda margin: -margin),
    replaced("the margin is on all classes", _EXCESS, logit=_plain_softmax),
    replaced("the derivative of the activity's length is left out: its radial part stays",
             _TANGENT, d_activity=_over_length),
    replaced("d_activity is d_direction: the normalisation is left out of the gradient", _TANGENT,
             d_activity=lambda v: v["d_direction"].reshape(v["activity"].shape)),
    changed("a silent row is divided by its length 0", _DIRECTION, direction=_dead_rows),
    changed("decay and 1 - decay are swapped", _MOVED, kept=lambda v, right: 1 - right),
    replaced("the centroids are not moved", _MOVED, kept=lambda v: 1.0),
    changed("the centroid of a class without rows decays", _MOVED, new_centroids=_decaying),
    replaced("the centroids move towards the activity, not normalised", _MOVED,
             averaged=lambda v: v["activity"]),
    changed("the true class is left out of the sum", _LOSS,
            row_loss=lambda v, right: log_sum_exp(_wrong_logits(v)),
            row_slope=lambda v, right: _wrong_slope(v)),
    *entropy(_LOSS, _D_NEARNESS),
]  # fmt: skip
