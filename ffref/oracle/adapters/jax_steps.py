"""Local steps in JAX, a third implementation.

Imported when a `JAX` adapter is made. A step is `(spec, given, keep) -> what is differentiated`;
arrays have ffref's layout, which is that of JAX: weights (in, out), images channels last.
"""

import math
from typing import Any

import jax
from jax import numpy as jnp

from ffref.oracle.adapters.protocol import Keep, Step
from ffref.oracle.specs import (
    CumulativeSpec,
    FaustSpec,
    FFSpec,
    HFFSpec,
    LabelSpec,
    NormSpec,
    RecurrentSpec,
    SymbaSpec,
    threshold_of,
)

Array = Any
Given = dict[str, Array]


def flat(x: Array) -> Array:
    """Rows (batch, features)."""
    return x.reshape(len(x), -1)


def normalize(x: Array, norm: NormSpec) -> Array:
    """Divide each row by its norm; a row of zeros stays."""
    if norm.kind == "none":
        return x
    reduce = jnp.mean if norm.kind == "rms" else jnp.sum
    square = reduce(jnp.square(flat(x)), axis=1)
    if norm.place == "inside":
        size = jnp.sqrt(square + norm.eps)
    elif norm.place == "least":
        size = jnp.maximum(jnp.sqrt(square), norm.eps)
    else:
        size = jnp.sqrt(square) + norm.eps
    return (flat(x) / jnp.where(size > 0, size, 1)[:, None]).reshape(x.shape)


def unit_length(x: Array) -> Array:
    """Divide by the length along the last axis; zeros stay, with slope 0."""
    square = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
    return jnp.where(square > 0, x / jnp.sqrt(jnp.where(square > 0, square, 1)), 0)


def relu(sums: Array, kind: str) -> Array:
    """Positive part; straight-through: with slope 1 everywhere."""
    if kind == "gated":
        return jax.nn.relu(sums)
    return sums + jax.lax.stop_gradient(jax.nn.relu(sums) - sums)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), with a derivative that is right to the last digits.

    That of `jax.nn.softplus` is exp(x - softplus(x)), some |x| unit roundoffs away.
    """
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


def layer(spec: Any, x: Array, v: Given, keep: Keep) -> tuple[Array, Array]:  # noqa: ANN401
    """Weighted sums and activity of a dense or convolutional layer on its normalised input."""
    x = keep("normalized", normalize(x, spec.norm))
    if spec.layer.kind == "dense":
        sums = x @ v["weight"] + v["bias"]
    else:
        sums = v["bias"] + jax.lax.conv_general_dilated(
            x,
            v["weight"],
            window_strides=spec.layer.stride,
            padding=[(pad, pad) for pad in spec.layer.padding],
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
    sums = keep("preactivation", sums)
    return sums, keep("activity", relu(sums, spec.relu))


def with_labels(v: Given, label: LabelSpec) -> Array:
    """Rows with their true label, then with the wrong one."""
    images = v["images"]
    strength = {
        "one": 1.0,
        "batch-max": images.max(),
        "row-max": images.max(axis=1, keepdims=True),
    }[label.strength]
    both = [
        images.at[:, : label.classes].set(
            strength * jax.nn.one_hot(labels, label.classes, dtype=images.dtype)
        )
        for labels in (v["labels"], v["negative_labels"])
    ]
    return jnp.concatenate(both)


def goodness_of(spec: Any, activity: Array, keep: Keep) -> Array:  # noqa: ANN401
    """Sum or mean of squares of each row."""
    reduce = jnp.sum if spec.goodness == "sum" else jnp.mean
    return keep("goodness", reduce(jnp.square(flat(activity)), axis=1))


def logits(spec: FFSpec | RecurrentSpec, activity: Array, keep: Keep) -> Array:
    """Signed distance of each row's goodness to the threshold."""
    distance = goodness_of(spec, activity, keep) - threshold_of(spec, activity[0].size)
    return keep("logit", spec.sign * distance)


def ff(spec: FFSpec, v: Given, keep: Keep) -> Array:
    """Hinton's loss, with peer normalisation in either form."""
    x = v["x"] if spec.label is None else keep("x", with_labels(v, spec.label))
    sums, activity = layer(spec, x, v, keep)
    polarity = v["polarity"]
    positive = (polarity > 0).astype(polarity.dtype)
    each = softplus(-polarity * logits(spec, activity, keep))
    if spec.reduction == "rows":
        loss = each.mean()
    else:
        loss = positive @ each / positive.sum() + (1 - positive) @ each / (1 - positive).sum()
    if spec.peer is None:
        return loss
    mean = positive @ activity / positive.sum()
    mean = keep(
        "new_running_mean",
        spec.peer.momentum * v["running_mean"] + (1 - spec.peer.momentum) * mean,
    )
    apart = mean - mean.mean()
    if spec.peer.form == "loss":
        return loss + spec.peer.strength * jnp.square(apart).mean()
    keep("loss", loss)
    push = positive @ (sums @ jax.lax.stop_gradient(apart))  # on silent units, too
    return loss + spec.peer.strength * push / positive.sum()


def hff(spec: HFFSpec, v: Given, keep: Keep) -> Array:
    """Cross-entropy of a softmax over log-mean-exp of cosines to prototypes."""
    _, activity = layer(spec, v["x"], v, keep)
    direction = keep("direction", unit_length(flat(activity)).reshape(activity.shape))
    classes, per_class = v["prototypes"].shape[:2]
    prototypes = unit_length(v["prototypes"].reshape(classes, per_class, -1))
    cosine = keep("cosine", jnp.einsum("nj,ckj->nck", flat(direction), prototypes))
    total = jax.nn.logsumexp(spec.sharpness * cosine, axis=2) - math.log(per_class)
    score = keep("score", total / spec.sharpness)
    own = jax.nn.one_hot(v["labels"], classes, dtype=score.dtype)
    logit = keep("logit", (score - spec.margin * own) / spec.temperature)
    target = (1 - spec.label_smoothing) * own + spec.label_smoothing / classes
    return -(target * jax.nn.log_softmax(logit)).sum(axis=1).mean()


def recurrent(spec: RecurrentSpec, v: Given, keep: Keep) -> Array:
    """One synchronous step of a layer that also sees the layer above."""
    below = keep("normalized_below", normalize(v["below"], spec.norm))
    above = keep("normalized_above", normalize(v["above"], spec.norm))
    sums = keep("preactivation", below @ v["weight"] + above @ v["top_down"] + v["bias"])
    activity = keep("activity", relu(sums, spec.relu))
    state = keep("state", spec.damping * v["old"] + (1 - spec.damping) * activity)
    return softplus(-v["polarity"] * logits(spec, state, keep)).mean()


def pair_margins(spec: Any, v: Given, keep: Keep) -> tuple[Array, Array, Array]:  # noqa: ANN401
    """Margin of every row's pair, and which rows are the positive one of a pair, as 0 and 1.

    Rows without a pair keep their place, so that shapes do not depend on values.
    """
    _, activity = layer(spec, v["x"], v, keep)
    goodness = goodness_of(spec, activity, keep)
    partner = v["partner"]
    margin = goodness - goodness[partner]
    is_first = (partner >= 0) & (v["polarity"] > 0)
    return margin, is_first.astype(margin.dtype), partner


def symba(spec: SymbaSpec, v: Given, keep: Keep) -> Array:
    """SymBa: softplus of the margin of pairs."""
    margin, is_first, _ = pair_margins(spec, v, keep)
    return is_first @ softplus(-spec.steepness * margin) / is_first.sum()


def cumulative(spec: CumulativeSpec, v: Given, keep: Keep) -> Array:
    """SymBa with the margins of the layers below added, by any remedy."""
    margin, is_first, partner = pair_margins(spec, v, keep)
    below, steepness = v["carried_margin"], spec.steepness
    share: Array | float = 0.0 if spec.remedy == "per-block" else spec.carried_weight
    if spec.remedy == "gated":
        share = spec.carried_weight * jax.nn.sigmoid(-below)
    total = margin + share * below
    own: Array | float = 0.0
    if spec.remedy == "depth-scaled":
        hard = jax.nn.sigmoid(-steepness * below)
        depth = (1 + 3 * spec.depth / (spec.layers - 1)) / 4
        own = depth * hard * is_first.sum() / (is_first @ hard)
    if spec.remedy == "calibrated":
        log = jax.nn.log_sigmoid
        ratio = jnp.exp(log(-steepness * total) - log(-steepness * margin))
        own = jax.lax.stop_gradient(jnp.maximum(1 - ratio, 0))
    signed = jnp.where(v["polarity"] > 0, margin, -margin)
    keep("next_carried_margin", below + jnp.where(partner >= 0, signed, 0))
    each = softplus(-steepness * total) + own * softplus(-steepness * margin)
    return is_first @ each / is_first.sum()


def similarity(spec: FaustSpec, a: Array, b: Array, v: Given) -> Array:
    """Similarity of all rows of a and b; distances of differences, not of squares."""
    if spec.similarity == "dot":
        return a @ b.T
    if spec.similarity == "cosine":
        return unit_length(a) @ unit_length(b).T
    gaps = a[:, None] - b
    return -jnp.square(gaps @ v["factor"] if "factor" in v else gaps).sum(axis=2)


def faust(spec: FaustSpec, v: Given, keep: Keep) -> Array:
    """FAUST: each anchor's positive against one negative of each other class."""
    _, activity = layer(spec, v["x"], v, keep)
    direction = flat(activity)
    if spec.activity_norm != "none":
        length = direction.shape[1] ** 0.5 if spec.activity_norm == "rms" else 1.0
        direction = unit_length(direction) * length
    direction = flat(keep("direction", direction.reshape(activity.shape)))
    there = (v["tuples"] >= 0) & (v["tuples"][:, :1] >= 0)
    of_all = similarity(spec, direction, direction, v)
    similar = jnp.take_along_axis(of_all, jnp.maximum(v["tuples"], 0), axis=1)
    similar = keep("similarity", jnp.where(there, similar, 0))
    logit = keep("logit", jnp.where(there, spec.scale * (similar - similar[:, :1]), 0))
    anchors = there[:, 0].astype(logit.dtype)
    each = jax.nn.logsumexp(logit, axis=1, where=there | ~there[:, :1])
    return anchors @ each / anchors.sum()


STEPS: dict[str, Step] = {
    "ff": ff,
    "hff": hff,
    "recurrent": recurrent,
    "symba": symba,
    "cumulative": cumulative,
    "faust": faust,
}
