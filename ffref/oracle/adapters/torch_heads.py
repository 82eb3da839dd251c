"""The other families in PyTorch: losses of pairs, tuples, classes, and the block.

Each is what stands behind the activity of a layer; `torch_steps` has the layer.
"""

from typing import Any

import torch
from torch.nn import functional

from ffref.oracle.adapters.protocol import Keep, Step
from ffref.oracle.adapters.torch_steps import (
    Given,
    Tensor,
    goodness_of,
    layer,
    logits,
    normalize,
    on_sphere,
    softplus,
    unit_length,
)
from ffref.oracle.specs import (
    BlockSpec,
    CumulativeSpec,
    CwcSpec,
    DistanceSpec,
    FaustSpec,
    FFSpec,
    MonoSpec,
    NormSpec,
    ScffSpec,
    SymbaSpec,
)


def pair_margins(spec: Any, v: Given, keep: Keep) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401
    """Goodness of each positive row less that of its partner, and both rows' numbers."""
    _, activity = layer(spec, v["x"], v, keep)
    goodness = goodness_of(spec, activity, keep)
    (rows,) = torch.where((v["partner"] >= 0) & (v["polarity"] > 0))
    others = v["partner"][rows]
    return keep("margin", goodness[rows] - goodness[others]), rows, others


def symba(spec: SymbaSpec, v: Given, keep: Keep) -> Tensor:
    """SymBa: softplus of the margin of pairs."""
    margin, _, _ = pair_margins(spec, v, keep)
    return softplus(-spec.steepness * margin).mean()


def cumulative(spec: CumulativeSpec, v: Given, keep: Keep) -> Tensor:
    """SymBa with the margins of the layers below added, by any remedy."""
    margin, rows, others = pair_margins(spec, v, keep)
    below, steepness = v["carried_margin"][rows].detach(), spec.steepness
    share = torch.full_like(below, 0.0 if spec.remedy == "per-block" else spec.carried_weight)
    if spec.remedy == "gated":
        share = spec.carried_weight * torch.sigmoid(-below)
    total = keep("cumulative_margin", margin + keep("carried_share", share) * below)
    own = torch.zeros_like(below)
    if spec.remedy == "depth-scaled":
        hard = torch.sigmoid(-steepness * below)
        own = (1 + 3 * spec.depth / (spec.layers - 1)) / 4 * hard / hard.mean()
    if spec.remedy == "calibrated":
        log = functional.logsigmoid
        ratio = (log(-steepness * total) - log(-steepness * margin)).exp()
        own = (1 - ratio).clamp(min=0).detach()
    handed = v["carried_margin"].detach().clone()
    handed[rows] += margin.detach()
    handed[others] += margin.detach()
    keep("next_carried_margin", handed)
    alone = keep("own_share", own) * softplus(-steepness * margin)
    return (softplus(-steepness * total) + alone).mean()


def similarity(spec: FaustSpec, a: Tensor, b: Tensor, factor: Tensor | None) -> Tensor:
    """Similarity of all rows of a and b; distances of differences, not of squares."""
    if spec.similarity == "dot":
        return a @ b.T
    if spec.similarity == "cosine":
        return unit_length(a) @ unit_length(b).T
    gaps = a[:, None] - b
    return -(gaps if factor is None else gaps @ factor).square().sum(2)


def faust(spec: FaustSpec, v: Given, keep: Keep) -> Tensor:
    """FAUST: each anchor's positive against one negative of each other class."""
    _, activity = layer(spec, v["x"], v, keep)
    direction = activity.flatten(1)
    if spec.activity_norm != "none":
        length = direction.shape[1] ** 0.5 if spec.activity_norm == "rms" else 1.0
        direction = unit_length(direction) * length
    direction = keep("direction", direction.reshape(activity.shape)).flatten(1)
    own = functional.one_hot(v["labels"]).to(direction.dtype)
    centroid = keep("centroid", (own / own.sum(0)).T @ direction.detach())
    keep("class_score", similarity(spec, direction, centroid, v.get("factor")).detach())
    there = (v["tuples"] >= 0) & (v["tuples"][:, :1] >= 0)
    of_all = similarity(spec, direction, direction, v.get("factor"))
    similar = keep("similarity", of_all.gather(1, v["tuples"].clamp(min=0)).where(there, 0))
    logit = keep("logit", (spec.scale * (similar - similar[:, :1])).where(there, 0))
    anchors = there[:, 0]
    return torch.logsumexp(logit[anchors].masked_fill(~there[anchors], -torch.inf), 1).mean()


def collaboration(spec: FFSpec, v: Given, keep: Keep) -> Tensor:
    """FF with the goodness of the layers below added to the logit."""
    _, activity = layer(spec, v["x"], v, keep)
    kept: dict[str, Tensor] = {}
    distance = logits(spec, activity, kept.setdefault)
    goodness = keep("goodness", kept["goodness"])
    logit = keep("logit", distance + v["carried_goodness"].detach())
    keep("next_carried_goodness", (v["carried_goodness"] + goodness).detach())
    return softplus(-v["polarity"].detach() * logit).mean()


def scff(spec: ScffSpec, v: Given, keep: Keep) -> Tensor:
    """Self-contrast: a threshold for each side."""
    _, activity = layer(spec, v["x"], v, keep)
    goodness = goodness_of(spec, activity, keep)
    same, mixed = goodness[v["polarity"] > 0], goodness[v["polarity"] < 0]
    pull = (softplus(spec.positive_threshold - same) + spec.penalty * same).mean()
    return pull + softplus(mixed - spec.negative_threshold).mean()


def mono_forward(spec: MonoSpec, v: Given, keep: Keep) -> Tensor:
    """Cross-entropy of a projection of the activity."""
    _, activity = layer(spec, v["x"], v, keep)
    logit = keep("logit", activity.flatten(1) @ v["projection"].flatten(1).T)
    return functional.cross_entropy(logit, v["labels"], label_smoothing=spec.label_smoothing)


def cwc(spec: CwcSpec, v: Given, keep: Keep) -> Tensor:
    """Channels of the classes compete."""
    _, activity = layer(spec, v["x"], v, keep)
    groups = activity.pow(spec.power).unflatten(1, (spec.classes, -1)).flatten(2)
    goodness = keep("goodness", groups.mean(2))
    if spec.competition == "softmax":
        return functional.cross_entropy(goodness, v["labels"])
    own = functional.one_hot(v["labels"], spec.classes).bool()
    others = goodness[~own].reshape(len(goodness), -1).mean(1)
    both = torch.cat([spec.threshold - goodness[own], others - spec.threshold])
    return softplus(both).mean()


def distance_forward(spec: DistanceSpec, v: Given, keep: Keep) -> Tensor:
    """N-pair loss of squared distances to centroids."""
    _, activity = layer(spec, v["x"], v, keep)
    direction = unit_length(activity.flatten(1)).reshape(activity.shape)
    direction = keep("direction", direction).flatten(1)
    centroids = v["centroids"].detach().flatten(1)
    goodness = keep("goodness", -(direction[:, None] - centroids).square().sum(2))
    own = functional.one_hot(v["labels"], len(centroids))
    gaps = goodness - goodness.gather(1, v["labels"][:, None]) + spec.margin
    logit = keep("logit", (spec.scale * gaps).where(own == 0, 0))
    share = own.to(direction.dtype) / own.sum(0).clamp(min=1)
    moved = spec.decay * centroids + (1 - spec.decay) * (share.T @ direction.detach())
    moved = moved.where(own.any(0)[:, None], centroids)
    keep("new_centroids", moved.reshape(v["centroids"].shape))
    return torch.logsumexp(logit, 1).mean()


def block(spec: BlockSpec, v: Given, keep: Keep) -> Tensor:
    """A convolutional block under HFF's loss."""
    x = keep("normalized", normalize(v["x"], spec.norm))
    sums = functional.conv2d(x, v["weight"], None, spec.layer.stride, spec.layer.padding)
    sums = keep("sums", sums)
    if spec.channel_norm == "batch":
        mean, variance = (v[f"running_{name}"].detach().clone() for name in ("mean", "variance"))
        standardized = functional.batch_norm(sums, mean, variance, training=True)
        keep("new_running_mean", mean)
        keep("new_running_variance", variance)
    else:
        standardized = normalize(sums, NormSpec(spec.channel_norm))
    standardized = keep("standardized", standardized)
    if "scale" in v:
        standardized = standardized * v["scale"][:, None, None]
    preactivation = keep("preactivation", standardized + v["shift"][:, None, None])
    activity = functional.max_pool2d(torch.relu(preactivation), spec.pool)
    if spec.residual:
        same = functional.adaptive_avg_pool2d(x, activity.shape[2:])
        missing = activity.shape[1] - same.shape[1]
        activity = activity + functional.pad(same, (0, 0, 0, 0, 0, missing))
    features = keep("activity", activity)
    if spec.auxiliary:
        features = functional.linear(
            features.movedim(1, 3), v["auxiliary_weight"], v["auxiliary_bias"]
        ).movedim(3, 1)
    if spec.grid is not None:
        features = functional.adaptive_avg_pool2d(features, spec.grid)
    features = keep("features", features.contiguous())
    return on_sphere(spec, unit_length(features.flatten(1)), v, keep)


HEADS: dict[str, Step] = {
    "symba": symba,
    "cumulative": cumulative,
    "block": block,
    "faust": faust,
    "layer-collaboration": collaboration,
    "scff": scff,
    "mono-forward": mono_forward,
    "cwc": cwc,
    "deeper-forward": cwc,
    "distance-forward": distance_forward,
}
