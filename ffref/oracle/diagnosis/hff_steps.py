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


def targets_of(v: Values) -> Array:
    """What probabilities are to be."""
    smoothing = getattr(v["spec"], "label_smoothing", 0.0)
    return (1 - smoothing) * own_class(v) + smoothing / v["score"].shape[1]


def _row_loss(v: Values) -> Array:
    total = v["targets"].sum(axis=1)
    return total * log_sum_exp(v["logit"]) - (v["targets"] * v["logit"]).sum(axis=1)


def _d_prototypes(v: Values) -> Array:
    d = from_sphere(v["d_prototype_direction"], v["prototype_direction"], flat_prototypes(v))
    return d.reshape(v["prototypes"].shape)


def on_sphere(of: str) -> dict[str, Step]:
    """From what is compared with the prototypes to the derivative in it."""

    def d_of(v: Values) -> Any:  # noqa: ANN401
        d = from_sphere(v["d_direction"], flat(v["direction"]), flat(v[of]))
        return d.reshape(v[of].shape)

    return {
        "direction": lambda v: to_sphere(flat(v[of])).reshape(v[of].shape),
        "prototype_direction": lambda v: to_sphere(flat_prototypes(v)),
        "cosine": lambda v: np.einsum(
            "bu,cku->bck", flat(v["direction"]), v["prototype_direction"]
        ),
        "score": lambda v: log_mean_exp(v["cosine"], scale=v["spec"].sharpness),
        "counted_labels": lambda v: v["labels"],
        "targets": targets_of,
        "subtracted": lambda v: v["spec"].margin * own_class(v),
        "logit": lambda v: (v["score"] - v["subtracted"]) / v["spec"].temperature,
        **ENTROPY,
        "d_score": lambda v: v["d_logit"] / v["spec"].temperature,
        "responsibility": lambda v: softmax(v["spec"].sharpness * v["cosine"]),
        "d_cosine": lambda v: v["d_score"][:, :, None] * v["responsibility"],
        "d_direction": lambda v: np.einsum("bck,cku->bu", v["d_cosine"], v["prototype_direction"]),
        f"d_{of}": d_of,
    }


ENTROPY: dict[str, Step] = {
    "share": lambda v: np.full(len(v["logit"]), 1 / len(v["logit"])),
    "row_loss": _row_loss,
    "loss_factor": lambda v: 1.0,
    "loss": lambda v: v["loss_factor"] * (v["share"] * v["row_loss"]).sum(),
    "d_loss_factor": lambda v: v["loss_factor"],
    "row_slope": lambda v: softmax(v["logit"]) - v["targets"],
    "d_logit": lambda v: v["d_loss_factor"] * v["share"][:, None] * v["row_slope"],
}
"""Of `logit` and `targets`."""
PROTOTYPES: dict[str, Step] = {
    "d_prototype_direction": lambda v: np.einsum(
        "bck,bu->cku", v["d_cosine"], flat(v["direction"])
    ),
    "d_prototypes": _d_prototypes,
}
HFF: dict[str, Step] = {
    **BEFORE,
    **on_sphere("activity"),
    "d_preactivation": lambda v: gated(v["d_activity"], v["gate"]),
    **BEHIND,
    **PROTOTYPES,
}
