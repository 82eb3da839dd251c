"""Families whose layer is judged by labels alone: `mono-forward`, `cwc`, `deeper-forward`.

And `distance-forward`. By the library.
"""

import numpy as np

from ffref.formulas import (
    l2_normalize,
    negative_squared_distance,
    sigmoid,
    softmax,
    softmax_cross_entropy_grad,
)
from ffref.objectives.cwc import cwc, cwc_goodness, cwc_pvn
from ffref.objectives.deeper_forward import deeper_forward, deeper_forward_goodness
from ffref.objectives.distance_forward import distance_forward, distance_forward_centroids_rule
from ffref.objectives.mono_forward import mono_forward, mono_forward_class_scores
from ffref.oracle.families.frame import Head, framed, labelled_context
from ffref.oracle.families.hff import CLASSES
from ffref.oracle.families.layer import ROWS, Axes, Values, flat
from ffref.oracle.specs import CwcSpec, DistanceSpec, MonoSpec
from ffref.types import Array, Evaluation, Objective, Params

# -- mono-forward --------------------------------------------------------------------------------


def _mono_inputs(spec: MonoSpec, axes: Axes) -> Axes:
    return {"labels": ROWS, "projection": ("classes", *axes["activity"][1:])}


def _mono_quantities(spec: MonoSpec, axes: Axes) -> Axes:
    return {"logit": CLASSES, "loss": (), "d_logit": CLASSES}


def _projection(inputs: Values) -> Params:
    return (flat(inputs["projection"]),)


def _mono(spec: MonoSpec, inputs: Values, activity: Array) -> Objective:
    return mono_forward(label_smoothing=spec.label_smoothing)


def _read_mono(spec: MonoSpec, inputs: Values, activity: Array, found: Evaluation) -> Values:
    logit = mono_forward_class_scores(activity, *_projection(inputs))
    smoothing = spec.label_smoothing
    d_logit = softmax_cross_entropy_grad(logit, inputs["labels"], label_smoothing=smoothing)
    return {"logit": logit, "d_logit": d_logit}


def _mono_scales(spec: MonoSpec, inputs: Values, values: Values) -> dict[str, float]:
    activity, projection = flat(values["activity"]), np.abs(flat(inputs["projection"]))
    rows = len(activity)
    return {
        "logit": float((activity @ projection.T).max()),
        "d_logit": 1 / rows,
        "d_activity": float(projection.sum(axis=0).max()) / rows,
        "d_projection": float(activity.sum(axis=0).max()) / rows,
    }


def _learns_projection(spec: MonoSpec) -> tuple[str, ...]:
    return ("projection",)


MONO = framed(
    Head(
        _mono_inputs,
        _mono_quantities,
        _mono,
        labelled_context,
        _read_mono,
        _mono_scales,
        _projection,
        _learns_projection,
    )
)

# -- cwc and deeper-forward ----------------------------------------------------------------------


def _labels(spec: CwcSpec, axes: Axes) -> Axes:
    return {"labels": ROWS}


def _cwc_quantities(spec: CwcSpec, axes: Axes) -> Axes:
    return {"goodness": CLASSES, "loss": (), "d_goodness": CLASSES}


def _places(activity: Array) -> int:
    return activity[0, ..., 0].size


def _cwc(spec: CwcSpec, inputs: Values, activity: Array) -> Objective:
    geometry = {"classes": spec.classes, "places": _places(activity)}
    if spec.power == 1:
        return deeper_forward(**geometry)
    if spec.competition == "pvn":
        return cwc_pvn(threshold=spec.threshold, **geometry)
    return cwc(**geometry)


def _read_cwc(spec: CwcSpec, inputs: Values, activity: Array, found: Evaluation) -> Values:
    places = activity.shape[1] // inputs["bias"].size
    score = deeper_forward_goodness if spec.power == 1 else cwc_goodness
    goodness, labels = score(activity, classes=spec.classes, places=places), inputs["labels"]
    d_goodness = softmax_cross_entropy_grad(goodness, labels)
    if spec.competition == "pvn":
        own = np.arange(spec.classes) == labels[:, None]
        others = spec.classes - 1
        surplus = (goodness * ~own).sum(axis=1, keepdims=True) / others - spec.threshold
        d_own = -sigmoid(spec.threshold - goodness) / (2 * len(labels))
        d_goodness = np.where(own, d_own, sigmoid(surplus) / (2 * len(labels) * others))
    return {"goodness": goodness, "d_goodness": d_goodness}


def _cwc_scales(spec: CwcSpec, inputs: Values, values: Values) -> dict[str, float]:
    activity = values["activity"]
    group = activity[0].size / spec.classes
    slope = 1.0 if spec.power == 1 else 2 * float(activity.max())
    share = 1 / len(activity)
    return {
        "goodness": float(values["goodness"].max()),
        "d_goodness": share,
        "d_activity": share * slope / group,
    }


CWC = framed(Head(_labels, _cwc_quantities, _cwc, labelled_context, _read_cwc, _cwc_scales))

# -- distance-forward ----------------------------------------------------------------------------


def _distance_inputs(spec: DistanceSpec, axes: Axes) -> Axes:
    return {"labels": ROWS, "centroids": ("classes", *axes["activity"][1:])}


def _distance_quantities(spec: DistanceSpec, axes: Axes) -> Axes:
    return {
        "direction": axes["activity"],
        "goodness": CLASSES,
        "logit": CLASSES,
        "new_centroids": ("classes", *axes["activity"][1:]),
        "loss": (),
        "d_goodness": CLASSES,
    }


def _centroids(inputs: Values) -> Params:
    return (flat(inputs["centroids"]),)


def _distance(spec: DistanceSpec, inputs: Values, activity: Array) -> Objective:
    return distance_forward(scale=spec.scale, margin=spec.margin, decay=spec.decay)


def _read_distance(
    spec: DistanceSpec, inputs: Values, activity: Array, found: Evaluation
) -> Values:
    labels, (centroids,) = inputs["labels"], _centroids(inputs)
    rows = np.arange(len(labels))
    direction = l2_normalize(activity)
    goodness = negative_squared_distance(direction, centroids)
    logit = spec.scale * (goodness - goodness[rows, labels][:, None] + spec.margin)
    logit[rows, labels] = 0
    d_goodness = softmax(logit)
    d_goodness[rows, labels] = 0
    d_goodness[rows, labels] = -d_goodness.sum(axis=1)
    return {
        "direction": direction,
        "goodness": goodness,
        "logit": logit,
        "new_centroids": distance_forward_centroids_rule(
            activity, labels, centroids, decay=spec.decay
        ),
        "d_goodness": d_goodness * (spec.scale / len(labels)),
    }


def _distance_scales(spec: DistanceSpec, inputs: Values, values: Values) -> dict[str, float]:
    activity, centroids = flat(values["activity"]), flat(inputs["centroids"])
    lengths = np.linalg.norm(activity, axis=1)
    shortest = float(min(lengths[lengths > 0], default=np.inf))
    farthest = 1 + float(np.linalg.norm(centroids, axis=1).max())
    share = spec.scale / len(activity)
    return {
        "direction": 1.0,
        "goodness": farthest**2,
        "logit": spec.scale * (farthest**2 + abs(spec.margin)),
        "new_centroids": farthest,
        "d_goodness": share,
        "d_activity": 2 * farthest * share / shortest,
    }


DISTANCE = framed(
    Head(
        _distance_inputs,
        _distance_quantities,
        _distance,
        labelled_context,
        _read_distance,
        _distance_scales,
        _centroids,
    )
)
