"""A convolutional block under HFF in plain loops.

Batch normalisation of Ioffe and Szegedy, arXiv:1502.03167, algorithm 1; the pooling, shortcut and
auxiliary convolution of docs/derivations/block.md, section 2, in the order of their definition:
relu of every place, then the maximum. HFF's loss as in `hff`, on the features.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ffref.oracle.specs import BlockSpec
from ffref.oracle.truth import hff, layer
from ffref.oracle.truth.numbers import Exact, ExactValues, Number, mean, mp, total, zeros
from ffref.oracle.truth.steps import Formulation, Mode, Step


def _of_features(step: Step) -> Step:
    """A step of HFF, of features where it has an activity."""
    return lambda v, s, mode: step({**v, "activity": v["features"]}, s, mode)


def formulation(spec: BlockSpec) -> Formulation:
    """Steps of one block under this specification."""
    forward: dict[str, Step] = {
        "normalized": lambda v, s, mode: layer.normalized(v["x"], s.norm),
        "sums": sums,
        "standardized": standardized,
        "preactivation": preactivation,
        "activity": activity,
        "features": features,
        "direction": lambda v, s, mode: hff.directions(v["features"]),
        "cosine": hff.cosine,
        "score": hff.score,
        "logit": hff.logit,
        "loss": hff.loss,
    }
    backward: dict[str, Step] = {
        "d_logit": hff.d_logit,
        "d_cosine": hff.d_cosine,
        "d_features": _of_features(hff.d_activity),
        "d_activity": d_activity,
        "d_preactivation": d_preactivation,
        "d_sums": d_sums,
        "d_weight": lambda v, s, mode: layer.d_weight(
            {**v, "d_preactivation": v["d_sums"]}, s, mode
        ),
        "d_shift": lambda v, s, mode: per_channel(v["d_preactivation"]),
        "d_prototypes": _of_features(hff.d_prototypes),
    }
    if spec.channel_norm == "batch":
        forward |= {"new_running_mean": running_mean, "new_running_variance": running_variance}
    if spec.channel_norm != "none":
        backward["d_scale"] = lambda v, s, mode: per_channel(
            v["d_preactivation"] * v["standardized"]
        )
    if spec.auxiliary:
        backward["d_auxiliary_weight"] = d_auxiliary_weight
        backward["d_auxiliary_bias"] = lambda v, s, mode: per_channel(v["d_features"])
    variables = {name: name.removeprefix("d_") for name in backward}
    return Formulation(forward, backward, variables, {})


def sums(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """Cross-correlation without a bias."""
    return layer.preactivation({**v, "bias": zeros(v["weight"].shape[3:])}, spec, mode)


def channel(array: Exact, c: int) -> list[Number]:
    """All numbers of one channel."""
    return list(array[..., c].ravel())


def per_channel(array: Exact) -> Exact:
    """Sum of each channel."""
    return np.array([total(channel(array, c)) for c in range(array.shape[-1])], object)


def moments(array: Exact, c: int) -> tuple[Number, Number]:
    """Mean and variance of a channel, the latter over all its numbers."""
    entries = channel(array, c)
    middle = mean(entries)
    return middle, mean([(entry - middle) ** 2 for entry in entries])


EPS = "1e-5"


def row_norm(row: Exact, kind: str) -> Number:
    """Length of a row, or the root of its mean square."""
    square = total(entry * entry for entry in row.ravel())
    return mp.sqrt(square / row.size if kind == "rms" else square)


def standardized(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """Each channel over the batch, or each row over its norm."""
    out = v["sums"].copy()
    if spec.channel_norm == "batch":
        for c in range(out.shape[-1]):
            middle, variance = moments(v["sums"], c)
            out[..., c] = (v["sums"][..., c] - middle) / mp.sqrt(variance + mp.mpf(float(EPS)))
    elif spec.channel_norm != "none":
        for n, row in enumerate(v["sums"]):
            out[n] = row / row_norm(row, spec.channel_norm)
    return out


def preactivation(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """Scale, where there is one, and shift of each channel."""
    return v["standardized"] * v.get("scale", 1) + v["shift"]


def windows(shape: tuple[int, ...], size: tuple[int, int]) -> Iterator[tuple[Any, ...]]:
    """(row, place down, place right, channel, its places before)."""
    for n, p, q, c in np.ndindex(shape[0], shape[1] // size[0], shape[2] // size[1], shape[3]):
        inside = [
            (n, p * size[0] + k, q * size[1] + m, c) for k, m in np.ndindex(size[0], size[1])
        ]
        yield n, p, q, c, inside


def winners(v: ExactValues, spec: BlockSpec) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Each place of the activity, and the place of its window's first maximum."""
    a = v["preactivation"]
    for n, p, q, c, inside in windows(a.shape, spec.pool):
        best = inside[0]
        for index in inside[1:]:
            if a[index] > a[best]:
                best = index
        yield (n, p, q, c), best


def activity(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """Largest relu of each window, and the averaged images."""
    a = v["preactivation"]
    shape = (len(a), a.shape[1] // spec.pool[0], a.shape[2] // spec.pool[1], a.shape[3])
    out = zeros(shape)
    for place, best in winners(v, spec):
        out[place] = max(a[best], mp.mpf(0))
    if spec.residual:
        images = v["normalized"]
        ratio = (images.shape[1] // shape[1], images.shape[2] // shape[2])
        for n, p, q, c, inside in windows(images.shape, ratio):
            out[n, p, q, c] += mean([images[index] for index in inside])
    return out


def cell(v: ExactValues, spec: BlockSpec) -> tuple[int, int]:
    """Places of the activity in one cell, down and right."""
    y = v["activity"]
    if spec.grid is None:
        return 1, 1
    return y.shape[1] // spec.grid[0], y.shape[2] // spec.grid[1]


def features(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """A 1x1 convolution of every place, then the mean over each cell."""
    size = cell(v, spec)
    mapped = v["activity"]
    if spec.auxiliary:
        weight = v["auxiliary_weight"]
        rows = mapped.reshape(-1, len(weight))
        mapped = layer.weighted(rows, weight) + v["auxiliary_bias"]
        mapped = mapped.reshape(*v["activity"].shape[:3], -1)
    shape = mapped.shape
    out = zeros((shape[0], shape[1] // size[0], shape[2] // size[1], shape[3]))
    for n, p, q, c, inside in windows(shape, size):
        out[n, p, q, c] = mean([mapped[index] for index in inside])
    return out


def running_mean(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """A tenth of the batch's mean joins."""
    return moved(v["running_mean"], [moments(v["sums"], c)[0] for c in range(len(v["shift"]))])


def running_variance(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """A tenth of the batch's variance, divided by one less than their number."""
    count = v["sums"][..., 0].size
    found = [moments(v["sums"], c)[1] * count / (count - 1) for c in range(len(v["shift"]))]
    return moved(v["running_variance"], found)


def moved(old: Exact, new: list[Number]) -> Exact:
    """Nine tenths of the old."""
    share = mp.mpf(0.1)
    return np.array([(1 - share) * o + share * n for o, n in zip(old, new, strict=True)], object)


# -- transcription of the derivatives ------------------------------------------------------------


def d_activity(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """Every place of a cell gets its share, through the auxiliary weights."""
    out, size = zeros(v["activity"].shape), cell(v, spec)
    for n, p, q, c, inside in windows(out.shape, size):
        d = v["d_features"][n, p, q]
        if spec.auxiliary:
            pairs = zip(v["auxiliary_weight"][c], d, strict=True)
            share = total(w * entry for w, entry in pairs)
        else:
            share = d[c]
        for index in inside:
            out[index] = share / len(inside)
    return out


def d_preactivation(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """To the winner of each window, if it is above 0."""
    out = zeros(v["preactivation"].shape)
    for place, best in winners(v, spec):
        if v["preactivation"][best] > 0:
            out[best] += v["d_activity"][place]
    return out


def d_sums(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """Through mean and variance of the batch, or through the norm of the row."""
    d = v["d_preactivation"] * v.get("scale", 1)
    z, out = v["standardized"], zeros(d.shape)
    if spec.channel_norm == "none":
        return d
    if spec.channel_norm == "batch":
        for c in range(out.shape[-1]):
            root = mp.sqrt(moments(v["sums"], c)[1] + mp.mpf(float(EPS)))
            push, along = mean(channel(d, c)), mean(channel(d * z, c))
            out[..., c] = (d[..., c] - push - z[..., c] * along) / root
        return out
    for n, row in enumerate(v["sums"]):
        count = row.size if spec.channel_norm == "rms" else 1
        along = total((d[n] * z[n]).ravel()) / count
        out[n] = (d[n] - z[n] * along) / row_norm(row, spec.channel_norm)
    return out


def d_auxiliary_weight(v: ExactValues, spec: BlockSpec, mode: Mode) -> Exact:
    """Each place's activity times its share of d_features."""
    out, size = zeros(v["auxiliary_weight"].shape), cell(v, spec)
    for n, p, q, c, inside in windows(v["activity"].shape, size):
        middle = mean([v["activity"][index] for index in inside])
        for k, d in enumerate(v["d_features"][n, p, q]):
            out[c, k] += middle * d
    return out
