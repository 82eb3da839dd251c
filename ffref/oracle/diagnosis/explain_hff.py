"""Explanations that concern the sphere, the scores and the cross-entropy: of `hff`."""

from typing import Any

import numpy as np

from ffref.formulas import log_sum_exp, softmax
from ffref.oracle.diagnosis.explanation import (
    Explanation,
    changed,
    factors,
    other_spec,
    replaced,
    times,
)
from ffref.oracle.diagnosis.hff_steps import flat_prototypes, from_sphere, own_class
from ffref.oracle.families.layer import Values, flat
from ffref.types import Array

_DIRECTION = "(HFF.1) direction = activity / length"
_PROTOTYPE = "(HFF.2) prototype direction = prototype / length"
_COSINE = "(HFF.3) cosine = direction . prototype direction"
_SCORE = "(HFF.4) score = log mean_k exp(sharpness cosine) / sharpness"
_LOGIT = "(HFF.5) logit = (score - margin [label]) / temperature"
_LOSS = "(HFF.6) loss = mean cross-entropy of softmax(logit)"
_D_SCORE = "(HFF.7) d_score = (softmax(logit) - target) / (batch temperature)"
_SHARED = "(HFF.8) d_cosine = d_score softmax_k(sharpness cosine)"
_TANGENT = "(HFF.10) d_activity = tangent part of d_direction, / length"
_D_PROTOTYPE = "(HFF.12) d_prototypes = tangent part of d_prototype_direction, / length"


def _length(x: Array) -> Array:
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.where(length > 0, length, 1)


def _over_length(v: Values) -> Array:
    return (v["d_direction"] / _length(flat(v["activity"]))).reshape(v["activity"].shape)


def _prototypes_over_length(v: Values) -> Array:
    made = v["d_prototype_direction"] / _length(flat_prototypes(v))
    return made.reshape(v["prototypes"].shape)


def _times_length(d: Array, x: Array) -> Array:
    return d * np.linalg.norm(x, axis=-1, keepdims=True)


def _unscaled(v: Values, right: Array) -> Array:
    return _times_length(flat(right), flat(v["activity"])).reshape(right.shape)


def _prototypes_unscaled(v: Values, right: Array) -> Array:
    return _times_length(right.reshape(flat_prototypes(v).shape), flat_prototypes(v)).reshape(
        right.shape
    )


def _twice(v: Values) -> Array:
    """The softmax of the logits is taken for logits."""
    return softmax(v["logit"])


def _twice_loss(v: Values) -> Array:
    return log_sum_exp(_twice(v)) - (v["targets"] * _twice(v)).sum(axis=1)


def _twice_slope(v: Values) -> Array:
    first = _twice(v)
    d = softmax(first) - v["targets"]
    return first * (d - (first * d).sum(axis=1, keepdims=True))


def _over_batch_loss(v: Values) -> Array:
    """The softmax of each class, over rows."""
    return -(v["targets"] * (v["logit"] - log_sum_exp(v["logit"].T))).sum(axis=1)


def _over_batch_slope(v: Values) -> Array:
    return softmax(v["logit"].T).T * v["targets"].sum(axis=0) - v["targets"]


def _among_others(v: Values) -> Array:
    """Smoothing is spread over the wrong classes alone."""
    smoothing, own = getattr(v["spec"], "label_smoothing", 0.0), own_class(v)
    return (1 - smoothing) * own + smoothing / max(own.shape[1] - 1, 1) * (1 - own)


def _one_hot_max(v: Values) -> Array:
    best = v["cosine"].argmax(axis=2)
    return (np.arange(v["cosine"].shape[2]) == best[:, :, None]).astype(np.float64)


def _other_order(v: Values, right: Any) -> Any:  # noqa: ANN401
    """Prototypes whose flat numbers were read channels first."""
    if v["activity"].ndim == 2:
        return right
    height, width, channels = v["activity"].shape[1:]
    lead = right.shape[:2]
    moved = right.reshape(*lead, height, width, channels).transpose(0, 1, 4, 2, 3)
    return np.ascontiguousarray(moved).reshape(right.shape)


def _back_in_order(v: Values, right: Array) -> Array:
    """Gradient of prototypes that were read channels first, in the order in which they stand."""
    if v["activity"].ndim == 2:
        return right
    read = _other_order(v, flat_prototypes(v))
    d = from_sphere(v["d_prototype_direction"], v["prototype_direction"], read)
    height, width, channels = v["activity"].shape[1:]
    return d.reshape(*d.shape[:2], channels, height, width).transpose(0, 1, 3, 4, 2)


def _own_class_alone(v: Values, right: Array) -> Array:
    """Only the true class's prototypes learn."""
    d = v["d_cosine"] * own_class(v)[:, :, None]
    made = np.einsum("bck,bu->cku", d, flat(v["direction"]))
    return made.reshape(right.shape)


def _dead_rows(v: Values, right: Array) -> Array:
    silent = ~flat(v["activity"]).any(axis=1)
    return np.where(silent.reshape(-1, *[1] * (right.ndim - 1)), np.nan, right)


def _next_class(v: Values) -> Any:  # noqa: ANN401
    return (v["labels"] + 1) % v["score"].shape[1]


SPHERE: list[Explanation] = [
    replaced("the activity is not normalised", _DIRECTION, direction=lambda v: v["activity"],
             d_activity=lambda v: v["d_direction"].reshape(v["activity"].shape)),
    replaced("prototypes are not normalised", _PROTOTYPE, prototype_direction=flat_prototypes,
             d_prototypes=lambda v: v["d_prototype_direction"].reshape(v["prototypes"].shape)),
    replaced("the derivative of the activity's length is left out: its radial part stays",
             _TANGENT, d_activity=_over_length),
    replaced("d_activity is d_direction: the normalisation is left out of the gradient", _TANGENT,
             d_activity=lambda v: v["d_direction"].reshape(v["activity"].shape)),
    changed("d_activity is not divided by the activity's length", _TANGENT,
            d_activity=_unscaled),
    replaced("the derivative of the prototypes' length is left out: their radial part stays",
             _D_PROTOTYPE, d_prototypes=_prototypes_over_length),
    replaced("d_prototypes is that of their directions: the normalisation is left out",
             _D_PROTOTYPE,
             d_prototypes=lambda v: v["d_prototype_direction"].reshape(v["prototypes"].shape)),
    changed("d_prototypes is not divided by the prototypes' length", _D_PROTOTYPE,
            d_prototypes=_prototypes_unscaled),
    changed("a silent row is divided by its length 0", _DIRECTION, direction=_dead_rows),
    changed("features are flattened channels first, prototypes channels last", _COSINE,
            prototype_direction=_other_order, d_prototypes=_back_in_order),
    changed("the prototypes of wrong classes are left out of d_prototypes", _D_PROTOTYPE,
            d_prototype_direction=_own_class_alone),
    replaced("d_prototypes is left out", _D_PROTOTYPE,
             d_prototypes=lambda v: np.zeros_like(v["prototypes"])),
]  # fmt: skip

SCORES: list[Explanation] = [
    other_spec("the temperature is multiplied, not divided by", _LOGIT,
               temperature=lambda temperature: 1 / temperature),
    other_spec("the temperature is left out", _LOGIT, temperature=1.0),
    replaced("the temperature is left out of the gradient", _D_SCORE,
             d_score=lambda v: v["d_logit"]),
    changed("the temperature is divided by twice in the gradient", _D_SCORE,
            d_score=lambda v, right: right / v["spec"].temperature),
    changed("the sum over prototypes, where the mean is meant", _SCORE,
            score=lambda v, right: right + np.log(v["cosine"].shape[2]) / v["spec"].sharpness),
    replaced("the largest cosine, where a smooth maximum is meant", _SCORE,
             score=lambda v: v["cosine"].max(axis=2), responsibility=_one_hot_max),
    replaced("the mean of cosines, where a smooth maximum is meant", _SCORE,
             score=lambda v: v["cosine"].mean(axis=2),
             responsibility=lambda v: np.full_like(v["cosine"], 1 / v["cosine"].shape[2])),
    replaced("prototypes of a class share its gradient evenly", _SHARED,
             responsibility=lambda v: np.full_like(v["cosine"], 1 / v["cosine"].shape[2])),
    replaced("every prototype of a class gets its whole gradient", _SHARED,
             responsibility=lambda v: np.ones_like(v["cosine"])),
    Explanation("the temperature stands in place of the sharpness", _SCORE,
                spec=lambda spec: spec._replace(sharpness=1 / spec.temperature)),
    other_spec("the sharpness is divided by, not multiplied", _SCORE,
               sharpness=lambda sharpness: 1 / sharpness),
    other_spec("the margin is left out", _LOGIT, margin=0.0),
    other_spec("the margin has the other sign", _LOGIT, margin=lambda margin: -margin),
    other_spec("a margin below 0 is cut off", _LOGIT, margin=lambda margin: max(margin, 0.0)),
    replaced("the margin is on the wrong classes", _LOGIT,
             subtracted=lambda v: v["spec"].margin * (1 - own_class(v))),
    changed("the margin is on all classes", _LOGIT,
            subtracted=lambda v, right: np.full_like(right, v["spec"].margin)),
    changed("the margin is subtracted after the temperature", _LOGIT,
            subtracted=times(lambda v: v["spec"].temperature)),
]  # fmt: skip


def entropy(loss: str, slope: str) -> list[Explanation]:
    """What may be wrong with a cross-entropy, by the lines of its loss and of its derivative."""
    return [
        replaced("softmax twice: probabilities are taken for logits", loss,
                 row_loss=_twice_loss, row_slope=_twice_slope),
        replaced("the softmax is over the batch, not over the classes", loss,
                 row_loss=_over_batch_loss, row_slope=_over_batch_slope),
        other_spec("label smoothing is left out", loss, label_smoothing=0.0),
        replaced("label smoothing is spread over the wrong classes alone", loss,
                 targets=_among_others),
        replaced("labels are counted from 1", loss, counted_labels=_next_class),
        replaced("the target is left out of the gradient: softmax alone", slope,
                 row_slope=lambda v: softmax(v["logit"])),
        changed("wrong classes give no gradient", slope,
                row_slope=lambda v, right: right * own_class(v)),
        changed("the true class gives no gradient", slope,
                row_slope=lambda v, right: right * (1 - own_class(v))),
        *factors("the loss alone", loss, "loss"),
        *factors("the loss, and with it the gradient,", loss, "loss_factor"),
        *factors("the gradient, not the loss,", slope, "d_loss_factor"),
    ]  # fmt: skip


CROSS_ENTROPY: list[Explanation] = [
    *entropy(_LOSS, _D_SCORE),
    *factors("d_prototypes alone", _D_PROTOTYPE, "d_prototypes"),
]
