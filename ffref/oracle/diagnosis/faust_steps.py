"""The chain of `faust`: similarities of anchors and members, the tuplet loss."""

import numpy as np

from ffref.formulas import log_sum_exp, softmax
from ffref.formulas.norms import NORMS
from ffref.formulas.similarity import SIMILARITIES
from ffref.oracle.diagnosis.layer_steps import BEFORE, BEHIND, Step, gated
from ffref.oracle.families.layer import Values, flat
from ffref.types import Array, Params


def learned(v: Values) -> Params:
    """Of the similarity."""
    return (v["used_factor"],) if v["spec"].similarity == "mahalanobis" else ()


def alike(v: Values, others: Array) -> Array:
    """Similarity of every row's direction to those of `others`."""
    similarity = SIMILARITIES[v["spec"].similarity]
    return similarity.value(flat(v["direction"]), flat(others), learned(v))


def _centroid(v: Values) -> Array:
    own = v["counted_labels"] == np.arange(v["labels"].max() + 1)[:, None]
    share = own / np.maximum(own.sum(axis=1, keepdims=True), 1)
    return (share @ flat(v["direction"])).reshape(-1, *v["direction"].shape[1:])


def _picked(v: Values) -> Array:
    rows = np.arange(len(v["members"]))[:, None]
    return np.where(v["there"], alike(v, v["direction"])[rows, v["members"]], 0)


def _logit(v: Values) -> Array:
    scale = v["spec"].scale
    return np.where(v["there"], scale * (v["similarity"] - v["similarity"][:, :1]), 0)


def among(v: Values, logit: Array) -> Array:
    """Logits of members that are there, -inf elsewhere; of rows that are no anchor, 0."""
    open_to = v["there"] | ~v["there"][:, :1]
    return np.where(open_to, logit, -np.inf)


def _row_slope(v: Values) -> Array:
    d = np.where(v["there"], softmax(among(v, v["logit"])), 0)
    d[:, 0] = -d[:, 1:].sum(axis=1)
    return d


def _d_pairs(v: Values) -> Array:
    """(batch, batch), added up where a pair is asked for twice."""
    out = np.zeros((len(v["members"]), len(v["members"])))
    rows = np.broadcast_to(np.arange(len(out))[:, None], v["members"].shape)
    np.add.at(out, (rows, v["members"]), np.where(v["there"], v["d_similarity"], 0))
    return out


def _pull_back(v: Values) -> tuple[Array, Array, Params]:
    rows = flat(v["direction"])
    return SIMILARITIES[v["spec"].similarity].vjp(v["d_pairs"], rows, rows, learned(v))


def _d_activity(v: Values) -> Array:
    d = NORMS[v["activity_norm"]].vjp(v["d_direction"], flat(v["activity"]))
    return d.reshape(v["activity"].shape)


def _d_factor(v: Values) -> Array:
    made = v["pulled_back"][2]
    return made[0] if made else np.zeros((0, 0))


FAUST: dict[str, Step] = {
    **BEFORE,
    "activity_norm": lambda v: v["spec"].activity_norm,
    "direction": lambda v: NORMS[v["activity_norm"]].value(flat(v["activity"])).reshape(
        v["activity"].shape
    ),
    "used_factor": lambda v: v.get("factor", np.zeros((0, 0))),
    "counted_labels": lambda v: v["labels"],
    "centroid": _centroid,
    "class_score": lambda v: alike(v, v["centroid"]),
    "members": lambda v: v["tuples"],
    "there": lambda v: (v["tuples"] >= 0) & (v["tuples"][:, :1] >= 0),
    "similarity": _picked,
    "logit": _logit,
    "share": lambda v: v["there"][:, 0] / max(v["there"][:, 0].sum(), 1),
    "row_loss": lambda v: np.where(v["there"][:, 0], log_sum_exp(among(v, v["logit"])), 0),
    "loss_factor": lambda v: 1.0,
    "loss": lambda v: v["loss_factor"] * (v["share"] * v["row_loss"]).sum(),
    "d_loss_factor": lambda v: v["loss_factor"],
    "outer_scale": lambda v: v["spec"].scale,
    "row_slope": _row_slope,
    "d_similarity": lambda v: (
        v["d_loss_factor"] * v["outer_scale"] * v["share"][:, None] * v["row_slope"]
    ),
    "d_pairs": _d_pairs,
    "pulled_back": _pull_back,
    "as_anchor": lambda v: v["pulled_back"][0],
    "as_member": lambda v: v["pulled_back"][1],
    "d_direction": lambda v: v["as_anchor"] + v["as_member"],
    "d_activity": _d_activity,
    "d_preactivation": lambda v: gated(v["d_activity"], v["gate"]),
    **BEHIND,
    "d_factor": _d_factor,
}  # fmt: skip
