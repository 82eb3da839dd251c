"""The family `recurrent`: one synchronous step of a layer with top-down input, by the library."""

import numpy as np

from ffref.formulas import relu
from ffref.kernels import matmul, matmul_tn
from ffref.layers import Dense
from ffref.oracle.families.ff import context, objective_of, read_out
from ffref.oracle.families.layer import (
    ROWS,
    Axes,
    Values,
    input_scale,
    normalize,
    through_relu,
)
from ffref.oracle.specs import RecurrentSpec, threshold_of
from ffref.training import LocalLayer
from ffref.training.recurrent import recurrent_local_grads

UNITS = ("batch", "out")
WEIGHT = ("in", "out")


def input_axes(spec: RecurrentSpec) -> Axes:
    """Axes of what a case takes: the states of one step before, not yet normalised."""
    return {
        "below": ("batch", "in"),
        "above": ("batch", "in"),
        "old": UNITS,
        "weight": WEIGHT,
        "top_down": WEIGHT,
        "bias": ("out",),
        "polarity": ROWS,
    }


def quantity_axes(spec: RecurrentSpec) -> Axes:
    """Axes of what comes out, in the order of computation."""
    return {
        "normalized_below": ("batch", "in"),
        "normalized_above": ("batch", "in"),
        "preactivation": UNITS,
        "activity": UNITS,
        "state": UNITS,
        "goodness": ROWS,
        "logit": ROWS,
        "loss": (),
        "d_logit": ROWS,
        "d_state": UNITS,
        "d_preactivation": UNITS,
        "d_weight": WEIGHT,
        "d_top_down": WEIGHT,
        "d_bias": ("out",),
    }


def evaluate(spec: RecurrentSpec, inputs: Values) -> Values:
    """Every quantity of the step, in the order of `quantity_axes`."""
    below = normalize(inputs["below"], spec.norm)
    above = normalize(inputs["above"], spec.norm)
    polarity, weight, bias = inputs["polarity"], inputs["weight"], inputs["bias"]
    layer = LocalLayer(Dense(weight, bias), (inputs["top_down"],))
    objective = objective_of(spec, len(bias))
    grads, state, found = recurrent_local_grads(
        layer, below, above, inputs["old"], context(polarity), objective, damping=spec.damping
    )
    sums = matmul(below, weight) + matmul(above, inputs["top_down"]) + bias
    activity = relu(sums)
    d_preactivation = (1 - spec.damping) * through_relu(spec.relu, found.d_activity, activity)
    d_weight, d_bias, d_top_down = grads
    if spec.relu != "gated":  # the library's step has a gate
        d_weight, d_bias = matmul_tn(below, d_preactivation), d_preactivation.sum(axis=0)
        d_top_down = matmul_tn(above, d_preactivation)
    scored, logit, d_logit = read_out(spec, state, polarity)
    return {
        "normalized_below": below,
        "normalized_above": above,
        "preactivation": sums,
        "activity": activity,
        "state": state,
        "goodness": scored,
        "logit": logit,
        "loss": np.asarray(found.loss),
        "d_logit": d_logit,
        "d_state": found.d_activity,
        "d_preactivation": d_preactivation,
        "d_weight": d_weight,
        "d_top_down": d_top_down,
        "d_bias": d_bias,
    }


def scales(spec: RecurrentSpec, inputs: Values, values: Values) -> dict[str, float]:
    """Natural scale of each quantity."""
    below, above, state = values["normalized_below"], values["normalized_above"], values["state"]
    units, rows = state.shape[1], len(state)
    drive = np.abs(below) @ np.abs(inputs["weight"]) + np.abs(above) @ np.abs(inputs["top_down"])
    sums = float((drive + np.abs(inputs["bias"])).max())
    threshold = abs(threshold_of(spec, units))
    slope = 2 * float(np.abs(state).max()) / (units if spec.goodness == "mean" else 1)
    passed = (1 - spec.damping) * slope / rows
    return {
        "normalized_below": 1.0,
        "normalized_above": 1.0,
        "preactivation": sums,
        "activity": sums,
        "state": sums + spec.damping * float(np.abs(inputs["old"]).max()),
        "goodness": float(values["goodness"].max()),
        "logit": float(values["goodness"].max()) + threshold,
        "loss": 1.0,
        "d_logit": 1 / rows,
        "d_state": slope / rows,
        "d_preactivation": passed,
        "d_weight": passed * input_scale(below, 1),
        "d_top_down": passed * input_scale(above, 1),
        "d_bias": passed * rows,
    }
