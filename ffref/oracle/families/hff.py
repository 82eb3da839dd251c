"""The family `hff`: a layer's local step under the softmax over prototypes, by the library."""

import numpy as np

from ffref.formulas import cosine_similarity, l2_normalize, softmax_cross_entropy_grad
from ffref.objectives.hff import hff, hff_class_scores
from ffref.oracle.families.layer import (
    ROWS,
    Axes,
    Values,
    axes_of,
    flat,
    input_scale,
    normalize,
    open_layer,
    preactivation,
    sum_scale,
    through_relu,
)
from ffref.oracle.specs import HFFSpec
from ffref.training import local_grads
from ffref.types import LayerContext

CLASSES = ("batch", "classes")


def input_axes(spec: HFFSpec) -> Axes:
    """Axes of what a case takes; prototypes have the axes of one activity."""
    axes = axes_of(spec.layer)
    taken = {name: axes[name] for name in ("x", "weight", "bias")}
    return {**taken, "labels": ROWS, "prototypes": _prototype_axes(axes)}


def _prototype_axes(axes: Axes) -> tuple[str, ...]:
    return ("classes", "per_class", *axes["activity"][1:])


def quantity_axes(spec: HFFSpec) -> Axes:
    """Axes of what comes out, in the order of computation."""
    axes = axes_of(spec.layer)
    return {
        "normalized": axes["x"],
        "preactivation": axes["activity"],
        "activity": axes["activity"],
        "direction": axes["activity"],
        "cosine": (*CLASSES, "per_class"),
        "score": CLASSES,
        "logit": CLASSES,
        "loss": (),
        "d_logit": CLASSES,
        "d_activity": axes["activity"],
        "d_preactivation": axes["activity"],
        "d_weight": axes["weight"],
        "d_bias": axes["bias"],
        "d_prototypes": _prototype_axes(axes),
    }


def evaluate(spec: HFFSpec, inputs: Values) -> Values:
    """Every quantity of the step, in the order of `quantity_axes`."""
    labels, prototypes = inputs["labels"], inputs["prototypes"]
    classes, per_class = prototypes.shape[:2]
    normalized = normalize(inputs["x"], spec.norm)
    params = (prototypes.reshape(classes, per_class, -1),)
    layer = open_layer(spec.layer, inputs, inputs["x"], params)
    sums = preactivation(spec.layer, layer, normalized)
    objective = hff(
        temperature=spec.temperature,
        sharpness=spec.sharpness,
        margin=spec.margin,
        label_smoothing=spec.label_smoothing,
    )
    grads, activity, found = local_grads(layer, flat(normalized), _context(inputs), objective)
    d_preactivation = through_relu(spec.relu, found.d_activity, activity)
    d_weight, d_bias = grads.d_weight, grads.d_bias
    if spec.relu != "gated":  # the library's step has a gate; its layer takes any slope
        d_weight, d_bias = layer.kind.grads(flat(normalized), d_preactivation)
    cosine = cosine_similarity(activity, params[0].reshape(classes * per_class, -1))
    score = hff_class_scores(activity, params[0], sharpness=spec.sharpness)
    logit = score.copy()
    logit[np.arange(len(labels)), labels] -= spec.margin
    logit /= spec.temperature
    return {
        "normalized": normalized,
        "preactivation": sums,
        "activity": activity.reshape(sums.shape),
        "direction": l2_normalize(activity).reshape(sums.shape),
        "cosine": cosine.reshape(len(labels), classes, per_class),
        "score": score,
        "logit": logit,
        "loss": np.asarray(found.loss),
        "d_logit": softmax_cross_entropy_grad(logit, labels, label_smoothing=spec.label_smoothing),
        "d_activity": found.d_activity.reshape(sums.shape),
        "d_preactivation": d_preactivation.reshape(sums.shape),
        "d_weight": d_weight,
        "d_bias": d_bias,
        "d_prototypes": grads.d_params[0].reshape(prototypes.shape),
    }


def _context(inputs: Values) -> LayerContext:
    """All rows positive, none with a partner."""
    labels, x = inputs["labels"], inputs["x"]
    ones, zeros = np.ones(len(x), x.dtype), np.zeros(len(x), x.dtype)
    return LayerContext(labels, ones, np.full(len(x), -1), zeros, zeros)


def kinks(values: Values) -> Values:
    """A row of zeros has no direction, and so no derivative in it."""
    marks: Values = {}
    for name, array in values.items():
        *layer, quantity = name.split(".")
        if quantity == "activity":
            silent = ~flat(array).any(axis=1)
            marks[".".join([*layer, "d_activity"])] = np.zeros_like(array)
            marks[".".join([*layer, "d_activity"])][silent] = 1
    return marks


def scales(spec: HFFSpec, inputs: Values, values: Values) -> dict[str, float]:
    """Natural scale of each quantity."""
    normalized, activity = values["normalized"], values["activity"]
    rows, places = len(activity), activity[0, ..., 0].size
    sums = sum_scale(spec.layer, inputs, normalized)
    lengths = np.linalg.norm(flat(activity), axis=1)
    shortest = min(lengths[lengths > 0], default=np.inf)
    prototypes = inputs["prototypes"]
    short = np.linalg.norm(prototypes.reshape(*prototypes.shape[:2], -1), axis=2).min()
    slope = 1 / (spec.temperature * rows)
    return {
        "normalized": 1.0,
        "preactivation": sums,
        "activity": sums,
        "direction": 1.0,
        "cosine": 1.0,
        "score": 1.0,
        "logit": (1 + abs(spec.margin)) / spec.temperature,
        "loss": 1.0,
        "d_logit": 1 / rows,
        "d_activity": float(slope / shortest),
        "d_preactivation": float(slope / shortest),
        "d_weight": float(slope / shortest) * input_scale(normalized, places),
        "d_bias": float(slope / shortest) * rows * places,
        "d_prototypes": float(slope / short) * rows,
    }
