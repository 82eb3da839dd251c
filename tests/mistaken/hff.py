"""HFF's local step, with the mistakes named in `wrong`."""

import numpy as np

from tests.mistaken.ff import after_loss


def _soft(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _unit(x):
    size = np.sqrt((x * x).sum(-1, keepdims=True))
    return np.divide(x, size, out=np.zeros_like(x), where=size != 0), size


def _tangent(d, u, size, wrong, whose):
    """Back through u = x / size."""
    if f"{whose}: normalisation left out of the gradient" in wrong:
        return d
    if f"{whose}: radial part stays" not in wrong:
        d = d - u * (d * u).sum(-1, keepdims=True)
    if f"{whose}: not over the length" in wrong:
        return d
    return np.divide(d, size, out=np.zeros_like(d), where=size != 0)


def head(spec, given, y, wrong):
    """In the layer of `head`."""
    values, d_y, d_prototypes = sphere(spec, given, y, wrong)
    return values, d_y, {"d_prototypes": d_prototypes}


def sphere(spec, given, y, wrong):
    """From what is compared with the prototypes to the derivatives in it and in them."""
    labels, prototypes = given["labels"], given["prototypes"]
    b, classes, count = len(y), *prototypes.shape[:2]
    rows, flat = y.reshape(b, -1), prototypes.reshape(classes, count, -1)
    if "prototypes channels last" in wrong and y.ndim == 4:
        flat = prototypes.transpose(0, 1, 4, 2, 3).reshape(classes, count, -1)
    z, size = _unit(rows)
    if "silent row over 0" in wrong:
        z = rows / size
    q, lengths = _unit(flat)
    if "activity not normalised" in wrong:
        z = rows
    if "prototypes not normalised" in wrong:
        q = flat
    cosine = (z[:, None, None, :] * q).sum(-1)
    score, within = _scores(spec, cosine, wrong)
    true = labels
    if "labels from 1" in wrong:
        true = (labels + 1) % classes
    own = np.zeros((b, classes), y.dtype)
    own[np.arange(b), true] = 1
    temperature = 1 / spec.temperature if "temperature inverted" in wrong else spec.temperature
    if "no temperature" in wrong:
        temperature = 1.0
    logit = _logits(spec, score, own, temperature, wrong)
    losses, slopes = _entropy(spec, logit, own, wrong)
    loss, factor = losses.mean(), 1.0
    if "sum over rows" in wrong:
        loss, factor = losses.sum(), float(b)
    loss, more = after_loss(loss, wrong, b)
    d_logit = factor * more * slopes / b
    d_score = d_logit / temperature
    if "no temperature in the gradient" in wrong:
        d_score = d_logit
    d_cosine = d_score[:, :, None] * within
    d_z = (d_cosine[..., None] * q).sum((1, 2))
    d_y = (d_z if "activity not normalised" in wrong else
           _tangent(d_z, z, size, wrong, "activity")).reshape(y.shape)  # fmt: skip
    to_prototypes = d_cosine * own[:, :, None] if "own prototypes alone" in wrong else d_cosine
    d_q = np.tensordot(to_prototypes, z, axes=(0, 0))
    d_p = d_q if "prototypes not normalised" in wrong else _tangent(
        d_q, q, lengths, wrong, "prototypes")  # fmt: skip
    if "prototypes channels last" in wrong and y.ndim == 4:
        height, width, channels = y.shape[1:]
        d_p = d_p.reshape(classes, count, channels, height, width).transpose(0, 1, 3, 4, 2)
    if "d_prototypes left out" in wrong:
        d_p = np.zeros_like(d_p)
    values = {
        "direction": z.reshape(y.shape), "cosine": cosine, "score": score, "logit": logit,
        "loss": loss, "d_logit": d_logit,
    }  # fmt: skip
    return values, d_y, d_p.reshape(prototypes.shape)


def _scores(spec, cosine, wrong):
    """Score of each class, and each prototype's part of its gradient."""
    count = cosine.shape[2]
    beta = spec.sharpness
    if "temperature for sharpness" in wrong:
        beta = 1 / spec.temperature
    if "sharpness inverted" in wrong:
        beta = 1 / beta
    top = cosine.max(2)
    score = top + np.log(np.exp(beta * (cosine - top[..., None])).mean(2)) / beta
    within = _soft(beta * cosine)
    if "sum over prototypes" in wrong:
        score = score + np.log(count) / beta
    if "largest prototype" in wrong:
        score, within = top, (cosine == top[..., None]).astype(cosine.dtype)
    if "mean over prototypes" in wrong:
        score, within = cosine.mean(2), np.full_like(cosine, 1 / count)
    if "gradient shared evenly" in wrong:
        within = np.full_like(cosine, 1 / count)
    if "gradient whole to each" in wrong:
        within = np.ones_like(cosine)
    return score, within


def _logits(spec, score, own, temperature, wrong):
    margin, where = spec.margin, own
    if "no margin" in wrong:
        margin = 0.0
    if "margin's sign" in wrong:
        margin = -margin
    if "margin cut at 0" in wrong:
        margin = max(margin, 0.0)
    if "margin on wrong classes" in wrong:
        where = 1 - own
    if "margin on all classes" in wrong:
        where = np.ones_like(own)
    if "margin after temperature" in wrong:
        return score / temperature - margin * where
    return (score - margin * where) / temperature


def _entropy(spec, logit, own, wrong):
    classes, smoothing = own.shape[1], spec.label_smoothing
    if "no smoothing" in wrong:
        smoothing = 0.0
    target = own * (1 - smoothing) + smoothing / classes
    if "smoothing over wrong classes" in wrong:
        target = own * (1 - smoothing) + (1 - own) * smoothing / (classes - 1)
    taken = _soft(logit) if "softmax twice" in wrong else logit
    logs = taken - taken.max(1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(1, keepdims=True))
    losses, slopes = -(target * logs).sum(1), _soft(taken) - target
    if "softmax over the batch" in wrong:
        shares = np.exp(logit - logit.max(0)) / np.exp(logit - logit.max(0)).sum(0)
        losses = -(target * np.log(shares)).sum(1)
        slopes = shares * target.sum(0) - target
    if "softmax twice" in wrong:
        jacobians = [np.diag(p) - np.outer(p, p) for p in taken]
        slopes = np.stack([j @ d for j, d in zip(jacobians, slopes, strict=True)])
    if "target left out of the gradient" in wrong:
        slopes = _soft(logit)
    if "wrong classes give no gradient" in wrong:
        slopes = slopes * own
    return losses, slopes
