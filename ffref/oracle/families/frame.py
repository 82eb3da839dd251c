"""A layer's local step around a head: what stands between its activity and the derivative in it.

normalized -> preactivation -> activity -> HEAD -> d_activity -> d_preactivation -> d_weight,
d_bias, and the derivatives of the head's own arrays. A family's file writes out its head alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ffref.oracle.families.layer import (
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
from ffref.training import local_grads
from ffref.types import Array, Evaluation, LayerContext, Objective, Params


def no_params(inputs: Values) -> Params:
    """Of an objective without arrays of its own."""
    return ()


def nothing_learned(spec: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Of an objective that learns none of its arrays."""
    return ()


class Head(NamedTuple):
    """What a family adds to the layer; `axes` are those of `axes_of`."""

    inputs: Callable[[Any, Axes], Axes]
    """(spec, axes) -> what a case takes besides x, weight and bias"""
    quantities: Callable[[Any, Axes], Axes]
    """(spec, axes) -> what comes out between activity and d_activity, in order"""
    objective: Callable[[Any, Values, Array], Objective]
    """(spec, inputs, activity in the layer's shape)"""
    context: Callable[[Values], LayerContext]
    read: Callable[[Any, Values, Array, Evaluation], Values]
    """(spec, inputs, flat activity, found) -> the quantities, but for the loss"""
    scales: Callable[[Any, Values, Values], dict[str, float]]
    """(spec, inputs, values) -> natural scales of the quantities, of d_activity and of the
    derivatives of what is learned"""
    params: Callable[[Values], Params] = no_params
    """the objective's own arrays, in its order"""
    learned: Callable[[Any], tuple[str, ...]] = nothing_learned
    """names of those that it differentiates, the first of params"""


class Framed(NamedTuple):
    """The functions of a family."""

    input_axes: Callable[[Any], Axes]
    quantity_axes: Callable[[Any], Axes]
    evaluate: Callable[[Any, Values], Values]
    scales: Callable[[Any, Values, Values], dict[str, float]]


def framed(head: Head) -> Framed:
    """Put the layer around a head."""

    def input_axes(spec: Any) -> Axes:  # noqa: ANN401
        axes = axes_of(spec.layer)
        return {name: axes[name] for name in ("x", "weight", "bias")} | head.inputs(spec, axes)

    def quantity_axes(spec: Any) -> Axes:  # noqa: ANN401
        axes = axes_of(spec.layer)
        taken = input_axes(spec)
        return {
            "normalized": axes["x"],
            "preactivation": axes["activity"],
            "activity": axes["activity"],
            **head.quantities(spec, axes),
            "d_activity": axes["activity"],
            "d_preactivation": axes["activity"],
            "d_weight": axes["weight"],
            "d_bias": axes["bias"],
            **{f"d_{name}": taken[name] for name in head.learned(spec)},
        }

    def evaluate(spec: Any, inputs: Values) -> Values:  # noqa: ANN401
        made = _evaluate(head, spec, inputs)
        return {name: made[name] for name in quantity_axes(spec)}

    def scales(spec: Any, inputs: Values, values: Values) -> dict[str, float]:  # noqa: ANN401
        return _scales(head, spec, inputs, values)

    return Framed(input_axes, quantity_axes, evaluate, scales)


def _evaluate(head: Head, spec: Any, inputs: Values) -> Values:  # noqa: ANN401
    normalized = normalize(inputs["x"], spec.norm)
    layer = open_layer(spec.layer, inputs, inputs["x"], head.params(inputs))
    sums = preactivation(spec.layer, layer, normalized)
    objective = head.objective(spec, inputs, sums)
    grads, activity, found = local_grads(layer, flat(normalized), head.context(inputs), objective)
    d_preactivation = through_relu(spec.relu, found.d_activity, activity)
    d_weight, d_bias = grads.d_weight, grads.d_bias
    if spec.relu != "gated":  # the library's step has a gate; its layer takes any slope
        d_weight, d_bias = layer.kind.grads(flat(normalized), d_preactivation)
    learned = zip(head.learned(spec), grads.d_params, strict=True)
    read = head.read(spec, inputs, activity, found)
    axes = head.quantities(spec, axes_of(spec.layer))
    places = {name: sums.shape[1:] for name, words in axes.items() if words[1:] == axes_of(
        spec.layer)["activity"][1:]}  # fmt: skip
    return {
        "normalized": normalized,
        "preactivation": sums,
        "activity": activity.reshape(sums.shape),
        **{n: a.reshape(len(a), *places[n]) if n in places else a for n, a in read.items()},
        "loss": np.asarray(found.loss),
        "d_activity": found.d_activity.reshape(sums.shape),
        "d_preactivation": d_preactivation.reshape(sums.shape),
        "d_weight": d_weight,
        "d_bias": d_bias,
        **{f"d_{name}": d.reshape(inputs[name].shape) for name, d in learned},
    }


def _scales(
    head: Head,
    spec: Any,  # noqa: ANN401
    inputs: Values,
    values: Values,
) -> dict[str, float]:
    normalized, activity = values["normalized"], values["activity"]
    sums = sum_scale(spec.layer, inputs, normalized)
    own = head.scales(spec, inputs, values)
    places, slope = activity[0, ..., 0].size, own["d_activity"]
    return {
        "normalized": max(1.0, float(np.abs(normalized).max())) if spec.norm.kind == "none" else 1,
        "preactivation": sums,
        "activity": sums,
        "loss": 1.0,
        **own,
        "d_preactivation": slope,
        "d_weight": slope * input_scale(normalized, places),
        "d_bias": slope * len(activity) * places,
    }


def labelled_context(inputs: Values) -> LayerContext:
    """All rows positive, none with a partner."""
    labels, x = inputs["labels"], inputs["x"]
    ones, zeros = np.ones(len(x), x.dtype), np.zeros(len(x), x.dtype)
    return LayerContext(labels, ones, np.full(len(x), -1), zeros, zeros)
