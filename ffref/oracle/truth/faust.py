"""FAUST in plain loops: an anchor against its positive and its negatives.

The reconstruction of docs/derivations/faust.md, section 2: the tuplet loss of Sohn (2016),
equation 6, on normalised activity; written without sight of the code.
"""

import numpy as np

from ffref.oracle.specs import FaustSpec, NormSpec
from ffref.oracle.truth import layer
from ffref.oracle.truth.hff import length, probabilities
from ffref.oracle.truth.numbers import Exact, ExactValues, Number, mean, mp, number, total, zeros
from ffref.oracle.truth.steps import Formulation, Mode, Step


def formulation(spec: FaustSpec) -> Formulation:
    """Steps of one layer under this specification."""
    forward: dict[str, Step] = {
        "direction": lambda v, s, mode: layer.normalized(v["activity"], NormSpec(s.activity_norm)),
        "centroid": centroid,
        "class_score": class_score,
        "similarity": similarity,
        "logit": logit,
        "loss": loss,
    }
    backward: dict[str, Step] = {"d_similarity": d_similarity, "d_activity": d_activity}
    if spec.similarity == "mahalanobis":
        backward["d_factor"] = d_factor
    return layer.formulation(spec, forward, backward)


def projected(v: ExactValues, gap: Exact) -> list[Number]:
    """A difference of rows, times the factor."""
    columns = v["factor"].T
    return [total(g * f for g, f in zip(gap, column, strict=True)) for column in columns]


def alike(v: ExactValues, spec: FaustSpec, a: Exact, b: Exact) -> Number:
    """How similar two rows are."""
    a, b = a.ravel(), b.ravel()
    if spec.similarity == "euclidean":
        return -total((p - q) ** 2 for p, q in zip(a, b, strict=True))
    if spec.similarity == "mahalanobis":
        return -total(entry**2 for entry in projected(v, a - b))
    product = total(p * q for p, q in zip(a, b, strict=True))
    if spec.similarity == "dot" or not product:
        return product
    return product / (length(a) * length(b))


def centroid(v: ExactValues, spec: FaustSpec, mode: Mode) -> Exact:
    """Mean of the normalised rows of each class."""
    out = zeros((max(v["labels"]) + 1, *v["direction"].shape[1:]))
    for c in range(len(out)):
        own = [row for row, label in zip(v["direction"], v["labels"], strict=True) if label == c]
        for index in np.ndindex(*out.shape[1:]):
            out[(c, *index)] = mean([row[index] for row in own])
    return out


def class_score(v: ExactValues, spec: FaustSpec, mode: Mode) -> Exact:
    """Each row's similarity to each centroid."""
    out = zeros((len(v["direction"]), len(v["centroid"])))
    for n, c in np.ndindex(*out.shape):
        out[n, c] = alike(v, spec, v["direction"][n], v["centroid"][c])
    return out


def members(v: ExactValues) -> list[tuple[int, list[tuple[int, int]]]]:
    """Each anchor with its members that are there, as (column, row); the positive first."""
    return [
        (i, [(t, j) for t, j in enumerate(row) if j >= 0])
        for i, row in enumerate(v["tuples"])
        if row[0] >= 0
    ]


def similarity(v: ExactValues, spec: FaustSpec, mode: Mode) -> Exact:
    """Of each anchor and each member; 0 where there is none."""
    out = zeros(v["tuples"].shape)
    for i, others in members(v):
        for t, j in others:
            out[i, t] = alike(v, spec, v["direction"][i], v["direction"][j])
    return out


def logit(v: ExactValues, spec: FaustSpec, mode: Mode) -> Exact:
    """How much more alike a member is than the positive."""
    out = zeros(v["similarity"].shape)
    for i, others in members(v):
        for t, _ in others:
            out[i, t] = mp.mpf(spec.scale) * (v["similarity"][i, t] - v["similarity"][i, 0])
    return out


def loss(v: ExactValues, spec: FaustSpec, mode: Mode) -> Exact:
    """log(1 + sum over negatives of exp(logit)), mean over anchors."""
    rows = [
        mp.log1p(total(mp.exp(v["logit"][i, t]) for t, _ in others[1:]))
        for i, others in members(v)
    ]
    return number(mean(rows))


# -- transcription of the derivatives ------------------------------------------------------------


def d_similarity(v: ExactValues, spec: FaustSpec, mode: Mode) -> Exact:
    """Each negative's share of the softmax; the positive's is the opposite of them all."""
    out = zeros(v["similarity"].shape)
    anchors = members(v)
    for i, others in anchors:
        shares = probabilities(np.array([v["logit"][i, t] for t, _ in others], object))
        pushes = [mp.mpf(spec.scale) * share / len(anchors) for share in shares]
        for (t, _), push in zip(others[1:], pushes[1:], strict=True):
            out[i, t] = push
        out[i, 0] = -total(pushes[1:])
    return out


def turned(v: ExactValues, spec: FaustSpec, a: Exact, b: Exact) -> Exact:
    """Slope of the similarity of a and b in a."""
    if spec.similarity == "dot":
        return b
    if spec.similarity == "euclidean":
        return (b - a) * 2
    if spec.similarity == "mahalanobis":
        gaps = projected(v, (b - a).ravel())
        rows = [total(f * g for f, g in zip(row, gaps, strict=True)) for row in v["factor"]]
        return np.array([2 * entry for entry in rows], object).reshape(a.shape)
    if not any(a.ravel()) or not any(b.ravel()):
        return a * 0
    size, u = length(a), alike(v, spec, a, b)
    return (b / length(b) - a * (u / size)) / size


def d_activity(v: ExactValues, spec: FaustSpec, mode: Mode) -> Exact:
    """Anchor and member turn each other; then back through the normalisation."""
    z = v["direction"]
    d = zeros(z.shape)
    for i, others in members(v):
        for t, j in others:
            d[i] += v["d_similarity"][i, t] * turned(v, spec, z[i], z[j])
            d[j] += v["d_similarity"][i, t] * turned(v, spec, z[j], z[i])
    if spec.activity_norm == "none":
        return d
    for n, row in enumerate(v["activity"]):
        count = row.size if spec.activity_norm == "rms" else 1
        size = length(row) / mp.sqrt(count)
        if not size:
            d[n] = mp.mpf(mode.slope_at_kink)
            continue
        along = total(p * q for p, q in zip(z[n].ravel(), d[n].ravel(), strict=True)) / count
        d[n] = (d[n] - z[n] * along) / size
    return d


def d_factor(v: ExactValues, spec: FaustSpec, mode: Mode) -> Exact:
    """-|gap F|^2 in F: -2 gap (gap F)."""
    out = zeros(v["factor"].shape)
    for i, others in members(v):
        for t, j in others:
            gap = (v["direction"][i] - v["direction"][j]).ravel()
            seen = projected(v, gap)
            for k, r in np.ndindex(*out.shape):
                out[k, r] -= 2 * v["d_similarity"][i, t] * gap[k] * seen[r]
    return out
