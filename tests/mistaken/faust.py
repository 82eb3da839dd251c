"""FAUST's tuplet loss, with the mistakes named in `wrong`: one pair of rows at a time."""

import numpy as np

from tests.mistaken.ff import after_loss


def _norm(spec, wrong):
    return "none" if "activity not normalised" in wrong else spec.activity_norm


def _direct(row, kind):
    """The row over its norm, and the norm; 0 for a row of zeros."""
    size = {"none": 1.0, "l2": np.sqrt(row @ row), "rms": np.sqrt(np.mean(row * row))}[kind]
    return (row / size if size else 0 * row), size


def _undo(d, z, size, kind, wrong):
    if kind == "none" or "activity: normalisation left out of the gradient" in wrong:
        return d
    if not size:
        return 0 * d
    if "activity: radial part stays" in wrong:
        return d / size
    return (d - z * (z @ d) / (len(z) if kind == "rms" else 1)) / size


def _compare(a, b, factor, kind, wrong):
    """Similarity, and its slopes in a, b and factor."""
    if kind in ("dot", "cosine"):
        s, d_a, d_b = a @ b, b, a
        if kind == "cosine":
            m, n = np.sqrt(a @ a), np.sqrt(b @ b)
            if not m or not n:
                return 0.0, 0 * a, 0 * b, None
            s = s / (m * n)
            d_a, d_b = (b / n - s * a / m) / m, (a / m - s * b / n) / n
        return s, d_a, d_b, None
    gap = a - b
    seen = gap if kind == "euclidean" else gap @ factor
    s = -(seen @ seen)
    d_seen = -2 * seen
    if "distance not squared" in wrong:
        s = -np.sqrt(-s)
        d_seen = np.divide(d_seen, -2 * s, out=0 * d_seen, where=s != 0)
    if kind == "euclidean":
        return s, d_seen, -d_seen, None
    d_gap = factor @ d_seen
    d_factor = np.outer(a if "factor from anchors" in wrong else gap, d_seen)
    return s, d_gap, -d_gap, d_factor


def head(spec, given, y, wrong):
    rows = y.reshape(len(y), -1)
    norm, kind = _norm(spec, wrong), spec.similarity
    if "dot for cosine" in wrong and kind == "cosine":
        kind = "dot"
    factor = given.get("factor")
    if factor is not None and "factor read as (rank, units)" in wrong:
        factor = factor.ravel(order="F").reshape(factor.shape)
    pairs = [_direct(row, norm) for row in rows]
    z = np.array([pair[0] for pair in pairs], y.dtype)
    between = {"direction": z.reshape(y.shape), **_centroids(given, rows, z, y, wrong)}
    between["class_score"] = np.array(
        [[_compare(a, c.ravel(), factor, kind, wrong)[0] for c in between["centroid"]] for a in z]
    )
    if "score by dot product" in wrong:
        between["class_score"] = z @ between["centroid"].reshape(-1, z.shape[1]).T
    tuples = given["tuples"]
    there = (tuples >= 0) & (tuples[:, :1] >= 0)
    if "-1 is the last row" in wrong:
        there = np.ones_like(there)
    similar, logit = (np.zeros(tuples.shape, y.dtype) for _ in range(2))
    slopes = np.zeros(tuples.shape, y.dtype)
    losses = np.zeros(len(y), y.dtype)
    scale = spec.scale
    if "no scale" in wrong:
        scale = 1.0
    if "scale inverted" in wrong:
        scale = 1 / scale
    for i, t in np.argwhere(there):
        similar[i, t] = _compare(z[i], z[tuples[i, t]], factor, kind, wrong)[0]
    for i in np.nonzero(there[:, 0])[0]:
        logit[i] = np.where(there[i], scale * (similar[i] - similar[i, 0]), 0)
        losses[i], slopes[i] = _entropy(logit[i], there[i], wrong)
    count = len(y) if "mean over all rows" in wrong else max(there[:, 0].sum(), 1)
    loss, after = after_loss(losses.sum() / count, wrong, len(y))
    outer = 1.0 if "no scale in the gradient" in wrong else scale
    d_similar = slopes * (after * outer / count)
    d_z, d_factor = np.zeros_like(z), 0 * factor if factor is not None else None
    for i, t in np.argwhere(there):
        j, push = tuples[i, t], d_similar[i, t]
        _, d_a, d_b, d_f = _compare(z[i], z[j], factor, kind, wrong)
        d_z[i] += push * d_a
        if not _is_detached(t, wrong):
            d_z[j] += push * d_b
        if d_f is not None:
            d_factor += push * d_f
    d_y = np.array([_undo(d, *p, norm, wrong) for d, p in zip(d_z, pairs, strict=True)])
    between |= {"similarity": similar, "logit": logit, "loss": loss, "d_similarity": d_similar}
    learned = {} if factor is None else {"d_factor": d_factor}
    return between, d_y.reshape(y.shape).astype(y.dtype), learned


def _is_detached(t, wrong):
    if "anchors alone learn" in wrong:
        return True
    return t > 0 if "negatives detached" in wrong else False


def _entropy(logit, there, wrong):
    kept = there.copy()
    if "positive left out of the sum" in wrong:
        kept[0] = not there[1:].any()
    top = logit[kept].max()
    if "exp overflows" in wrong:
        top = 0.0
    e = np.where(kept, np.exp(logit - top), 0)
    p = e / e.sum()
    p[0] = -p[1:].sum()
    return top + np.log(e.sum()), np.where(there, p, 0)


def _centroids(given, rows, z, y, wrong):
    labels = given["labels"]
    made = []
    for c in range(labels.max() + 1):
        own = (rows if "centroid of raw activity" in wrong else z)[labels == c]
        middle = own.sum(0) if "centroid a sum" in wrong else own.mean(0)
        if "centroid of unit length" in wrong:
            middle = middle / np.sqrt(middle @ middle)
        made.append(middle.reshape(y.shape[1:]))
    return {"centroid": np.array(made, y.dtype)}
