"""The chain of `symba` and `cumulative`: margins of pairs, carried margins, remedies."""

from typing import Any

import numpy as np

from ffref.formulas import sigmoid, softplus
from ffref.formulas.free_riding import remedy_weights
from ffref.oracle.diagnosis.ff_steps import goodness_of, slope_of
from ffref.oracle.diagnosis.layer_steps import BEFORE, BEHIND, Step, by_rows, gated
from ffref.oracle.families.layer import Values
from ffref.types import Array, Labels


def _pairs(v: Values) -> tuple[Labels, Labels]:
    """Row numbers of positive and of negative rows."""
    positive = np.flatnonzero((v["polarity"] > 0) & (v["partner"] >= 0))
    return positive, v["partner"][positive]


def _carried(v: Values) -> Array:
    """Margin of the layers below, of each pair."""
    positive, _ = v["pairs"]
    return v["carried_margin"][positive] if "carried_margin" in v else np.zeros(len(positive))


def _shares(v: Values) -> Any:  # noqa: ANN401
    spec = v["spec"]
    if not hasattr(spec, "remedy"):
        return 0.0, 0.0
    return remedy_weights(
        v["margin"], v["carried"], remedy=spec.remedy, depth=spec.depth, layers=spec.layers,
        steepness=spec.steepness, carried_weight=spec.carried_weight,
    )  # fmt: skip


def _share(of: int) -> Step:
    return lambda v: np.broadcast_to(v["shares"][of], v["margin"].shape)


def _handed_up(v: Values) -> Any:  # noqa: ANN401
    return v["carried_margin"] + to_rows(v, v["margin"], 1) if "carried_margin" in v else 0.0


def to_rows(v: Values, per_pair: Array, negative: float) -> Array:
    """A number of each pair in its positive row, `negative` times it in the other one."""
    out = np.zeros(len(v["polarity"]))
    positive, others = v["pairs"]
    out[positive], out[others] = per_pair, negative * per_pair
    return out


def _row_loss(v: Values) -> Array:
    beta = v["steepness"]
    own = v["own_share"] * softplus(-beta * v["margin"])
    return softplus(-beta * v["cumulative_margin"]) + own


def _row_slope(v: Values) -> Array:
    beta = v["steepness"]
    own = v["own_share"] * sigmoid(-beta * v["margin"])
    return -v["outer_steepness"] * (sigmoid(-beta * v["cumulative_margin"]) + own)


PAIRS: dict[str, Step] = {
    **BEFORE,
    "goodness": lambda v: goodness_of(v, "activity"),
    "slope": lambda v: slope_of(v, "activity"),
    "pairs": _pairs,
    "margin": lambda v: v["goodness"][v["pairs"][0]] - v["goodness"][v["pairs"][1]],
    "carried": _carried,
    "steepness": lambda v: v["spec"].steepness,
    "shares": _shares,
    "carried_share": _share(0),
    "cumulative_margin": lambda v: v["margin"] + v["carried_share"] * v["carried"],
    "own_share": _share(1),
    "next_carried_margin": _handed_up,
    "share": lambda v: np.full(len(v["margin"]), 1 / len(v["margin"])),
    "row_loss": _row_loss,
    "loss_factor": lambda v: 1.0,
    "loss": lambda v: v["loss_factor"] * (v["share"] * v["row_loss"]).sum(),
    "d_loss_factor": lambda v: v["loss_factor"],
    "outer_steepness": lambda v: v["steepness"],
    "row_slope": _row_slope,
    "d_margin": lambda v: v["d_loss_factor"] * v["share"] * v["row_slope"],
    "d_goodness": lambda v: to_rows(v, v["d_margin"], -1),
    "d_activity": lambda v: by_rows(v["d_goodness"], v["slope"]) * v["slope"],
    "d_preactivation": lambda v: gated(v["d_activity"], v["gate"]),
    **BEHIND,
}
