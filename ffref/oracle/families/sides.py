"""The families `layer-collaboration` and `scff`: two sides without pairs, by the library."""

import numpy as np

from ffref.formulas import GOODNESS, sigmoid
from ffref.objectives.layer_collaboration import layer_collaboration
from ffref.objectives.scff import scff
from ffref.oracle.families.frame import Head, framed
from ffref.oracle.families.layer import ROWS, Axes, Values
from ffref.oracle.specs import FFSpec, ScffSpec, threshold_of
from ffref.training.step import carry
from ffref.types import Array, Evaluation, LayerContext, Objective


def _context(inputs: Values) -> LayerContext:
    """Rows with some partner, of whom nothing but what is logged depends."""
    polarity = inputs["polarity"]
    zeros = np.zeros_like(polarity)
    carried = inputs.get("carried_goodness", zeros)
    somebody = np.zeros(len(polarity), np.int64)
    return LayerContext(somebody, polarity, somebody, carried, zeros)


def _collaboration_inputs(spec: FFSpec, axes: Axes) -> Axes:
    return {"polarity": ROWS, "carried_goodness": ROWS}


def _collaboration_quantities(spec: FFSpec, axes: Axes) -> Axes:
    return {
        "goodness": ROWS,
        "logit": ROWS,
        "next_carried_goodness": ROWS,
        "loss": (),
        "d_logit": ROWS,
    }


def _collaboration(spec: FFSpec, inputs: Values, activity: Array) -> Objective:
    if (spec.peer, spec.label, spec.sign, spec.reduction) != (None, None, 1, "rows"):
        raise ValueError(
            "layer-collaboration has no peers, labels, low goodness or reduction by sides; leave "
            "peer, label, sign and reduction of its FFSpec as they are"
        )
    threshold = threshold_of(spec, activity[0].size)
    return layer_collaboration(threshold=threshold, goodness=GOODNESS[spec.goodness])


def _read_collaboration(
    spec: FFSpec, inputs: Values, activity: Array, found: Evaluation
) -> Values:
    polarity = inputs["polarity"]
    threshold = threshold_of(spec, activity.shape[1])
    logit = found.goodness + inputs["carried_goodness"] - threshold
    return {
        "goodness": found.goodness,
        "logit": logit,
        "next_carried_goodness": carry(_context(inputs), found.goodness).carried_goodness,
        "d_logit": -polarity * sigmoid(-polarity * logit) / len(polarity),
    }


def _collaboration_scales(spec: FFSpec, inputs: Values, values: Values) -> dict[str, float]:
    activity = values["activity"]
    goodness = float(values["goodness"].max())
    carried = float(np.abs(inputs["carried_goodness"]).max())
    share = 1 / len(activity)
    return {
        "goodness": goodness,
        "logit": goodness + carried + abs(threshold_of(spec, activity[0].size)),
        "next_carried_goodness": goodness + carried,
        "d_logit": share,
        "d_activity": share * _slope(spec, activity),
    }


def _slope(spec: FFSpec | ScffSpec, activity: Array) -> float:
    return 2 * float(activity.max()) / (activity[0].size if spec.goodness == "mean" else 1)


COLLABORATION = framed(
    Head(
        _collaboration_inputs,
        _collaboration_quantities,
        _collaboration,
        _context,
        _read_collaboration,
        _collaboration_scales,
    )
)


def _sides(spec: ScffSpec, axes: Axes) -> Axes:
    return {"polarity": ROWS}


def _scff_quantities(spec: ScffSpec, axes: Axes) -> Axes:
    return {"goodness": ROWS, "loss": (), "d_goodness": ROWS}


def _scff(spec: ScffSpec, inputs: Values, activity: Array) -> Objective:
    return scff(
        positive_threshold=spec.positive_threshold,
        negative_threshold=spec.negative_threshold,
        penalty=spec.penalty,
        goodness=GOODNESS[spec.goodness],
    )


def _read_scff(spec: ScffSpec, inputs: Values, activity: Array, found: Evaluation) -> Values:
    goodness, positive = found.goodness, inputs["polarity"] > 0
    count = np.where(positive, positive.sum(), (~positive).sum())
    slope = np.where(
        positive,
        spec.penalty - sigmoid(spec.positive_threshold - goodness),
        sigmoid(goodness - spec.negative_threshold),
    )
    return {"goodness": goodness, "d_goodness": (slope / count).astype(goodness.dtype)}


def _scff_scales(spec: ScffSpec, inputs: Values, values: Values) -> dict[str, float]:
    activity, positive = values["activity"], inputs["polarity"] > 0
    fewest = min(count for count in (positive.sum(), (~positive).sum()) if count)
    share = (1 + abs(spec.penalty)) / float(fewest)
    goodness = float(values["goodness"].max())
    return {
        "goodness": goodness,
        "loss": 1.0 + abs(spec.penalty) * goodness,
        "d_goodness": share,
        "d_activity": share * _slope(spec, activity),
    }


SCFF = framed(Head(_sides, _scff_quantities, _scff, _context, _read_scff, _scff_scales))
