"""Mono-Forward, competing channels and distances, with the mistakes named in `wrong`."""

import numpy as np

from tests.mistaken.ff import after_loss


def _one_hot(labels, classes, wrong, dtype):
    shifted = (labels + 1) % classes if "labels from 1" in wrong else labels
    return np.eye(classes, dtype=dtype)[shifted]


def _log_softmax(u, wrong):
    if "exp overflows in softmax" in wrong:
        return np.log(np.exp(u) / np.exp(u).sum(1, keepdims=True))
    top = u.max(1, keepdims=True)
    return u - top - np.log(np.exp(u - top).sum(1, keepdims=True))


def _entropy(u, target, wrong):
    """Losses of rows, and their derivative in u."""
    if "softmax twice" in wrong:
        p = np.exp(_log_softmax(u, wrong))
        q = np.exp(_log_softmax(p, wrong)) - target
        inner = p * q
        return -(target * _log_softmax(p, wrong)).sum(1), inner - p * inner.sum(1, keepdims=True)
    logs = _log_softmax(u, wrong)
    slopes = np.exp(logs) - target
    if "target left out of the gradient" in wrong:
        slopes = np.exp(logs)
    if "wrong classes give no gradient" in wrong:
        slopes = slopes * (target > 0)
    return -(target * logs).sum(1), slopes


def mono(spec, given, y, wrong):
    m = given["projection"]
    classes = len(m)
    if "projection rows normalised" in wrong:
        m = m / np.sqrt((m * m).sum(tuple(range(1, m.ndim)), keepdims=True))
    u = y.reshape(len(y), -1) @ m.reshape(classes, -1).T
    if "logits over the root of the units" in wrong:
        u = u / np.sqrt(y[0].size).astype(y.dtype)
    target = _one_hot(given["labels"], classes, wrong, y.dtype)
    if "no smoothing" not in wrong:
        share = spec.label_smoothing
        target = (target * (1 - share) + share / classes).astype(y.dtype)
    losses, slopes = _entropy(u, target, wrong)
    loss, factor = after_loss(losses.mean(), wrong, len(y))
    d_u = slopes * factor / len(y)
    d_y = np.tensordot(d_u, m, 1)
    if "projection alone learns" in wrong:
        d_y = 0 * d_y
    d_m = np.tensordot(d_u.T, y, 1)
    return {"logit": u, "loss": loss, "d_logit": d_u}, d_y, {"d_projection": d_m}


def channels(spec, given, y, wrong):
    labels, b, classes = given["labels"], len(y), spec.classes
    count = y.shape[-1]
    owner = np.arange(count) % classes if "channels in turn" in wrong else np.repeat(
        np.arange(classes), count // classes)  # fmt: skip
    power = {"activity for square": 1, "square for activity": 2}
    power = next((p for name, p in power.items() if name in wrong), spec.power)
    raised, slope = y**power, (2 * y if power == 2 else np.ones_like(y))
    if "factor 2 of the class's square left out" in wrong:
        slope = slope / 2
    axes = tuple(range(1, y.ndim - 1))
    per_channel = raised.sum(axes) if axes else raised
    size = y[0].size // classes
    if "sum over the units of a class" in wrong:
        size = 1
    if "class's mean over channels alone" in wrong:
        size = count // classes
    g = np.stack([per_channel[:, owner == c].sum(1) for c in range(classes)], 1) / size
    target = _one_hot(labels, classes, wrong, y.dtype)
    is_pvn = spec.competition == "pvn"
    if not is_pvn or "softmax for pvn" in wrong:
        losses, slopes = _entropy(g, target, wrong)
    else:
        theta = 0.0 if "no threshold in pvn" in wrong else spec.threshold
        others = 1 if "others summed" in wrong else classes - 1
        own, rest = (g * target).sum(1), (g * (1 - target)).sum(1) / others
        losses = (np.logaddexp(0, theta - own) + np.logaddexp(0, rest - theta)) / 2
        up, down = 1 / (1 + np.exp(own - theta)), 1 / (1 + np.exp(theta - rest))
        slopes = np.where(target > 0, -up[:, None], down[:, None] / others) / 2
    loss, factor = after_loss(losses.mean(), wrong, b)
    d_g = (slopes * factor / b).astype(y.dtype)
    d_channel = d_g[:, owner] / size
    d_y = slope * d_channel.reshape(b, *[1] * (y.ndim - 2), count)
    return {"goodness": g, "loss": loss, "d_goodness": d_g}, d_y, {}


def distances(spec, given, y, wrong):
    labels, m, b = given["labels"], given["centroids"], len(y)
    flat, rows = m.reshape(len(m), -1), y.reshape(b, -1)
    size = np.sqrt((rows * rows).sum(1, keepdims=True))
    z = np.divide(rows, size, out=np.zeros_like(rows), where=size != 0)
    if "activity not normalised" in wrong:
        z = rows
    gaps = z[:, None] - flat
    g = -np.sum(gaps * gaps, 2)
    if "centroid distance not squared" in wrong:
        g = -np.sqrt(-g)
    own = np.eye(len(m), dtype=y.dtype)[labels]
    scale = 1.0 if "no scale" in wrong else spec.scale
    margin = 0.0 if "no margin" in wrong else spec.margin
    if "margin's sign" in wrong:
        margin = -margin
    u = scale * (g - (g * own).sum(1, keepdims=True) + margin) * (1 - own)
    u = u.astype(y.dtype)
    e = np.exp(u - u.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True) * (1 - own)
    losses = u.max(1) + np.log(e.sum(1))
    loss, factor = after_loss(losses.mean(), wrong, b)
    outer = 1.0 if "no scale in the gradient" in wrong else scale
    d_g = (p - own * p.sum(1, keepdims=True)) * (outer * factor / b)
    if "centroid distance not squared" in wrong:
        d_g = d_g / (-2 * g)
    d_z = -2 * (d_g[:, :, None] * gaps).sum(1)
    d_y = d_z
    if not {"activity not normalised", "activity: normalisation left out of the gradient"} & wrong:
        if "activity: radial part stays" not in wrong:
            d_y = d_y - z * (d_y * z).sum(1, keepdims=True)
        d_y = np.divide(d_y, size, out=np.zeros_like(d_y), where=size != 0)
    values = {
        "direction": z.reshape(y.shape), "goodness": g, "logit": u,
        "new_centroids": _moved(spec, flat, rows, z, labels, wrong).reshape(m.shape),
        "loss": loss, "d_goodness": d_g.astype(y.dtype),
    }  # fmt: skip
    return values, d_y.reshape(y.shape).astype(y.dtype), {}


def _moved(spec, m, rows, z, labels, wrong):
    keep = 1 - spec.decay if "decay swapped" in wrong else spec.decay
    out = m.copy()
    for c in range(len(m)):
        here = (rows if "centroids of raw activity" in wrong else z)[labels == c]
        if len(here):
            out[c] = keep * m[c] + (1 - keep) * here.mean(0)
        elif "absent class decays" in wrong:
            out[c] = keep * m[c]
    return out
