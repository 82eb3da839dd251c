"""Every family's local step in PyTorch, a second implementation in another framework's words.

Imported when a `PyTorch` adapter is made. A step is `(spec, given, keep) -> what is
differentiated`; layers have PyTorch's layout: weights (out, in), images channels first.
"""

import math
from typing import Any

import torch
from torch.nn import functional

from ffref.oracle.adapters.protocol import Keep, Step
from ffref.oracle.specs import (
    BlockSpec,
    FFSpec,
    HFFSpec,
    LabelSpec,
    NormSpec,
    RecurrentSpec,
    threshold_of,
)

Tensor = Any
Given = dict[str, Tensor]


def normalize(x: Tensor, norm: NormSpec) -> Tensor:
    """Divide each row by its norm; a row of zeros stays."""
    if norm.kind == "none":
        return x
    rows = x.flatten(1)
    if norm.kind == "layer":
        rows = rows - rows.mean(1, keepdim=True)
    square = rows.square().sum(1) if norm.kind == "l2" else rows.square().mean(1)
    size = {
        "outside": lambda: square.sqrt() + norm.eps,
        "inside": (square + norm.eps).sqrt,
        "least": lambda: square.sqrt().clamp(min=norm.eps),
    }[norm.place]()
    return (rows / size.where(size > 0, 1).unsqueeze(1)).reshape(x.shape)


def unit_length(x: Tensor) -> Tensor:
    """Divide by the length along the last axis; zeros stay, with slope 0."""
    square = x.square().sum(-1, keepdim=True)
    return torch.where(square > 0, x / square.where(square > 0, 1).sqrt(), 0)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)); `functional.softplus` is x above 20, where the slope is 1 - 2e-9."""
    return -functional.logsigmoid(-x)


def relu(sums: Tensor, kind: str) -> Tensor:
    """Positive part; straight-through: with slope 1 everywhere."""
    return torch.relu(sums) if kind == "gated" else sums + (torch.relu(sums) - sums).detach()


def layer(spec: Any, x: Tensor, v: Given, keep: Keep) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """Weighted sums and activity of a dense or convolutional layer on its normalised input."""
    x = keep("normalized", normalize(x, spec.norm))
    if spec.layer.kind == "dense":
        sums = functional.linear(x, v["weight"], v["bias"])
    else:
        sums = functional.conv2d(x, v["weight"], v["bias"], spec.layer.stride, spec.layer.padding)
    sums = keep("preactivation", sums)
    return sums, keep("activity", relu(sums, spec.relu))


def with_labels(v: Given, label: LabelSpec) -> Tensor:
    """Rows with their true label, then with the wrong one."""
    images = v["images"]
    strength = {
        "one": 1.0,
        "batch-max": images.max(),
        "row-max": images.amax(1, keepdim=True),
    }[label.strength]
    both = []
    for labels in (v["labels"], v["negative_labels"]):
        slots = functional.one_hot(labels, label.classes) * strength
        both.append(torch.cat([slots, images[:, label.classes :]], 1))
    return torch.cat(both).to(images.dtype)


def goodness_of(spec: Any, activity: Tensor, keep: Keep) -> Tensor:  # noqa: ANN401
    """Sum or mean of squares of each row."""
    squares = activity.flatten(1).square()
    return keep("goodness", squares.sum(1) if spec.goodness == "sum" else squares.mean(1))


def logits(spec: FFSpec | RecurrentSpec, activity: Tensor, keep: Keep) -> Tensor:
    """Signed distance of each row's goodness to the threshold."""
    units = activity[0].numel()
    distance = goodness_of(spec, activity, keep) - threshold_of(spec, units)
    return keep("logit", spec.sign * distance)


def ff(spec: FFSpec, v: Given, keep: Keep) -> Tensor:
    """Hinton's loss, with peer normalisation in either form."""
    x = v["x"] if spec.label is None else keep("x", with_labels(v, spec.label))
    sums, activity = layer(spec, x, v, keep)
    positive = v["polarity"] > 0
    logit = logits(spec, activity, keep)
    if spec.reduction == "rows":
        loss = functional.binary_cross_entropy_with_logits(logit, positive.to(logit.dtype))
    else:
        loss = softplus(-logit[positive]).mean() + softplus(logit[~positive]).mean()
    if spec.peer is None:
        return loss
    mean = activity[positive].mean(0)
    mean = spec.peer.momentum * v["running_mean"] + (1 - spec.peer.momentum) * mean
    apart = keep("new_running_mean", mean) - mean.mean()
    if spec.peer.form == "loss":
        return loss + spec.peer.strength * apart.square().mean()
    keep("loss", loss)
    push = (apart.detach() * sums[positive]).sum(1).mean()  # on silent units, too
    return loss + spec.peer.strength * push


def hff(spec: HFFSpec, v: Given, keep: Keep) -> Tensor:
    """Cross-entropy of a softmax over log-mean-exp of cosines to prototypes."""
    _, activity = layer(spec, v["x"], v, keep)
    direction = unit_length(activity.flatten(1)).reshape(activity.shape)
    return on_sphere(spec, keep("direction", direction).flatten(1), v, keep)


def on_sphere(spec: HFFSpec | BlockSpec, direction: Tensor, v: Given, keep: Keep) -> Tensor:
    """HFF's loss of directions."""
    prototypes = unit_length(v["prototypes"].flatten(2))
    cosine = keep("cosine", torch.einsum("nj,ckj->nck", direction, prototypes))
    total = torch.logsumexp(spec.sharpness * cosine, 2) - math.log(cosine.shape[2])
    score = keep("score", total / spec.sharpness)
    own = functional.one_hot(v["labels"], score.shape[1]).to(score.dtype)
    logit = keep("logit", (score - spec.margin * own) / spec.temperature)
    return functional.cross_entropy(logit, v["labels"], label_smoothing=spec.label_smoothing)


def recurrent(spec: RecurrentSpec, v: Given, keep: Keep) -> Tensor:
    """One synchronous step of a layer that also sees the layer above."""
    below = keep("normalized_below", normalize(v["below"], spec.norm))
    above = keep("normalized_above", normalize(v["above"], spec.norm))
    sums = functional.linear(below, v["weight"], v["bias"])
    sums = keep("preactivation", sums + functional.linear(above, v["top_down"]))
    activity = keep("activity", relu(sums, spec.relu))
    state = keep("state", spec.damping * v["old"] + (1 - spec.damping) * activity)
    target = (v["polarity"] > 0).to(state.dtype)
    return functional.binary_cross_entropy_with_logits(logits(spec, state, keep), target)


STEPS: dict[str, Step] = {"ff": ff, "hff": hff, "recurrent": recurrent}
