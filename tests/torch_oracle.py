"""Every case of the oracle in PyTorch: the forward pass, and autograd for all derivatives.

A second implementation in another framework's words; it shares nothing with ffref but the names.
"""

import pytest

from ffref.oracle import NormSpec

torch = pytest.importorskip("torch")
functional = torch.nn.functional
LEARNED = (
    "weight", "bias", "top_down", "prototypes", "factor", "scale", "shift", "auxiliary_weight",
    "auxiliary_bias", "projection",
)  # fmt: skip


def run(case, dtype):
    """Every quantity that the case has golden values of, in `dtype`."""
    given = {n: _tensor(a, dtype) for n, a in case.inputs.items()}
    numbers = sorted({n.split(".")[0] for n in given if "." in n})
    if not numbers:
        return _step(case, given)
    values, x = {}, given["x"]
    shared = {n: a for n, a in given.items() if "." not in n}
    for number in numbers:
        own = {n.split(".")[1]: a for n, a in given.items() if n.startswith(f"{number}.")}
        step = _step(case, {**shared, **own, "x": x})
        values |= {f"{number}.{name}": value for name, value in step.items()}
        x = step["activity"]
        for name in ("carried_margin", "carried_goodness"):
            shared |= {name: step[f"next_{name}"]} if f"next_{name}" in step else {}
    return values


def _tensor(array, dtype):
    return torch.tensor(array) if array.dtype.kind == "i" else torch.tensor(array, dtype=dtype)


def _step(case, given):
    learned = {n: a.clone().requires_grad_() for n, a in given.items()
               if n in LEARNED}  # fmt: skip
    v = {**given, **learned}
    if case.family in HEADS:
        _layer(case.spec, v)
    {"ff": _ff, "recurrent": _recurrent, "block": _block, **HEADS}[case.family](case.spec, v)
    v["surrogate"].backward()
    names = dict.fromkeys(n.split(".")[-1] for n in case.axes if n not in case.inputs)
    found = {n: v[n[2:]].grad if n.startswith("d_") else v[n] for n in names}
    return {n: torch.zeros_like(v[n[2:]]) if a is None else a.detach() for n, a in found.items()}


def _keep(v, **values):
    """Hold on to intermediates and to their gradients."""
    for name, value in values.items():
        if value.requires_grad:
            value.retain_grad()
        v[name] = value


def _normalize(x, norm):
    rows = x.flatten(1)
    if norm.kind == "none":
        return x
    if norm.kind == "layer":
        rows = rows - rows.mean(1, keepdim=True)
    square = rows.norm(dim=1, keepdim=True) ** 2 if norm.kind == "l2" else (rows**2).mean(
        1, keepdim=True)  # fmt: skip
    size = {
        "outside": lambda: square.sqrt() + norm.eps,
        "inside": (square + norm.eps).sqrt,
        "least": lambda: square.sqrt().clamp(min=norm.eps),
    }[norm.place]()
    return (rows / size.where(size > 0, torch.ones_like(size))).reshape(x.shape)


def _relu(a, kind):
    return torch.relu(a) if kind == "gated" else a + (torch.relu(a) - a).detach()


def _sums(spec, v):
    x, weight, bias = v["normalized"], v["weight"], v["bias"]
    if spec.layer.kind == "dense":
        return functional.linear(x, weight.T, bias)
    out = functional.conv2d(
        x.movedim(3, 1), weight.permute(3, 2, 0, 1), bias, spec.layer.stride, spec.layer.padding
    )
    return out.movedim(1, 3)


def _encoded(spec, v):
    if spec.label is None:
        return v["x"]
    images, classes = v["images"], spec.label.classes
    strength = {"one": 1.0, "batch-max": images.max(), "row-max": images.amax(1, keepdim=True)}
    rows = [
        torch.cat([functional.one_hot(labels, classes) * strength[spec.label.strength],
                   images[:, classes:]], dim=1)
        for labels in (v["labels"], v["negative_labels"])
    ]  # fmt: skip
    return torch.cat(rows).to(images.dtype)


def _goodness(spec, v, of):
    rows = v[of].flatten(1)
    _keep(v, goodness=(rows**2).sum(1) if spec.goodness == "sum" else (rows**2).mean(1))
    return rows


def _read_out(spec, v, of):
    rows = _goodness(spec, v, of)
    threshold = spec.threshold + spec.threshold_per_unit * rows.shape[1]
    _keep(v, logit=spec.sign * (v["goodness"] - threshold))


def _ff(spec, v):
    positive = v["polarity"] > 0
    v["x"] = _encoded(spec, v)
    _layer(spec, v)
    _read_out(spec, v, "activity")
    if spec.reduction == "rows":
        loss = functional.binary_cross_entropy_with_logits(v["logit"], positive.to(v["x"].dtype))
    else:
        loss = functional.softplus(-v["logit"][positive]).mean()
        loss = loss + functional.softplus(v["logit"][~positive]).mean()
    rule = 0
    if spec.peer is not None:
        batch = v["activity"][positive].mean(0)
        moved = spec.peer.momentum * v["running_mean"] + (1 - spec.peer.momentum) * batch
        v["new_running_mean"] = moved
        if spec.peer.form == "loss":
            loss = loss + spec.peer.strength * ((moved.mean() - moved) ** 2).mean()
        else:
            push = (moved - moved.mean()).detach() * v["preactivation"][positive]
            rule = spec.peer.strength * push.sum(1).mean()
    v["loss"], v["surrogate"] = loss, loss + rule


def _layer(spec, v):
    _keep(v, normalized=_normalize(v["x"], spec.norm))
    _keep(v, preactivation=_sums(spec, v))
    _keep(v, activity=_relu(v["preactivation"], spec.relu))


def _hff(spec, v, of="activity"):
    _keep(v, direction=functional.normalize(v[of].flatten(1), eps=1e-30))
    prototypes = functional.normalize(v["prototypes"].flatten(2), dim=2)
    _keep(v, cosine=torch.einsum("nj,ckj->nck", v["direction"], prototypes))
    beta = spec.sharpness
    count = torch.tensor(float(v["cosine"].shape[2]), dtype=v["x"].dtype)
    _keep(v, score=(torch.logsumexp(beta * v["cosine"], 2) - count.log()) / beta)
    own = functional.one_hot(v["labels"], v["cosine"].shape[1]) * spec.margin
    _keep(v, logit=((v["score"] - own) / spec.temperature).to(v["x"].dtype))
    v["loss"] = v["surrogate"] = functional.cross_entropy(
        v["logit"], v["labels"], label_smoothing=spec.label_smoothing
    )


def _block(spec, v):
    """The definition, place by place, in torch's own channel order."""
    _keep(v, normalized=_normalize(v["x"], spec.norm))
    x, kernel = v["normalized"].movedim(3, 1), v["weight"].permute(3, 2, 0, 1)
    sums = functional.conv2d(x, kernel, None, spec.layer.stride, spec.layer.padding)
    _keep(v, sums=sums.movedim(1, 3))
    a = v["sums"].movedim(3, 1)
    if spec.channel_norm == "batch":
        state = v["running_mean"].clone(), v["running_variance"].clone()
        z = functional.batch_norm(a, *state, training=True)
        v["new_running_mean"], v["new_running_variance"] = state
    else:
        z = _normalize(a, NormSpec(spec.channel_norm))
    _keep(v, standardized=z.movedim(1, 3))
    _keep(v, preactivation=v["standardized"] * v.get("scale", 1.0) + v["shift"])
    h = functional.max_pool2d(torch.relu(v["preactivation"].movedim(3, 1)), spec.pool)
    if spec.residual:
        same = functional.adaptive_avg_pool2d(x, h.shape[2:])
        h = h + functional.pad(same, (0, 0, 0, 0, 0, h.shape[1] - same.shape[1]))
    _keep(v, activity=h.movedim(1, 3))
    f = v["activity"]
    if spec.auxiliary:
        f = f @ v["auxiliary_weight"] + v["auxiliary_bias"]
    if spec.grid is not None:
        f = functional.adaptive_avg_pool2d(f.movedim(3, 1), spec.grid).movedim(1, 3)
    _keep(v, features=f.contiguous())
    _hff(spec, v, of="features")


def _recurrent(spec, v):
    for name in ("below", "above"):
        _keep(v, **{f"normalized_{name}": _normalize(v[name], spec.norm)})
    below, above = v["normalized_below"], v["normalized_above"]
    _keep(v, preactivation=below @ v["weight"] + above @ v["top_down"] + v["bias"])
    _keep(v, activity=_relu(v["preactivation"], spec.relu))
    _keep(v, state=spec.damping * v["old"] + (1 - spec.damping) * v["activity"])
    _read_out(spec, v, "state")
    v["loss"] = v["surrogate"] = functional.binary_cross_entropy_with_logits(
        v["logit"], (v["polarity"] > 0).to(v["old"].dtype)
    )


def _pairs(spec, v):
    _goodness(spec, v, "activity")
    rows = [i for i, p in enumerate(v["partner"]) if p >= 0 and v["polarity"][i] > 0]
    others = v["partner"][rows]
    _keep(v, margin=v["goodness"][rows] - v["goodness"][others])
    return rows, others


def _surprise(u):
    """functional.softplus(-u), but for its cut at 20, which costs digits in float64."""
    return -functional.logsigmoid(u)


def _symba(spec, v):
    _pairs(spec, v)
    v["loss"] = v["surrogate"] = _surprise(spec.steepness * v["margin"]).mean()


def _cumulative(spec, v):
    rows, others = _pairs(spec, v)
    margin, below, beta = v["margin"], v["carried_margin"][rows], spec.steepness
    share = 0.0 if spec.remedy == "per-block" else spec.carried_weight
    v["carried_share"] = torch.full_like(below, share)
    if spec.remedy == "gated":
        v["carried_share"] = share * torch.sigmoid(-below)
    _keep(v, cumulative_margin=margin + v["carried_share"] * below)
    own = torch.zeros_like(below)
    if spec.remedy == "depth-scaled":
        hard = torch.sigmoid(-beta * below)
        own = (1 + 3 * spec.depth / (spec.layers - 1)) / 4 * hard / hard.mean()
    if spec.remedy == "calibrated":
        log = functional.logsigmoid
        ratio = (log(-beta * v["cumulative_margin"]) - log(-beta * margin)).exp()
        own = (1 - ratio).clamp(min=0).detach()
    v["own_share"] = own
    handed = v["carried_margin"].clone()
    handed[rows] += margin.detach()
    handed[others] += margin.detach()
    v["next_carried_margin"] = handed
    losses = _surprise(beta * v["cumulative_margin"]) + own * _surprise(beta * margin)
    v["loss"] = losses.mean()
    v["surrogate"] = v["loss"]


def _alike(spec, v, a, b):
    """Similarity of all rows of a and b; distances of differences, not of squares."""
    if spec.similarity == "dot":
        return a @ b.T
    if spec.similarity == "cosine":
        return functional.normalize(a, eps=1e-30) @ functional.normalize(b, eps=1e-30).T
    gaps = a[:, None] - b[None]
    return -((gaps @ v["factor"] if spec.similarity == "mahalanobis" else gaps) ** 2).sum(2)


def _faust(spec, v):
    y = v["activity"].flatten(1)
    if spec.activity_norm != "none":
        y = functional.normalize(y, eps=1e-30)
    if spec.activity_norm == "rms":
        y = y * y.shape[1] ** 0.5
    _keep(v, direction=y)
    own = functional.one_hot(v["labels"]).to(y.dtype)
    v["centroid"] = (own / own.sum(0)).T @ y.detach()
    v["class_score"] = _alike(spec, v, y.detach(), v["centroid"])
    tuples = v["tuples"]
    there = (tuples >= 0) & (tuples[:, :1] >= 0)
    nothing = torch.zeros((), dtype=y.dtype)
    _keep(v, similarity=_alike(spec, v, y, y).gather(1, tuples.clamp(min=0)).where(there, nothing))
    gaps = v["similarity"] - v["similarity"][:, :1]
    v["logit"] = (spec.scale * gaps).where(there, nothing)
    anchors = there[:, 0]
    logits = v["logit"][anchors].masked_fill(~there[anchors], -torch.inf)
    v["loss"] = v["surrogate"] = torch.logsumexp(logits, 1).mean()


def _collaboration(spec, v):
    _read_out(spec, v, "activity")
    _keep(v, logit=v["logit"] + v["carried_goodness"])
    v["next_carried_goodness"] = (v["carried_goodness"] + v["goodness"]).detach()
    v["loss"] = v["surrogate"] = functional.binary_cross_entropy_with_logits(
        v["logit"], (v["polarity"] > 0).to(v["x"].dtype)
    )


def _scff(spec, v):
    _goodness(spec, v, "activity")
    positive = v["polarity"] > 0
    g, h = v["goodness"][positive], v["goodness"][~positive]
    loss = (_surprise(g - spec.positive_threshold) + spec.penalty * g).mean()
    v["loss"] = v["surrogate"] = loss + _surprise(spec.negative_threshold - h).mean()


def _mono(spec, v):
    _keep(v, logit=v["activity"].flatten(1) @ v["projection"].flatten(1).T)
    v["loss"] = v["surrogate"] = functional.cross_entropy(
        v["logit"], v["labels"], label_smoothing=spec.label_smoothing
    )


def _cwc(spec, v):
    groups = v["activity"].unflatten(-1, (spec.classes, -1)) ** spec.power
    _keep(v, goodness=groups.movedim(-2, 1).flatten(2).mean(2))
    g, labels = v["goodness"], v["labels"]
    loss = functional.cross_entropy(g, labels)
    if spec.competition == "pvn":
        own = functional.one_hot(labels, spec.classes).bool()
        rest = g[~own].reshape(len(g), -1).mean(1)
        both = torch.cat([g[own] - spec.threshold, spec.threshold - rest])
        loss = _surprise(both).mean()
    v["loss"] = v["surrogate"] = loss


def _distance(spec, v):
    z = functional.normalize(v["activity"].flatten(1), eps=1e-30)
    _keep(v, direction=z)
    middles, labels = v["centroids"].flatten(1), v["labels"]
    _keep(v, goodness=-((z[:, None] - middles) ** 2).sum(2))
    g, own = v["goodness"], functional.one_hot(labels, len(middles))
    u = spec.scale * (g - g.gather(1, labels[:, None]) + spec.margin)
    v["logit"] = u.where(own == 0, torch.zeros((), dtype=u.dtype))
    v["loss"] = v["surrogate"] = torch.logsumexp(v["logit"], 1).mean()
    share = own.to(z.dtype) / own.sum(0).clamp(min=1)
    moved = spec.decay * middles + (1 - spec.decay) * (share.T @ z.detach())
    v["new_centroids"] = moved.where(own.any(0)[:, None], middles)


HEADS = {
    "hff": _hff,
    "symba": _symba,
    "cumulative": _cumulative,
    "faust": _faust,
    "layer-collaboration": _collaboration,
    "scff": _scff,
    "mono-forward": _mono,
    "cwc": _cwc,
    "deeper-forward": _cwc,
    "distance-forward": _distance,
}
"""Families that are a head in a layer."""
