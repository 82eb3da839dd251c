"""FF's local step, and a recurrent layer's, with the mistakes named in `wrong`."""

import numpy as np

from tests.mistaken.layer import (
    activate,
    as_read,
    backward,
    forward,
    gate,
    normalize,
    normalize_back,
    pass_gate,
    rescale,
)


def run(case, wrong, dtype=np.float64):
    given = {n: a if a.dtype.kind == "i" else a.astype(dtype) for n, a in case.inputs.items()}
    spec = case.spec
    with np.errstate(all="ignore"):
        if case.family == "recurrent":
            return recurrent(spec, given, wrong)
        if "layer1.weight" not in given:
            return one_layer(spec, given, wrong)
        return two_layers(spec, given, wrong)


def two_layers(spec, given, wrong):
    lower, upper = (
        {"polarity": given["polarity"], "weight": given[f"layer{k}.weight"],
         "bias": given[f"layer{k}.bias"]} for k in (1, 2)
    )  # fmt: skip
    lower["x"] = given["x"]
    first = one_layer(spec, lower, wrong)
    upper["x"] = first["activity"]
    above = {"input not normalised"} if "no norm between layers" in wrong else set()
    second = one_layer(spec, upper, wrong | above)
    d_normalized = second["d_preactivation"] @ as_read(upper["weight"], wrong).T
    d_x = normalize_back(d_normalized, upper["x"], spec.norm, wrong | above)
    if "leak from above" in wrong:
        first = one_layer(spec, lower, wrong, d_from_above=d_x)
    if "back-propagated from the top" in wrong:
        first = one_layer(spec, lower, wrong, d_from_above=d_x - first["d_activity"])
    return {f"layer1.{n}": v for n, v in first.items()} | {
        f"layer2.{n}": v for n, v in second.items()
    }


def encode(spec, given, wrong):
    label, images = spec.label, given["images"]
    strength = label.strength
    for word in ("one", "batch-max", "row-max"):
        if f"label strength {word}" in wrong:
            strength = word
    sides = [given["labels"], given["negative_labels"]]
    if "labels exchanged" in wrong:
        sides.reverse()
    if "true label in negatives" in wrong:
        sides[1] = sides[0]
    blocks = []
    for labels in sides:
        block = images.copy()
        if not {"slots not zeroed", "label added to slots"} & wrong:
            block[:, : label.classes] = 0
        for i, k in enumerate(labels):
            height = {"one": 1.0, "batch-max": images.max(), "row-max": images[i].max()}[strength]
            column = (k + 1) % label.classes if "labels from 1" in wrong else k
            block[i, column] = height + (
                block[i, column] if "label added to slots" in wrong else 0
            )
        blocks.append(block)
    return np.vstack(blocks)


def sides_of(given, wrong):
    s = given["polarity"]
    if "sides exchanged" in wrong:
        s = -s
    if "all rows positive" in wrong:
        s = s * s
    if "first half positive" in wrong:
        half = (len(s) + 1) // 2
        s = np.concatenate([np.ones(half), -np.ones(len(s) - half)]).astype(s.dtype)
    return s


def goodness_of(y, spec, wrong):
    """Goodness of each row, and its derivative in y."""
    rows = y.reshape(len(y), -1)
    kind = spec.goodness
    if "mean for sum" in wrong:
        kind = "mean"
    if "sum for mean" in wrong:
        kind = "sum"
    n = rows.shape[1] if kind == "mean" else 1
    if "mean over channels" in wrong and y.ndim == 4 and kind == "mean":
        n = y.shape[-1]
    if "first power" in wrong:
        return rows.sum(1) / n, np.ones_like(y) / n
    g = (rows * rows).sum(1) / n
    if "length as goodness" in wrong:
        root = np.sqrt(g)
        per_row = np.divide(1, n * root, out=np.zeros_like(root), where=root > 0)
        return root, y * per_row.reshape(-1, *[1] * (y.ndim - 1))
    slope = 2 * y / n
    if "factor 2 of the square left out" in wrong:
        slope = y / n
    if "1/n of the mean left out" in wrong:
        slope = 2 * y
    if "activity left out of the slope" in wrong:
        slope = np.full_like(y, 2 / n)
    return g, slope


def threshold_of(spec, n, wrong):
    theta = spec.threshold + spec.threshold_per_unit * n
    if "no threshold" in wrong:
        theta = 0.0
    if "threshold added" in wrong:
        theta = -theta
    if "threshold times units" in wrong:
        theta = theta * n
    if "threshold over units" in wrong:
        theta = theta / n
    if "threshold 2" in wrong:
        theta = 2.0
    return theta


def logistic(g, theta, s, spec, wrong):
    """Logit, loss of each row, and its derivative in the logit."""
    sign = -spec.sign if "sign of goodness" in wrong else spec.sign
    z = sign * (g - theta)
    if "threshold keeps its sign" in wrong:
        z = sign * g - theta
    sz = s * z
    losses = np.logaddexp(0, -sz)
    p = 1 / (1 + np.exp(-sz))  # probability of the right side
    slopes = -s / (1 + np.exp(sz))
    if "no threshold in the gradient" in wrong:
        slopes = -s / (1 + np.exp(s * sign * g))
    if "log(1 + exp) overflows" in wrong:
        e = np.exp(-sz)
        losses, slopes = np.log(1 + e), -s * e / (1 + e)
    if "probability maximised" in wrong:
        losses, slopes = -p, -s * p * (1 - p)
    if "negatives add log p" in wrong:
        losses = np.where(s > 0, np.logaddexp(0, -z), -np.logaddexp(0, -z))
        slopes = np.where(s > 0, -1 / (1 + np.exp(z)), 1 / (1 + np.exp(z)))
    if "targets -1 and 1" in wrong:
        # as PyTorch writes it: (1 - t) z + log(1 + exp(-z))
        losses = (1 - s) * z + np.logaddexp(0, -z)
        slopes = 1 - s - 1 / (1 + np.exp(z))
    if "p for 1 - p" in wrong:
        slopes = -s / (1 + np.exp(-sz))
    if "side's sign left out" in wrong:
        slopes = -1 / (1 + np.exp(sz))
    if "negatives left out" in wrong:
        losses, slopes = losses * (s > 0), slopes * (s > 0)
    if "no gradient of negatives" in wrong:
        slopes = slopes * (s > 0)
    return sign, z, losses, slopes


def weights_of_rows(s, spec, wrong):
    """How much each row counts in the loss, and in the gradient."""
    b = len(s)
    share = np.full_like(s, 1 / b)
    if getattr(spec, "reduction", "rows") == "sides" or "two means" in wrong:
        share = np.where(s > 0, 1 / max((s > 0).sum(), 1), 1 / max((s < 0).sum(), 1))
    share = share.astype(s.dtype)
    if "sum over rows" in wrong:
        share = share * b
    if "mean over pairs" in wrong:
        share = share * 2
    return share


def after_loss(loss, wrong, b):
    """Factor of the gradient, and the loss that is returned."""
    factor = 1.0
    for name, number in (("everything halved", 0.5), ("everything over the batch", 1 / b)):
        if name in wrong:
            loss, factor = loss * number, factor * number
    for name, number in (
        ("gradient not over the batch", b),
        ("gradient over the batch twice", 1 / b),
        ("gradient halved", 0.5),
        ("gradient ascends", -1),
    ):
        if name in wrong:
            factor *= number
    if "loss summed, gradient not" in wrong:
        loss = loss * b
    return loss, factor


def peers(spec, y, s, given, wrong):
    """Moved mean, loss, derivative in y, push on a."""
    peer = spec.peer
    positive = s > 0
    count = positive.sum()
    now = y.mean(0) if "peers' mean over all rows" in wrong else y[positive].mean(0)
    keep = 1 - peer.momentum if "momentum swapped" in wrong else peer.momentum
    old = given["running_mean"]
    moved = old if "running mean not moved" in wrong else keep * old + (1 - keep) * now
    pushing = moved
    if "old mean pushes" in wrong:
        pushing = old
    if "batch mean pushes" in wrong:
        pushing = now
    apart = pushing if "peers' mean not subtracted" in wrong else pushing - pushing.mean()
    form = peer.form
    if "peers differentiated" in wrong:
        form = "loss"
    if "peers by rule" in wrong:
        form = "rule"
    strength = 0.0 if "no peers" in wrong else peer.strength
    if "peers' sign" in wrong:
        apart = -apart
    who = positive.astype(y.dtype) / count
    if "peers push all rows" in wrong:
        who = np.full_like(s, 1 / count)
    if "peers' push over the batch" in wrong:
        who = positive.astype(y.dtype) / len(s)
    loss, pull, push = 0.0, np.zeros_like(y), np.zeros_like(y)
    if form == "loss":
        loss = strength * np.mean(apart**2)
        passed = 1 if "1 - momentum left out" in wrong else 1 - peer.momentum
        pull = np.outer(who, 2 * strength * passed / y.shape[1] * apart)
    else:
        push = np.outer(who, strength * apart)
        if "peers' push over units" in wrong:
            push = push / y.shape[1]
        if "peers in the loss too" in wrong:
            loss = strength * np.mean(apart**2)
    return moved, loss, pull, push


def one_layer(spec, given, wrong, d_from_above=0.0):
    x = given["x"] if spec.label is None else encode(spec, given, wrong)
    normalized = normalize(x, spec.norm, wrong)
    a = forward(normalized, given["weight"], given["bias"], spec.layer, wrong)
    y = activate(a, wrong)
    s = sides_of(given, wrong)
    g, slope = goodness_of(y, spec, wrong)
    theta = threshold_of(spec, y[0].size, wrong)
    sign, z, losses, slopes = logistic(g, theta, s, spec, wrong)
    share = weights_of_rows(s, spec, wrong)
    loss = (share * losses).sum()
    state, pull, push = {}, 0.0, 0.0
    if spec.peer is not None:
        moved, more, pull, push = peers(spec, y, s, given, wrong)
        loss, state = loss + more, {"new_running_mean": moved}
    loss, factor = after_loss(loss, wrong, len(s))
    d_z = factor * share * slopes
    d_y = d_z.reshape(-1, *[1] * (y.ndim - 1)) * sign * slope + factor * pull + d_from_above
    open_gate = gate(a, spec.relu, wrong)
    if "peers' push gated" in wrong:
        push = push * open_gate
    d_a = pass_gate(d_y, open_gate) + factor * push
    d_weight, d_bias = backward(x, normalized, given["weight"], d_a, spec.layer, wrong)
    values = {
        **({} if spec.label is None else {"x": x}),
        "normalized": normalized, "preactivation": a, "activity": y, "goodness": g, "logit": z,
        **state, "loss": loss, "d_logit": d_z, "d_activity": d_y, "d_preactivation": d_a,
        "d_weight": d_weight, "d_bias": d_bias,
    }  # fmt: skip
    return rescale(values, wrong, len(s))


def recurrent(spec, given, wrong):
    low = "below not normalised" in wrong
    top = "above not normalised" in wrong
    below = given["below"] if low else normalize(given["below"], spec.norm, wrong)
    above = given["above"] if top else normalize(given["above"], spec.norm, wrong)
    drive = 0 if "no input from above" in wrong else above @ given["top_down"]
    a = below @ given["weight"] + drive
    if "bias left out" not in wrong:
        a = a + given["bias"]
    y = activate(a, wrong)
    keep = spec.damping
    if "damping swapped" in wrong:
        keep = 1 - keep
    if "no damping" in wrong:
        keep = 0.0
    h = keep * given["old"] + (1 - keep) * y
    scored = y if "goodness of the new activity" in wrong else h
    s = sides_of(given, wrong)
    g, slope = goodness_of(scored, spec, wrong)
    theta = threshold_of(spec, y.shape[1], wrong)
    sign, z, losses, slopes = logistic(g, theta, s, spec, wrong)
    share = weights_of_rows(s, spec, wrong)
    loss, factor = after_loss((share * losses).sum(), wrong, len(s))
    d_z = factor * share * slopes
    d_h = d_z[:, None] * sign * slope
    passed = 1 - keep
    if {"1 - damping left out of the gradient", "goodness of the new activity"} & wrong:
        passed = 1.0
    if "damping in the gradient" in wrong:
        passed = keep
    open_gate = gate(h if "gated by the state" in wrong else a, spec.relu, wrong)
    d_a = pass_gate(passed * d_h, open_gate)
    seen = given["below"] if "raw input in d_weight" in wrong else below
    values = {
        "normalized_below": below, "normalized_above": above, "preactivation": a, "activity": y,
        "state": h, "goodness": g, "logit": z, "loss": loss, "d_logit": d_z, "d_state": d_h,
        "d_preactivation": d_a, "d_weight": seen.T @ d_a, "d_top_down": above.T @ d_a,
        "d_bias": np.zeros_like(given["bias"]) if "d_bias left out" in wrong else d_a.sum(0),
    }  # fmt: skip
    return rescale(values, wrong, len(s))
