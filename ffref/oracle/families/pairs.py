"""The families `symba` and `cumulative`: losses of the margin of pairs, by the library."""

from typing import Any

import numpy as np

from ffref.formulas import GOODNESS, sigmoid, softplus
from ffref.formulas.free_riding import PairWeights, cumulative_margin, remedy_weights
from ffref.formulas.pairs import pair_margin, pair_rows
from ffref.objectives.cumulative import cumulative
from ffref.objectives.symba import symba
from ffref.oracle.families.frame import Head, framed
from ffref.oracle.families.layer import ROWS, Axes, Values
from ffref.oracle.specs import CumulativeSpec, SymbaSpec
from ffref.training.step import carry
from ffref.types import Array, Evaluation, LayerContext, Objective

PAIRS = ("pairs",)


def _sides(spec: Any, axes: Axes) -> Axes:  # noqa: ANN401
    return {"polarity": ROWS, "partner": ROWS}


def _sides_and_carried(spec: CumulativeSpec, axes: Axes) -> Axes:
    return {"polarity": ROWS, "partner": ROWS, "carried_margin": ROWS}


def _symba_quantities(spec: SymbaSpec, axes: Axes) -> Axes:
    return {"goodness": ROWS, "margin": PAIRS, "loss": (), "d_margin": PAIRS}


def _cumulative_quantities(spec: CumulativeSpec, axes: Axes) -> Axes:
    return {
        "goodness": ROWS,
        "margin": PAIRS,
        "carried_share": PAIRS,
        "cumulative_margin": PAIRS,
        "own_share": PAIRS,
        "next_carried_margin": ROWS,
        "loss": (),
        "d_margin": PAIRS,
    }


def _symba(spec: SymbaSpec, inputs: Values, activity: Array) -> Objective:
    return symba(steepness=spec.steepness, goodness=GOODNESS[spec.goodness])


def _cumulative(spec: CumulativeSpec, inputs: Values, activity: Array) -> Objective:
    return cumulative(
        depth=spec.depth,
        layers=spec.layers,
        remedy=spec.remedy,
        steepness=spec.steepness,
        carried_weight=spec.carried_weight,
        goodness=GOODNESS[spec.goodness],
    )


def _context(inputs: Values) -> LayerContext:
    polarity = inputs["polarity"]
    zeros = np.zeros_like(polarity)
    carried = inputs.get("carried_margin", zeros)
    labels = np.zeros(len(polarity), np.int64)
    return LayerContext(labels, polarity, inputs["partner"], zeros, carried)


def _read_symba(spec: SymbaSpec, inputs: Values, activity: Array, found: Evaluation) -> Values:
    margin = pair_margin(found.goodness, pair_rows(inputs["polarity"], inputs["partner"]))
    return {
        "goodness": found.goodness,
        "margin": margin,
        "d_margin": -spec.steepness * sigmoid(-spec.steepness * margin) / len(margin),
    }


def _read_cumulative(
    spec: CumulativeSpec, inputs: Values, activity: Array, found: Evaluation
) -> Values:
    pairs = pair_rows(inputs["polarity"], inputs["partner"])
    margin = pair_margin(found.goodness, pairs)
    carried, beta = inputs["carried_margin"][pairs.positive], spec.steepness
    shares = remedy_weights(
        margin, carried, remedy=spec.remedy, depth=spec.depth, layers=spec.layers,
        steepness=beta, carried_weight=spec.carried_weight,
    )  # fmt: skip
    shares = PairWeights(*(np.broadcast_to(s, margin.shape).astype(margin.dtype) for s in shares))
    summed = cumulative_margin(margin, carried, carried_weight=shares.carried)
    slope = beta * (sigmoid(-beta * summed) + shares.own * sigmoid(-beta * margin))
    return {
        "goodness": found.goodness,
        "margin": margin,
        "carried_share": shares.carried,
        "own_share": shares.own,
        "cumulative_margin": summed,
        "next_carried_margin": carry(_context(inputs), found.goodness).carried_margin,
        "d_margin": -slope / len(margin),
    }


def _scales(spec: SymbaSpec | CumulativeSpec, inputs: Values, values: Values) -> dict[str, float]:
    activity, pairs = values["activity"], len(values["margin"])
    largest = float(values["goodness"].max())
    carried = float(np.abs(inputs.get("carried_margin", np.zeros(1))).max())
    share = spec.steepness / pairs * (1 + float(np.max(values.get("own_share", 0.0))))
    slope = 2 * float(activity.max()) / (activity[0].size if spec.goodness == "mean" else 1)
    return {
        "goodness": largest,
        "margin": largest,
        "carried_share": 1.0,
        "own_share": _share_scale(spec, values),
        "cumulative_margin": largest + carried,
        "next_carried_margin": largest + carried,
        "d_margin": share,
        "d_activity": share * slope,
    }


def _share_scale(spec: SymbaSpec | CumulativeSpec, values: Values) -> float:
    """1, and what rounding the two logarithms does to max(0, 1 - exp(log a - log b)).

    Where their difference is above 0 by more than rounding, it does nothing to the 0.
    """
    if not (isinstance(spec, CumulativeSpec) and spec.remedy == "calibrated"):
        return 1.0
    own, whole = (softplus(spec.steepness * values[m]) for m in ("margin", "cumulative_margin"))
    return 1 + float(((own + whole) * np.exp(-np.abs(own - whole))).max())


SYMBA = framed(Head(_sides, _symba_quantities, _symba, _context, _read_symba, _scales))
CUMULATIVE = framed(
    Head(
        _sides_and_carried,
        _cumulative_quantities,
        _cumulative,
        _context,
        _read_cumulative,
        _scales,
    )
)
