"""The chains of `mono-forward`, `cwc`, `deeper-forward` and `distance-forward`."""

from typing import Any

import numpy as np

from ffref.formulas import sigmoid, softmax, softplus
from ffref.oracle.diagnosis.hff_steps import ENTROPY, from_sphere, own_class, targets_of, to_sphere
from ffref.oracle.diagnosis.layer_steps import BEFORE, BEHIND, Step, gated
from ffref.oracle.families.layer import Values, flat
from ffref.types import Array


def _shaped(step: Step, like: str) -> Step:
    return lambda v: step(v).reshape(v[like].shape)


def _framed(head: dict[str, Step], learned: dict[str, Step]) -> dict[str, Step]:
    gate: dict[str, Step] = {"d_preactivation": lambda v: gated(v["d_activity"], v["gate"])}
    return {**BEFORE, **head, **gate, **BEHIND, **learned}


_LABELS: dict[str, Step] = {"counted_labels": lambda v: v["labels"], "targets": targets_of}

MONO = _framed(
    {
        "used_projection": lambda v: v["projection"],
        "score": lambda v: flat(v["activity"]) @ flat(v["used_projection"]).T,
        **_LABELS,
        "logit": lambda v: v["score"],
        **ENTROPY,
        "d_activity": _shaped(lambda v: v["d_logit"] @ flat(v["used_projection"]), "activity"),
    },
    {"d_projection": _shaped(lambda v: v["d_logit"].T @ flat(v["activity"]), "projection")},
)


def class_of_channel(v: Values) -> Array:
    """Neighbours belong together."""
    channels, classes = v["activity"].shape[-1], v["spec"].classes
    return np.arange(channels) // (channels // classes)


def _membership(v: Values) -> Array:
    """(units, classes) 1 where a unit is of a class."""
    places = flat(v["activity"]).shape[1] // v["activity"].shape[-1]
    member = v["class_of_channel"][:, None] == np.arange(v["spec"].classes)
    return np.tile(member, (places, 1))


def _slope(v: Values) -> Array:
    y = flat(v["activity"])
    return 2 * y if v["spec"].power == 2 else np.ones_like(y)


def others_mean(v: Values) -> Array:
    """Mean goodness of the other classes."""
    others = 1 - own_class(v)
    return (v["goodness"] * others).sum(axis=1) / v["others_count"]


def _sides(v: Values) -> tuple[Array, Array]:
    """How much is lacking of the own goodness, and the surplus of the others'."""
    own = (v["goodness"] * own_class(v)).sum(axis=1)
    return v["threshold"] - own, v["others_mean"] - v["threshold"]


def _row_loss(v: Values) -> Any:  # noqa: ANN401
    if v["spec"].competition == "softmax":
        return ENTROPY["row_loss"](v)
    lacking, surplus = _sides(v)
    return (softplus(lacking) + softplus(surplus)) / 2


def _row_slope(v: Values) -> Any:  # noqa: ANN401
    if v["spec"].competition == "softmax":
        return ENTROPY["row_slope"](v)
    lacking, surplus = _sides(v)
    own = own_class(v)
    pulls = (sigmoid(surplus) / (2 * v["others_count"]))[:, None]
    return np.where(own > 0, -sigmoid(lacking)[:, None] / 2, pulls)


CWC = _framed(
    {
        "class_of_channel": class_of_channel,
        "membership": _membership,
        "group": lambda v: flat(v["activity"]).shape[1] // v["spec"].classes,
        "power": lambda v: flat(v["activity"]) ** v["spec"].power,
        "slope": _slope,
        "goodness": lambda v: v["power"] @ v["membership"] / v["group"],
        "score": lambda v: v["goodness"],
        **_LABELS,
        "logit": lambda v: v["goodness"],
        "threshold": lambda v: v["spec"].threshold,
        "others_count": lambda v: v["spec"].classes - 1,
        "others_mean": others_mean,
        **ENTROPY,
        "row_loss": _row_loss,
        "row_slope": _row_slope,
        "d_goodness": lambda v: v["d_logit"],
        "d_activity": _shaped(
            lambda v: v["slope"] * (v["d_goodness"] @ v["membership"].T) / v["group"], "activity"
        ),
    },
    {},
)


def _nearness(v: Values) -> Array:
    gaps = flat(v["direction"])[:, None] - flat(v["centroids"])[None]
    return -(gaps**2).sum(axis=2)


def _excess(v: Values) -> Array:
    own = own_class(v)
    gap = v["goodness"] - (v["goodness"] * own).sum(axis=1, keepdims=True) + v["margin"]
    return np.where(own > 0, 0, v["spec"].scale * gap)


def _class_means(v: Values) -> Array:
    own = v["counted_labels"] == np.arange(len(v["centroids"]))[:, None]
    return own @ flat(v["averaged"]) / np.maximum(own.sum(axis=1, keepdims=True), 1)


def _moved(v: Values) -> Array:
    old, keep = flat(v["centroids"]), v["kept"]
    seen = np.isin(np.arange(len(old)), v["counted_labels"])[:, None]
    moved = np.where(seen, keep * old + (1 - keep) * v["class_means"], old)
    return moved.reshape(v["centroids"].shape)


def _excess_slope(v: Values) -> Array:
    wrong = softmax(v["logit"]) * (1 - own_class(v))
    return wrong - own_class(v) * wrong.sum(axis=1, keepdims=True)


def _d_direction(v: Values) -> Array:
    gaps = flat(v["centroids"])[None] - flat(v["direction"])[:, None]
    return 2 * (v["d_goodness"][:, :, None] * gaps).sum(axis=1)


DISTANCE = _framed(
    {
        "direction": _shaped(lambda v: to_sphere(flat(v["activity"])), "activity"),
        "goodness": _nearness,
        "score": lambda v: v["goodness"],
        "counted_labels": lambda v: v["labels"],
        "targets": own_class,
        "margin": lambda v: v["spec"].margin,
        "logit": _excess,
        "averaged": lambda v: v["direction"],
        "class_means": _class_means,
        "kept": lambda v: v["spec"].decay,
        "new_centroids": _moved,
        **ENTROPY,
        "row_slope": _excess_slope,
        "outer_scale": lambda v: v["spec"].scale,
        "d_goodness": lambda v: v["outer_scale"] * v["d_logit"],
        "d_direction": _d_direction,
        "d_activity": _shaped(
            lambda v: from_sphere(v["d_direction"], flat(v["direction"]), flat(v["activity"])),
            "activity",
        ),
    },
    {},
)
