"""Explanations that concern tuples, similarities and centroids: of `faust`."""

from typing import Any

import numpy as np

from ffref.formulas import log_sum_exp, softmax
from ffref.formulas.similarity import SIMILARITIES
from ffref.oracle.diagnosis.explanation import (
    Explanation,
    changed,
    factors,
    other_spec,
    replaced,
)
from ffref.oracle.diagnosis.faust_steps import alike, among, learned
from ffref.oracle.diagnosis.layer_steps import overflowing, rows_of
from ffref.oracle.families.layer import Values, flat
from ffref.types import Array

_DIRECTION = "(FAUST.1) direction = normalised activity"
_LOGIT = "(FAUST.2) logit = scale (similarity to a member - that to the positive)"
_LOSS = "(FAUST.3) loss = mean over anchors of log sum exp(logit)"
_GRADIENT = "(FAUST.4) d_similarity = scale softmax(logit) / anchors; the positive: minus the rest"
_MEMBERS = "(FAUST.5) anchors and members of the tuples"
_BOTH = "(FAUST.6) d_direction = as an anchor + as a member of others' tuples"
_TANGENT = "(FAUST.7) d_activity = d_direction, pulled back through the normalisation"
_CENTROID = "(FAUST.8) centroid = mean of the normalised rows of its class"
_SCORE = "(FAUST.9) class score = similarity to the centroid"
_DISTANCE = "(SIM.5) similarity = -|a - b|^2"
_FACTOR = "(SIM.9) d_factor = a.T @ d_projected_a + b.T @ d_projected_b"
_METRIC = "(SIM.7) similarity = -|(a - b) factor|^2"


def _everywhere(v: Values) -> Array:
    """-1 is an index too: the last row."""
    return np.ones(v["tuples"].shape, np.bool_)


def _wherever_positive(v: Values) -> Array:
    return np.broadcast_to(v["tuples"][:, :1] >= 0, v["tuples"].shape)


def _negatives(v: Values) -> Array:
    """Logits without that of the positive."""
    logit = among(v, v["logit"])
    logit[:, 0] = np.where(v["there"][:, 1:].any(axis=1), -np.inf, 0)
    return logit


def _negatives_alone(v: Values, right: Array) -> Array:
    return np.where(v["there"][:, 0], log_sum_exp(_negatives(v)), 0)


def _negatives_slope(v: Values, right: Array) -> Array:
    d = np.where(v["there"], softmax(_negatives(v)), 0)
    d[:, 0] = -d[:, 1:].sum(axis=1)
    return d


def _members_of(column: slice) -> Any:  # noqa: ANN401
    """Change after which some members' rows do not learn as members."""

    def change(v: Values, right: Array) -> Array:
        kept = np.zeros_like(v["d_similarity"])
        kept[:, column] = v["d_similarity"][:, column]
        out = np.zeros_like(v["d_pairs"])
        rows = np.broadcast_to(np.arange(len(out))[:, None], v["members"].shape)
        np.add.at(out, (rows, v["members"]), np.where(v["there"], kept, 0))
        at = flat(v["direction"])
        return right - SIMILARITIES[v["spec"].similarity].vjp(out, at, at, learned(v))[1]

    return change


def _is_distance(v: Values) -> bool:
    return v["spec"].similarity in ("euclidean", "mahalanobis")


def _overflow(v: Values, right: Array, value: float) -> Array:
    """A sum of exponentials of the logits themselves."""
    return overflowing(v, v["logit"].max(axis=1), right, value)


def _overflow_rows(v: Values, right: Array) -> Array:
    return np.where(np.isnan(_overflow(v, 0 * v["row_loss"], np.nan))[:, None], np.nan, right)


def _not_squared(v: Values, right: Array) -> Array:
    return -np.sqrt(-right) if _is_distance(v) else right


def _not_squared_slope(v: Values, right: Array) -> Array:
    """-root of D in D: 1 / (2 root), at D 0 nothing."""
    if not _is_distance(v):
        return right
    root = np.sqrt(-alike(v, v["direction"]))
    return np.where(root > 0, right / (2 * np.where(root > 0, root, 1)), 0)


def _over_length(v: Values, right: Array) -> Array:
    """d_direction over the length, its radial part still in it."""
    rows = flat(v["activity"])
    if v["activity_norm"] == "none":
        return right
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    if v["activity_norm"] == "rms":
        size = size / np.sqrt(rows.shape[1])
    made = np.where(size > 0, v["d_direction"] / np.where(size > 0, size, 1), 0)
    return made.reshape(right.shape)


def _dead_rows(v: Values, right: Array) -> Array:
    silent = ~flat(v["activity"]).any(axis=1) & (v["activity_norm"] != "none")
    return np.where(silent.reshape(-1, *[1] * (right.ndim - 1)), np.nan, right)


def _raw_centroid(v: Values, right: Array) -> Array:
    own = v["counted_labels"] == np.arange(len(right))[:, None]
    share = own / np.maximum(own.sum(axis=1, keepdims=True), 1)
    return (share @ flat(v["activity"])).reshape(right.shape)


def _summed_centroid(v: Values, right: Array) -> Array:
    counts = (v["counted_labels"] == np.arange(len(right))[:, None]).sum(axis=1)
    return right * counts.reshape(-1, *[1] * (right.ndim - 1))


def _unit_centroid(v: Values, right: Array) -> Array:
    length = np.linalg.norm(flat(right), axis=1)
    return right / np.where(length > 0, length, 1).reshape(-1, *[1] * (right.ndim - 1))


def _anchor_factor(v: Values, right: Array) -> Array:
    """Differences are of detached members."""
    if not right.size:
        return right
    rows, projected = flat(v["direction"]), flat(v["direction"]) @ v["used_factor"]
    d = v["d_pairs"]
    seen = 2 * (d @ projected - projected * d.sum(axis=1)[:, None])
    return rows.T @ seen


TUPLES: list[Explanation] = [
    replaced("-1, where there is no member, is read as the last row", _MEMBERS, there=_everywhere),
    changed("members that are not there count, with a similarity of 0", _MEMBERS,
            there=lambda v, right: _wherever_positive(v),
            similarity=lambda v, right: np.where(v["tuples"] >= 0, right, 0)),
    replaced("the mean is over all rows, not over anchors", _LOSS,
             share=lambda v: v["there"][:, 0] / rows_of(v)),
    replaced("rows learn as anchors alone", _BOTH, as_member=lambda v: 0 * v["as_anchor"]),
    replaced("rows learn as members alone", _BOTH, as_anchor=lambda v: 0 * v["pulled_back"][0]),
    changed("positives do not learn as members", _BOTH, as_member=_members_of(slice(0, 1))),
    changed("negatives do not learn as members", _BOTH, as_member=_members_of(slice(1, None))),
    changed("the positive is left out of the sum: negatives alone", _LOSS,
            row_loss=_negatives_alone, row_slope=_negatives_slope),
    changed("positive and negatives are exchanged: the similarity has the other sign", _LOGIT,
            similarity=lambda v, right: -right, d_similarity=lambda v, right: -right),
    changed("exp overflows in the sum over members", _LOSS,
            row_loss=lambda v, right: _overflow(v, right, np.inf),
            row_slope=_overflow_rows),
    *factors("the loss alone", _LOSS, "loss"),
    *factors("the loss, and with it the gradient,", _LOSS, "loss_factor"),
    *factors("the gradient, not the loss,", _GRADIENT, "d_loss_factor"),
]  # fmt: skip

SIMILAR: list[Explanation] = [
    replaced("the activity is not normalised", _DIRECTION, activity_norm=lambda v: "none"),
    other_spec("the activity is divided by its length, where another norm is meant", _DIRECTION,
               activity_norm="l2"),
    other_spec("the activity is divided by its root mean square, where another norm is meant",
               _DIRECTION, activity_norm="rms"),
    *(other_spec(f"the similarity is {text}", _LOGIT, similarity=kind) for kind, text in (
        ("cosine", "the cosine"), ("dot", "the dot product"),
        ("euclidean", "minus the squared distance"))),
    changed("the distance is not squared", _DISTANCE, similarity=_not_squared,
            d_pairs=_not_squared_slope, class_score=_not_squared),
    other_spec("the scale is left out", _LOGIT, scale=1.0),
    other_spec("the scale is divided by: a temperature", _LOGIT, scale=lambda scale: 1 / scale),
    replaced("the scale is left out of the gradient", _GRADIENT, outer_scale=lambda v: 1.0),
    changed("the derivative of the activity's length is left out: its radial part stays",
            _TANGENT, d_activity=_over_length),
    replaced("d_activity is d_direction: the normalisation is left out of the gradient", _TANGENT,
             d_activity=lambda v: v["d_direction"].reshape(v["activity"].shape)),
    changed("a silent row is divided by its length 0", _DIRECTION, direction=_dead_rows),
    changed("the centroid is of the activity, not normalised", _CENTROID, centroid=_raw_centroid),
    changed("the centroid is a sum, not a mean", _CENTROID, centroid=_summed_centroid),
    changed("the centroid is divided by its length", _CENTROID, centroid=_unit_centroid),
    replaced("the class score is the dot product with the centroid", _SCORE,
             class_score=lambda v: flat(v["direction"]) @ flat(v["centroid"]).T),
    changed("the factor learns from anchors alone", _FACTOR, d_factor=_anchor_factor),
    changed("the factor's numbers are read in the other order, (rank, units) for (units, rank)",
            _METRIC, used_factor=lambda v, right: right.T.reshape(right.shape)),
    *factors("d_factor alone", _FACTOR, "d_factor"),
]  # fmt: skip
