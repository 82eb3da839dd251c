"""The family `block`: a convolutional block under HFF, by the library."""

import numpy as np

from ffref._checks import require
from ffref.formulas import cosine_similarity, softmax_cross_entropy_grad
from ffref.kernels import conv2d
from ffref.layers import Window, block_kind
from ffref.layers.block import (
    EPS,
    Block,
    BlockForm,
    BlockPass,
    advance_block,
    block_forward,
    check_form,
    spread,
)
from ffref.objectives.hff import hff, hff_class_scores
from ffref.oracle.families.frame import labelled_context
from ffref.oracle.families.hff import CLASSES
from ffref.oracle.families.layer import IMAGES, ROWS, Axes, Values, flat, normalize
from ffref.oracle.specs import BlockSpec
from ffref.training import LocalLayer
from ffref.training.network import layer_pass
from ffref.training.step import grads_of_pass
from ffref.types import Array

_EMPTY = {"scale": (0,), "auxiliary_weight": (0, 0), "auxiliary_bias": (0,)}


def input_axes(spec: BlockSpec) -> Axes:
    """Axes of what a case takes; prototypes have the axes of one row of features."""
    taken: Axes = {"x": IMAGES, "weight": ("kernel_h", "kernel_w", "in", "out")}
    if spec.channel_norm != "none":
        taken["scale"] = ("out",)
    taken["shift"] = ("out",)
    if spec.channel_norm == "batch":
        taken |= {"running_mean": ("out",), "running_variance": ("out",)}
    if spec.auxiliary:
        taken |= {"auxiliary_weight": ("in", "out"), "auxiliary_bias": ("out",)}
    return {**taken, "labels": ROWS, "prototypes": ("classes", "per_class", *IMAGES[1:])}


def _learned(spec: BlockSpec) -> list[str]:
    state = ("x", "labels", "running_mean", "running_variance")
    return [name for name in input_axes(spec) if name not in state]


def quantity_axes(spec: BlockSpec) -> Axes:
    """Axes of what comes out, in the order of computation."""
    taken = input_axes(spec)
    state: Axes = {}
    if spec.channel_norm == "batch":
        state = {"new_running_mean": ("out",), "new_running_variance": ("out",)}
    return {
        "normalized": IMAGES,
        "sums": IMAGES,
        "standardized": IMAGES,
        "preactivation": IMAGES,
        "activity": IMAGES,
        **state,
        "features": IMAGES,
        "cosine": (*CLASSES, "per_class"),
        "score": CLASSES,
        "logit": CLASSES,
        "loss": (),
        "d_logit": CLASSES,
        "d_features": IMAGES,
        "d_activity": IMAGES,
        "d_sums": IMAGES,
        **{f"d_{name}": taken[name] for name in _learned(spec)},
    }


def _open(spec: BlockSpec, inputs: Values) -> tuple[Block, BlockForm]:
    """Make the library's block; what it does without has no entries."""
    dtype, channels = inputs["x"].dtype, inputs["weight"].shape[3]
    shapes = {**_EMPTY, "auxiliary_weight": (channels, 0)}
    shapes |= {"running_mean": (0,), "running_variance": (0,)}
    arrays = [inputs.get(name, np.zeros(shapes.get(name, 0), dtype)) for name in Block._fields]
    window = Window(
        inputs["x"].shape[1:], inputs["weight"].shape[:2], spec.layer.stride, spec.layer.padding
    )
    form = BlockForm(window, spec.pool, spec.channel_norm, spec.grid, spec.residual)
    check_form(form, channels)
    require(
        spec.grid is not None or not spec.auxiliary,
        "auxiliary_weight reads the cells of a grid: give grid, or leave auxiliary out",
    )
    return Block(*arrays), form


def evaluate(spec: BlockSpec, inputs: Values) -> Values:
    """Every quantity of the step, in the order of `quantity_axes`."""
    labels, prototypes = inputs["labels"], inputs["prototypes"]
    classes, per_class = prototypes.shape[:2]
    normalized = normalize(inputs["x"], spec.norm)
    block, form = _open(spec, inputs)
    params = (prototypes.reshape(classes, per_class, -1),)
    layer = LocalLayer(block, params, block_kind(form))
    objective = hff(
        temperature=spec.temperature,
        sharpness=spec.sharpness,
        margin=spec.margin,
        label_smoothing=spec.label_smoothing,
    )
    seen = block_forward(block, normalized, form, training=True)
    passed = layer_pass(layer, flat(normalized), training=True)
    features = passed.features
    context = labelled_context(inputs)
    grads, found = grads_of_pass(layer, flat(normalized), passed, context, objective)
    score = hff_class_scores(features, params[0], sharpness=spec.sharpness)
    logit = score.copy()
    logit[np.arange(len(labels)), labels] -= spec.margin
    logit /= spec.temperature
    made = {
        "normalized": normalized,
        **_channels(spec, block, seen),
        "activity": seen.activity,
        "features": seen.features,
        "cosine": cosine_similarity(features, params[0].reshape(classes * per_class, -1)).reshape(
            len(labels), classes, per_class
        ),
        "score": score,
        "logit": logit,
        "loss": np.asarray(found.loss),
        "d_logit": softmax_cross_entropy_grad(logit, labels, label_smoothing=spec.label_smoothing),
        "d_features": found.d_activity.reshape(seen.features.shape),
        **_way_back(layer, flat(normalized), found.d_activity, seen),
        **_gradients(grads.d_weights, inputs),
        "d_prototypes": grads.d_params[0].reshape(prototypes.shape),
    }
    return {name: made[name] for name in quantity_axes(spec)}


def _channels(spec: BlockSpec, block: Block, seen: BlockPass) -> Values:
    """What the fused kernels do not hand out: each channel before pooling, and the state."""
    mean, inverse, scale, shift = (vector.astype(seen.raw.dtype) for vector in seen.vectors)
    standardized = (seen.sums - mean) * inverse
    made = {
        "sums": seen.raw,
        "standardized": standardized,
        "preactivation": standardized * scale + shift,
    }
    if spec.channel_norm == "batch":
        state = advance_block(block, seen)
        made |= dict(zip(("new_running_mean", "new_running_variance"), state, strict=True))
    return made


def _way_back(layer: LocalLayer, x: Array, d_features: Array, seen: BlockPass) -> Values:
    """Derivatives in activity and weighted sums, which a step has no need to return."""
    again = layer_pass(layer, x, training=True)
    back = layer.kind.sums_grad(layer.weights, again, d_features, None, None)
    assert back.d_activity is not None
    return {
        "d_activity": spread(back.d_activity, seen.activity.shape),
        "d_sums": back.d_sums.reshape(seen.raw.shape),
    }


def _gradients(d_weights: tuple[Array, ...], inputs: Values) -> Values:
    names = ("weight", "scale", "shift", "auxiliary_weight", "auxiliary_bias")
    return {f"d_{n}": d for n, d in zip(names, d_weights, strict=True) if n in inputs}


def kinks(values: Values) -> Values:
    """A row of zeros has no direction, and so no derivative in it."""
    marks = np.zeros_like(values["d_features"])
    marks[~flat(values["features"]).any(axis=1)] = 1
    return {"d_features": marks}


def _sizes(spec: BlockSpec, inputs: Values, values: Values) -> tuple[Array, Array]:
    """Sums of each channel before anything cancels, and what they are divided by."""
    x, weight = np.abs(values["normalized"]), np.abs(inputs["weight"])
    sums = conv2d(x, weight, stride=spec.layer.stride, padding=spec.layer.padding)
    rows = flat(values["sums"]).astype(np.float64)
    if spec.channel_norm == "batch":
        variance = values["sums"].reshape(-1, sums.shape[-1]).var(axis=0)
        return sums.max(axis=(0, 1, 2)), np.sqrt(variance + EPS)
    deviation = 1.0
    if spec.channel_norm != "none":
        count = rows.shape[1] if spec.channel_norm == "rms" else 1
        deviation = float(np.linalg.norm(rows, axis=1).min()) / np.sqrt(count)
    return sums.max(axis=(0, 1, 2)), np.full(1, deviation)


def scales(spec: BlockSpec, inputs: Values, values: Values) -> dict[str, float]:
    """Natural scale of each quantity."""
    largest = {name: float(np.abs(array).max()) for name, array in {**inputs, **values}.items()}
    rows = len(values["sums"])
    slope = largest.get("scale", 1.0)
    per_channel, deviation = _sizes(spec, inputs, values)
    sums, per_sum = float(per_channel.max()), float(1 / deviation.min())
    standard = float((per_channel / deviation).max())
    lengths = np.linalg.norm(flat(values["features"]), axis=1)
    shortest = float(min(lengths[lengths > 0], default=np.inf))
    prototypes = inputs["prototypes"]
    short = np.linalg.norm(prototypes.reshape(*prototypes.shape[:2], -1), axis=2).min()
    per_logit = 1 / (spec.temperature * rows)
    d_activity = per_logit / shortest * largest.get("auxiliary_weight", 1.0)
    places, pixels = flat(values["sums"]).shape[1], rows * flat(values["sums"]).shape[1]
    d_sums = d_activity * slope * per_sum
    return {
        "normalized": 1.0,
        "sums": sums,
        "standardized": standard,
        "preactivation": slope * standard + largest["shift"],
        "activity": slope * standard + largest["shift"] + largest["normalized"],
        "new_running_mean": sums,
        "new_running_variance": sums**2,
        "features": largest["features"],
        "cosine": 1.0,
        "score": 1.0,
        "logit": (1 + abs(spec.margin)) / spec.temperature,
        "loss": 1.0,
        "d_logit": 1 / rows,
        "d_features": per_logit / shortest,
        "d_activity": d_activity,
        "d_sums": d_sums,
        "d_weight": d_sums * largest["normalized"] * pixels,
        "d_scale": d_activity * pixels * standard,
        "d_shift": d_activity * pixels,
        "d_auxiliary_weight": per_logit / shortest * rows * places * largest["activity"],
        "d_auxiliary_bias": per_logit / shortest * rows * places,
        "d_prototypes": per_logit / float(short) * rows,
    }
