"""The chains of `ff` and `recurrent`: goodness, logistic loss, peers."""

from typing import Any

import numpy as np

from ffref.formulas import sigmoid, softplus
from ffref.oracle.diagnosis.layer_steps import (
    BEFORE,
    BEHIND,
    Step,
    by_rows,
    gated,
    relu_gate,
    units_of,
)
from ffref.oracle.families.layer import Values, encoded, flat, normalize
from ffref.oracle.specs import threshold_of
from ffref.types import Array


def _shown_labels(v: Values) -> Any:  # noqa: ANN401
    """Of positives and of negatives."""
    return None if v["spec"].label is None else (v["labels"], v["negative_labels"])


def _input(v: Values) -> Array:
    if v["shown_labels"] is None:
        return v["x"]
    true, wrong = v["shown_labels"]
    return encoded({**v, "labels": true, "negative_labels": wrong}, v["spec"].label)


def _share(v: Values) -> Array:
    """Of each row in the loss."""
    side = v["side"]
    if getattr(v["spec"], "reduction", "rows") == "rows":
        return np.full(len(side), 1 / len(side))
    return np.where(side > 0, 1 / max((side > 0).sum(), 1), 1 / max((side < 0).sum(), 1))


def _batch_mean(v: Values) -> Any:  # noqa: ANN401
    """Of each unit's activity over positive rows; the old mean if there are none."""
    if v["spec"].peer is None:
        return 0.0
    positive = v["side"] > 0
    return v["activity"][positive].mean(axis=0) if positive.any() else v["running_mean"]


def _moved(v: Values) -> Any:  # noqa: ANN401
    peer = v["spec"].peer
    if peer is None:
        return 0.0
    return peer.momentum * v["running_mean"] + (1 - peer.momentum) * v["batch_mean"]


def _positive_share(v: Values) -> Array:
    positive = v["side"] > 0
    return positive[:, None] / max(positive.sum(), 1)


def _deviation(v: Values) -> Any:  # noqa: ANN401
    return v["peer_mean"] - np.mean(v["peer_mean"])


def _peer_loss(v: Values) -> float:
    peer = v["spec"].peer
    if peer is None or peer.form != "loss":
        return 0.0
    return peer.strength * float((v["deviation"] ** 2).mean())


def _peer_pull(v: Values) -> Any:  # noqa: ANN401
    peer = v["spec"].peer
    if peer is None or peer.form != "loss":
        return 0.0
    units = units_of(v)
    return 2 * peer.strength * (1 - peer.momentum) / units * v["deviation"] * v["positive_share"]


def _peer_push(v: Values) -> Any:  # noqa: ANN401
    peer = v["spec"].peer
    if peer is None or peer.form != "rule":
        return 0.0
    return peer.strength * v["deviation"] * v["positive_share"]


def sign_of(v: Values) -> int:
    """-1 where positive rows are to have a low goodness."""
    return getattr(v["spec"], "sign", 1)


def slope_of(v: Values, of: str) -> Array:
    """Derivative of the goodness, with its sign, in what it is made `of`."""
    mean = v["spec"].goodness == "mean"
    return sign_of(v) * 2 * v[of] / (flat(v[of]).shape[1] if mean else 1)


def goodness_of(v: Values, of: str) -> Array:
    """Sum or mean of the squares of a row."""
    squares = flat(v[of]) ** 2
    return squares.mean(axis=1) if v["spec"].goodness == "mean" else squares.sum(axis=1)


def read_out(of: str) -> dict[str, Step]:
    """From what goodness is taken of to the logit."""
    return {
        "side": lambda v: v["polarity"],
        "goodness": lambda v: goodness_of(v, of),
        "threshold": lambda v: threshold_of(v["spec"], flat(v[of]).shape[1]),
        "logit": lambda v: sign_of(v) * (v["goodness"] - v["threshold"]),
    }


def rows_loss(of: str, added: Step) -> dict[str, Step]:
    """Logistic loss of rows and its derivative; `added` to the loss, the peers'."""
    return {
        "share": _share,
        "row_loss": lambda v: softplus(-v["side"] * v["logit"]),
        "loss_factor": lambda v: 1.0,
        "loss": lambda v: v["loss_factor"] * ((v["share"] * v["row_loss"]).sum() + added(v)),
        "d_loss_factor": lambda v: v["loss_factor"],
        "row_slope": lambda v: -v["side"] * sigmoid(-v["side"] * v["logit"]),
        "d_logit": lambda v: v["d_loss_factor"] * v["share"] * v["row_slope"],
        "slope": lambda v: slope_of(v, of),
    }


FF: dict[str, Step] = {
    "shown_labels": _shown_labels,
    "x": _input,
    **BEFORE,
    **read_out("activity"),
    "batch_mean": _batch_mean,
    "new_running_mean": _moved,
    "peer_mean": lambda v: v["new_running_mean"],
    "deviation": _deviation,
    "positive_share": _positive_share,
    "peer_loss": _peer_loss,
    **rows_loss("activity", lambda v: v["peer_loss"]),
    "peer_pull": _peer_pull,
    "peer_push": _peer_push,
    "d_activity": lambda v: (
        by_rows(v["d_logit"], v["slope"]) * v["slope"] + v["d_loss_factor"] * v["peer_pull"]
    ),
    "d_preactivation": lambda v: (
        gated(v["d_activity"], v["gate"]) + v["d_loss_factor"] * v["peer_push"]
    ),
    **BEHIND,
}

RECURRENT: dict[str, Step] = {
    "normalized_below": lambda v: normalize(v["below"], v["spec"].norm),
    "normalized_above": lambda v: normalize(v["above"], v["spec"].norm),
    "drive_below": lambda v: v["normalized_below"] @ v["weight"],
    "drive_above": lambda v: v["normalized_above"] @ v["top_down"],
    "preactivation": lambda v: v["drive_below"] + v["drive_above"] + v["bias"],
    "activity": lambda v: np.maximum(v["preactivation"], 0),
    "kept": lambda v: v["spec"].damping,
    "state": lambda v: v["kept"] * v["old"] + (1 - v["kept"]) * v["activity"],
    "gate": relu_gate,
    "scored": lambda v: v["state"],
    **read_out("scored"),
    **rows_loss("scored", lambda v: 0.0),
    "d_state": lambda v: v["d_logit"][:, None] * v["slope"],
    "passed": lambda v: 1 - v["kept"],
    "d_preactivation": lambda v: gated(v["passed"] * v["d_state"], v["gate"]),
    "seen": lambda v: v["normalized_below"],
    "d_weight": lambda v: v["seen"].T @ v["d_preactivation"],
    "d_top_down": lambda v: v["normalized_above"].T @ v["d_preactivation"],
    "d_bias": lambda v: v["d_preactivation"].sum(axis=0),
}
