"""Every case of the oracle in PyTorch: the forward pass, and autograd for all derivatives.

A second implementation in another framework's words; it shares nothing with ffref but the names.
"""

import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def run(case, dtype):
    """Every quantity that the case has golden values of, in `dtype`."""
    given = {n: _tensor(a, dtype) for n, a in case.inputs.items()}
    numbers = sorted({n.split(".")[0] for n in given if "." in n})
    if not numbers:
        return _step(case, given)
    values, x = {}, given["x"]
    for number in numbers:
        own = {n.split(".")[1]: a for n, a in given.items() if n.startswith(f"{number}.")}
        step = _step(case, {**own, "polarity": given["polarity"], "x": x})
        values |= {f"{number}.{name}": value for name, value in step.items()}
        x = step["activity"]
    return values


def _tensor(array, dtype):
    return torch.tensor(array) if array.dtype.kind == "i" else torch.tensor(array, dtype=dtype)


def _step(case, given):
    learned = {n: a.clone().requires_grad_() for n, a in given.items()
               if n in ("weight", "bias", "top_down", "prototypes")}  # fmt: skip
    v = {**given, **learned}
    {"ff": _ff, "hff": _hff, "recurrent": _recurrent}[case.family](case.spec, v)
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
    square = (rows**2).mean(1, keepdim=True) if norm.kind == "rms" else rows.norm(
        dim=1, keepdim=True) ** 2  # fmt: skip
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


def _read_out(spec, v, of):
    rows = v[of].flatten(1)
    goodness = (rows**2).sum(1) if spec.goodness == "sum" else (rows**2).mean(1)
    _keep(v, goodness=goodness)
    threshold = spec.threshold + spec.threshold_per_unit * rows.shape[1]
    _keep(v, logit=spec.sign * (goodness - threshold))


def _ff(spec, v):
    positive = v["polarity"] > 0
    v["x"] = _encoded(spec, v)
    _keep(v, normalized=_normalize(v["x"], spec.norm))
    _keep(v, preactivation=_sums(spec, v))
    _keep(v, activity=_relu(v["preactivation"], spec.relu))
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


def _hff(spec, v):
    _keep(v, normalized=_normalize(v["x"], spec.norm))
    _keep(v, preactivation=_sums(spec, v))
    _keep(v, activity=_relu(v["preactivation"], spec.relu))
    _keep(v, direction=functional.normalize(v["activity"].flatten(1), eps=1e-30))
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
