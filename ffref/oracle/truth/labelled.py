"""Losses of labels in plain loops: Mono-Forward, channel-wise competition, distances.

Gong et al., arXiv:2501.09238: G = a M', cross-entropy. Papachristodoulou et al., arXiv:2312.12668:
mean of squares of each class's channels, cross-entropy, or positive against negative. Sun et al.,
ICLR 2025: the mean without squares. Distance-Forward: docs/derivations/distance_forward.md.
"""

import numpy as np

from ffref.oracle.specs import CwcSpec, DistanceSpec, MonoSpec, NormSpec
from ffref.oracle.truth import hff, layer
from ffref.oracle.truth.numbers import Exact, ExactValues, Number, mean, mp, number, total, zeros
from ffref.oracle.truth.pairs import doubt, surprise
from ffref.oracle.truth.steps import Formulation, Mode, Step


def mono(spec: MonoSpec) -> Formulation:
    """Steps of Mono-Forward."""
    forward: dict[str, Step] = {
        "logit": lambda v, s, mode: products(v["activity"], v["projection"]),
        "loss": hff.loss,
    }
    backward: dict[str, Step] = {
        "d_logit": hff.d_logit,
        "d_activity": lambda v, s, mode: mixed(v["d_logit"], v["projection"]),
        "d_projection": lambda v, s, mode: mixed(v["d_logit"].T, v["activity"]),
    }
    return layer.formulation(spec, forward, backward)


def products(rows: Exact, others: Exact) -> Exact:
    """Of every row with every other: sum of products."""
    out = zeros((len(rows), len(others)))
    for n, c in np.ndindex(*out.shape):
        pairs = zip(rows[n].ravel(), others[c].ravel(), strict=True)
        out[n, c] = total(a * b for a, b in pairs)
    return out


def mixed(weights: Exact, rows: Exact) -> Exact:
    """Weighted sums of rows."""
    out = zeros((len(weights), *rows.shape[1:]))
    for n, k in np.ndindex(*weights.shape):
        out[n] += weights[n, k] * rows[k]
    return out


# -- channels that compete -----------------------------------------------------------------------


def cwc(spec: CwcSpec) -> Formulation:
    """Steps of channel-wise competition, and of DeeperForward."""
    forward: dict[str, Step] = {"goodness": class_goodness, "loss": competition}
    backward: dict[str, Step] = {"d_goodness": d_competition, "d_activity": d_class_goodness}
    return layer.formulation(spec, forward, backward)


def class_of(channel: int, channels: int, spec: CwcSpec) -> int:
    """Neighbouring channels belong together."""
    return channel // (channels // spec.classes)


def class_goodness(v: ExactValues, spec: CwcSpec, mode: Mode) -> Exact:
    """Mean over channels of the class and all places."""
    y = v["activity"]
    out = zeros((len(y), spec.classes))
    for index in np.ndindex(*y.shape):
        out[index[0], class_of(index[-1], y.shape[-1], spec)] += y[index] ** spec.power
    return out / (y[0].size // spec.classes)


def sides_of(row: Exact, label: int) -> tuple[Number, Number]:
    """Goodness of the label, mean goodness of the others."""
    return row[label], mean([g for c, g in enumerate(row) if c != label])


def competition(v: ExactValues, spec: CwcSpec, mode: Mode) -> Exact:
    """Cross-entropy of the goodness, or both sides against the threshold."""
    theta, costs = mp.mpf(spec.threshold), []
    for row, label in zip(v["goodness"], v["labels"], strict=True):
        if spec.competition == "softmax":
            costs.append(mp.log(total(mp.exp(g) for g in row)) - row[label])
        else:
            own, others = sides_of(row, label)
            costs.append((surprise(own - theta) + surprise(theta - others)) / 2)
    return number(mean(costs))


def d_competition(v: ExactValues, spec: CwcSpec, mode: Mode) -> Exact:
    """Probability less target; or doubt of each side."""
    out, theta = zeros(v["goodness"].shape), mp.mpf(spec.threshold)
    for n, (row, label) in enumerate(zip(v["goodness"], v["labels"], strict=True)):
        if spec.competition == "softmax":
            out[n] = hff.probabilities(row)
            out[n, label] = -total(p for c, p in enumerate(out[n]) if c != label)
        else:
            own, others = sides_of(row, label)
            out[n] = doubt(theta - others) / (2 * (len(row) - 1))
            out[n, label] = -doubt(own - theta) / 2
    return out / len(out)


def d_class_goodness(v: ExactValues, spec: CwcSpec, mode: Mode) -> Exact:
    """2 y over the size of the group, or 1 over it."""
    y = v["activity"]
    out, group = zeros(y.shape), y[0].size // spec.classes
    for index in np.ndindex(*y.shape):
        d = v["d_goodness"][index[0], class_of(index[-1], y.shape[-1], spec)]
        out[index] = d * (2 * y[index] if spec.power == 2 else 1) / group
    return out


# -- distances -----------------------------------------------------------------------------------


def distance(spec: DistanceSpec) -> Formulation:
    """Steps of Distance-Forward."""
    forward: dict[str, Step] = {
        "direction": lambda v, s, mode: layer.normalized(v["activity"], NormSpec("l2")),
        "goodness": nearness,
        "logit": excess,
        "new_centroids": new_centroids,
        "loss": lambda v, s, mode: number(
            mean([mp.log(total(mp.exp(u) for u in row)) for row in v["logit"]])
        ),
    }
    backward: dict[str, Step] = {"d_goodness": d_nearness, "d_activity": d_direction}
    return layer.formulation(spec, forward, backward)


def nearness(v: ExactValues, spec: DistanceSpec, mode: Mode) -> Exact:
    """Squared distances with a minus."""
    out = zeros((len(v["direction"]), len(v["centroids"])))
    for n, c in np.ndindex(*out.shape):
        gap = v["direction"][n] - v["centroids"][c]
        out[n, c] = -total(entry**2 for entry in gap.ravel())
    return out


def excess(v: ExactValues, spec: DistanceSpec, mode: Mode) -> Exact:
    """How much nearer a wrong centroid is than the own one, scaled; 0 of the own one."""
    out = zeros(v["goodness"].shape)
    for n, c in np.ndindex(*out.shape):
        label = v["labels"][n]
        if c != label:
            gap = v["goodness"][n, c] - v["goodness"][n, label] + mp.mpf(spec.margin)
            out[n, c] = mp.mpf(spec.scale) * gap
    return out


def new_centroids(v: ExactValues, spec: DistanceSpec, mode: Mode) -> Exact:
    """Moved towards the mean of their class, if there is a row of it."""
    out, keep = v["centroids"].copy(), mp.mpf(spec.decay)
    for c, old in enumerate(v["centroids"]):
        own = [row for row, k in zip(v["direction"], v["labels"], strict=True) if k == c]
        if own:
            out[c] = keep * old + (1 - keep) * sum(own[1:], own[0]) / len(own)
    return out


def d_nearness(v: ExactValues, spec: DistanceSpec, mode: Mode) -> Exact:
    """Shares of the wrong classes; the own one's is the opposite of them all."""
    out = zeros(v["goodness"].shape)
    for n, (row, label) in enumerate(zip(v["logit"], v["labels"], strict=True)):
        out[n] = hff.probabilities(row)
        out[n, label] = -total(p for c, p in enumerate(out[n]) if c != label)
    return out * (mp.mpf(spec.scale) / len(out))


def d_direction(v: ExactValues, spec: DistanceSpec, mode: Mode) -> Exact:
    """Towards the centroids, and back through the length."""
    out = zeros(v["activity"].shape)
    for n, z in enumerate(v["direction"]):
        size = hff.length(v["activity"][n])
        if not size:
            out[n] = mp.mpf(mode.slope_at_kink)
            continue
        d = zeros(z.shape)
        for c, middle in enumerate(v["centroids"]):
            d += 2 * v["d_goodness"][n, c] * (middle - z)
        out[n] = (d - z * total((d * z).ravel())) / size
    return out
