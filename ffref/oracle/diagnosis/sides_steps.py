"""The chains of `layer-collaboration` and `scff`: goodness against thresholds."""

from typing import Any

import numpy as np

from ffref.formulas import sigmoid, softplus
from ffref.oracle.diagnosis.ff_steps import goodness_of, read_out, rows_loss, sign_of, slope_of
from ffref.oracle.diagnosis.layer_steps import BEFORE, BEHIND, Step, by_rows, gated
from ffref.oracle.families.layer import Values
from ffref.types import Array

_BACK: dict[str, Step] = {
    "d_activity": lambda v: by_rows(v["d_logit"], v["slope"]) * v["slope"],
    "d_preactivation": lambda v: gated(v["d_activity"], v["gate"]),
    **BEHIND,
}

COLLABORATION: dict[str, Step] = {
    **BEFORE,
    "carried": lambda v: v["carried_goodness"],
    **read_out("activity"),
    "logit": lambda v: sign_of(v) * (v["goodness"] + v["carried"] - v["threshold"]),
    "next_carried_goodness": lambda v: v["carried_goodness"] + v["goodness"],
    **rows_loss("activity", lambda v: 0.0),
    **_BACK,
}


def _share(v: Values) -> Array:
    """One over the rows of each side."""
    side = v["side"]
    return np.where(side > 0, 1 / max((side > 0).sum(), 1), 1 / max((side < 0).sum(), 1))


def _row_loss(v: Values) -> Any:  # noqa: ANN401
    g = v["goodness"]
    positive = softplus(v["positive_threshold"] - g) + v["price"]
    return np.where(v["side"] > 0, positive, softplus(g - v["negative_threshold"]))


def _row_slope(v: Values) -> Any:  # noqa: ANN401
    g = v["goodness"]
    positive = v["price_slope"] - sigmoid(v["positive_threshold"] - g)
    return np.where(v["side"] > 0, positive, sigmoid(g - v["negative_threshold"]))


SCFF: dict[str, Step] = {
    **BEFORE,
    "side": lambda v: v["polarity"],
    "goodness": lambda v: goodness_of(v, "activity"),
    "positive_threshold": lambda v: v["spec"].positive_threshold,
    "negative_threshold": lambda v: v["spec"].negative_threshold,
    "price": lambda v: v["spec"].penalty * v["goodness"],
    "price_slope": lambda v: v["spec"].penalty,
    "share": _share,
    "row_loss": _row_loss,
    "loss_factor": lambda v: 1.0,
    "loss": lambda v: v["loss_factor"] * (v["share"] * v["row_loss"]).sum(),
    "d_loss_factor": lambda v: v["loss_factor"],
    "row_slope": _row_slope,
    "d_logit": lambda v: v["d_loss_factor"] * v["share"] * v["row_slope"],
    "d_goodness": lambda v: v["d_logit"],
    "slope": lambda v: slope_of(v, "activity"),
    **_BACK,
}
