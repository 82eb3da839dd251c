"""The chain of `hff`: the sphere, scores of classes, cross-entropy."""

from typing import Any

import numpy as np

from ffref.formulas import log_mean_exp, log_sum_exp, softmax
from ffref.oracle.diagnosis.layer_steps import BEFORE, BEHIND, Step, gated
from ffref.oracle.families.layer import Values, flat
from ffref.types import Array


def own_class(v: Values) -> Array:
    """1 at each row's label, (batch, classes)."""
    return (np.arange(v["score"].shape[1]) == v["counted_labels"][:, None]).astype(np.float64)


def to_sphere(x: Array) -> Array:
    """Divide by the length along the last axis; zeros stay."""
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(length == 0, 1, length)


def from_sphere(d: Array, direction: Array, x: Array) -> Array:
    """Pull-back of `to_sphere`."""
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    tangent = d - direction * (d * direction).sum(axis=-1, keepdims=True)
    return np.where(length == 0, 0, tangent / np.where(length == 0, 1, length))


def flat_prototypes(v: Values) -> Array:
    """(classes, per_class, units)."""
    return v["prototypes"].reshape(*v["prototypes"].shape[:2], -1)


def _targets(v: Values) -> Array:
    smoothing = v["spec"].label_smoothing
    return (1 - smoothing) * own_class(v) + smoothing / v["score"].shape[1]


def _row_loss(v: Values) -> Array:
    total = v["targets"].sum(axis=1)
    return total * log_sum_exp(v["logit"]) - (v["targets"] * v["logit"]).sum(axis=1)


def _direction(v: Values) -> Array:
    return to_sphere(flat(v["activity"])).reshape(v["activity"].shape)


def _d_activity(v: Values) -> Any:  # noqa: ANN401
    d = from_sphere(v["d_direction"], flat(v["direction"]), flat(v["activity"]))
    return d.reshape(v["activity"].shape)


def _d_prototypes(v: Values) -> Array:
    d = from_sphere(v["d_prototype_direction"], v["prototype_direction"], flat_prototypes(v))
    return d.reshape(v["prototypes"].shape)


HFF: dict[str, Step] = {
    **BEFORE,
    "direction": _direction,
    "prototype_direction": lambda v: to_sphere(flat_prototypes(v)),
    "cosine": lambda v: np.einsum("bu,cku->bck", flat(v["direction"]), v["prototype_direction"]),
    "score": lambda v: log_mean_exp(v["cosine"], scale=v["spec"].sharpness),
    "counted_labels": lambda v: v["labels"],
    "targets": _targets,
    "subtracted": lambda v: v["spec"].margin * own_class(v),
    "logit": lambda v: (v["score"] - v["subtracted"]) / v["spec"].temperature,
    "share": lambda v: np.full(len(v["logit"]), 1 / len(v["logit"])),
    "row_loss": _row_loss,
    "scale": lambda v: 1.0,
    "loss": lambda v: v["scale"] * (v["share"] * v["row_loss"]).sum(),
    "d_scale": lambda v: v["scale"],
    "row_slope": lambda v: softmax(v["logit"]) - v["targets"],
    "d_logit": lambda v: v["d_scale"] * v["share"][:, None] * v["row_slope"],
    "d_score": lambda v: v["d_logit"] / v["spec"].temperature,
    "responsibility": lambda v: softmax(v["spec"].sharpness * v["cosine"]),
    "d_cosine": lambda v: v["d_score"][:, :, None] * v["responsibility"],
    "d_direction": lambda v: np.einsum("bck,cku->bu", v["d_cosine"], v["prototype_direction"]),
    "d_activity": _d_activity,
    "d_preactivation": lambda v: gated(v["d_activity"], v["gate"]),
    **BEHIND,
    "d_prototype_direction": lambda v: np.einsum(
        "bck,bu->cku", v["d_cosine"], flat(v["direction"])
    ),
    "d_prototypes": _d_prototypes,
}
