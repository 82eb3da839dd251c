"""The family `ff`: a layer's local step under the logistic loss on goodness, by the library."""

import numpy as np

from ffref.formulas import GOODNESS, mean_of_squares, sigmoid, sum_of_squares
from ffref.objectives.ff import ff
from ffref.objectives.peer import peer_running_mean, with_peer_loss, with_peer_rule
from ffref.oracle.families.layer import (
    ROWS,
    Axes,
    Values,
    axes_of,
    encoded,
    flat,
    input_scale,
    normalize,
    open_layer,
    preactivation,
    sum_scale,
    through_relu,
)
from ffref.oracle.specs import FFSpec, RecurrentSpec, threshold_of
from ffref.training import local_grads
from ffref.types import Array, LayerContext, Objective


def input_axes(spec: FFSpec) -> Axes:
    """Axes of what a case of this specification takes."""
    axes = axes_of(spec.layer)
    taken = {name: axes[name] for name in ("x", "weight", "bias")} | {"polarity": ROWS}
    if spec.label is not None:
        pairs: Axes = {
            "images": ("pairs", "in"),
            "labels": ("pairs",),
            "negative_labels": ("pairs",),
        }
        taken = pairs | {name: words for name, words in taken.items() if name != "x"}
    if spec.peer is not None:
        taken["running_mean"] = ("out",)
    return taken


def quantity_axes(spec: FFSpec) -> Axes:
    """Axes of what comes out, in the order of computation."""
    axes = axes_of(spec.layer)
    encoded_x = {"x": axes["x"]} if spec.label is not None else {}
    state = {"new_running_mean": ("out",)} if spec.peer is not None else {}
    return {
        **encoded_x,
        "normalized": axes["x"],
        "preactivation": axes["activity"],
        "activity": axes["activity"],
        "goodness": ROWS,
        "logit": ROWS,
        **state,
        "loss": (),
        "d_logit": ROWS,
        "d_activity": axes["activity"],
        "d_preactivation": axes["activity"],
        "d_weight": axes["weight"],
        "d_bias": axes["bias"],
    }


def evaluate(spec: FFSpec, inputs: Values) -> Values:
    """Every quantity of the step, in the order of `quantity_axes`."""
    x = encoded(inputs, spec.label)
    normalized = normalize(x, spec.norm)
    polarity = inputs["polarity"]
    params = (inputs["running_mean"],) if spec.peer is not None else ()
    layer = open_layer(spec.layer, inputs, x, params)
    sums = preactivation(spec.layer, layer, normalized)
    units = sums[0].size
    factor = _factor(spec, polarity)
    objective = with_peer(spec, objective_of(spec, units), factor)
    grads, activity, found = local_grads(layer, flat(normalized), context(polarity), objective)
    d_preactivation = through_relu(spec.relu, found.d_activity, activity)
    if found.d_preactivation is not None:
        d_preactivation += found.d_preactivation
    d_weight, d_bias = grads.d_weight, grads.d_bias
    if spec.relu != "gated":  # the library's step has a gate; its layer takes any slope
        d_weight, d_bias = layer.kind.grads(flat(normalized), d_preactivation)
    scored, logit, d_logit = read_out(spec, activity, polarity)
    return {
        **({"x": x} if spec.label is not None else {}),
        "normalized": normalized,
        "preactivation": sums,
        "activity": activity.reshape(sums.shape),
        "goodness": scored,
        "logit": logit,
        **_state(spec, activity, polarity, params),
        "loss": np.asarray(factor * found.loss),
        "d_logit": factor * d_logit,
        "d_activity": factor * found.d_activity.reshape(sums.shape),
        "d_preactivation": factor * d_preactivation.reshape(sums.shape),
        "d_weight": factor * d_weight,
        "d_bias": factor * d_bias,
    }


def objective_of(spec: FFSpec | RecurrentSpec, units: int) -> Objective:
    """Bind the library's objective: a low goodness that is good is a negative one."""
    name = spec.goodness if spec.sign > 0 else f"negative-{spec.goodness}"
    return ff(threshold=spec.sign * threshold_of(spec, units), goodness=GOODNESS[name])


def with_peer(spec: FFSpec, objective: Objective, factor: float = 1.0) -> Objective:
    """Add peer normalisation in the form that the specification names, whole after `factor`."""
    if spec.peer is None:
        return objective
    add = {"rule": with_peer_rule, "loss": with_peer_loss}[spec.peer.form]
    strength = spec.peer.strength / factor
    return add(objective, strength=strength, momentum=spec.peer.momentum)


def context(polarity: Array) -> LayerContext:
    """Rows without partners: no quantity of a case depends on who is paired with whom."""
    zeros = np.zeros_like(polarity)
    nobody = np.full(len(polarity), -1)
    return LayerContext(np.zeros(len(polarity), np.int64), polarity, nobody, zeros, zeros)


def score_of(spec: FFSpec | RecurrentSpec, activity: Array) -> Array:
    """Goodness of each row, (batch,), without its sign."""
    value = {"sum": sum_of_squares, "mean": mean_of_squares}[spec.goodness]
    return value(flat(activity))


def read_out(
    spec: FFSpec | RecurrentSpec, activity: Array, polarity: Array
) -> tuple[Array, Array, Array]:
    """Return goodness, logit and d_logit, which the library's objective keeps to itself."""
    scored = score_of(spec, activity)
    logit = spec.sign * (scored - threshold_of(spec, activity.shape[1]))
    d_logit = -polarity * sigmoid(-polarity * logit) / len(polarity)
    return scored, logit, d_logit


def _factor(spec: FFSpec, polarity: Array) -> float:
    """Mean over positives plus mean over negatives: of equally many, twice the mean over rows."""
    if spec.reduction == "rows":
        return 1.0
    if polarity.sum() != 0:
        raise ValueError(
            "reduction 'sides' takes as many positive rows as negative ones, got "
            f"{int((polarity > 0).sum())} and {int((polarity < 0).sum())}"
        )
    return 2.0


def _state(spec: FFSpec, activity: Array, polarity: Array, params: tuple[Array, ...]) -> Values:
    if spec.peer is None:
        return {}
    moved = peer_running_mean(activity, polarity, *params, momentum=spec.peer.momentum)
    return {"new_running_mean": moved}


def scales(spec: FFSpec, inputs: Values, values: Values) -> dict[str, float]:
    """Natural scale of each quantity."""
    normalized, activity = values["normalized"], values["activity"]
    units, rows = activity[0].size, len(activity)
    sums = sum_scale(spec.layer, inputs, normalized)
    moved = np.abs(values.get("new_running_mean", np.zeros(1))).max()
    threshold = abs(threshold_of(spec, units))
    slope = 2 * float(activity.max()) / (units if spec.goodness == "mean" else 1)
    share = _factor(spec, inputs["polarity"]) / rows
    places = activity[0, ..., 0].size
    return {
        "x": float(np.abs(values.get("x", np.zeros(1))).max()),
        "normalized": 1.0,
        "preactivation": sums,
        "activity": sums,
        "goodness": float(values["goodness"].max()),
        "logit": float(values["goodness"].max()) + threshold,
        "new_running_mean": float(moved),
        "loss": 1.0,
        "d_logit": share,
        "d_activity": share * slope,
        "d_preactivation": share * slope,
        "d_weight": share * slope * input_scale(normalized, places),
        "d_bias": share * slope * rows * places,
    }
