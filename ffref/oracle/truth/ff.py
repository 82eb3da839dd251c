"""FF in plain loops: Hinton (2022), equation 1, and the official Matlab code's peer term.

Written from the paper, and from what each dialect's code computes; shares no formula with
ffref.objectives.
"""

import numpy as np

from ffref.oracle.specs import FFSpec, RecurrentSpec
from ffref.oracle.truth import layer
from ffref.oracle.truth.numbers import Exact, ExactValues, Number, mean, mp, number, total, zeros
from ffref.oracle.truth.steps import Formulation, Mode, Step


def formulation(spec: FFSpec) -> Formulation:
    """Steps of one layer under this specification."""
    forward: dict[str, Step] = {
        "normalized": lambda v, s, mode: layer.normalized(v["x"], s.norm),
        "preactivation": layer.preactivation,
        "activity": layer.activity,
        "goodness": lambda v, s, mode: goodness(v["activity"], s),
        "logit": lambda v, s, mode: logit(v["goodness"], v["activity"][0].size, s),
    }
    if spec.label is not None:
        forward = {"x": layer.encoded, **forward}
    if spec.peer is not None:
        forward["new_running_mean"] = new_running_mean
    forward["loss"] = loss
    backward: dict[str, Step] = {
        "d_logit": lambda v, s, mode: d_logit(v["logit"], v["polarity"], s.reduction),
        "d_activity": d_activity,
        "d_preactivation": d_preactivation,
        "d_weight": layer.d_weight,
        "d_bias": layer.d_bias,
    }
    variables = {name: name.removeprefix("d_") for name in backward}
    return Formulation(forward, backward, variables, _kinds(spec))


def _kinds(spec: FFSpec) -> dict[str, tuple[str, str]]:
    reasons = []
    if spec.relu == "straight-through":
        reasons.append("the relu is a + const, its slope 1 everywhere")
    if spec.peer is not None and spec.peer.form == "rule":
        reasons.append("the deviations of the running mean are constants in the peer term")
    if not reasons:
        return {}
    behind = ("d_preactivation", "d_weight", "d_bias")
    return dict.fromkeys(behind, ("surrogate", "; ".join(reasons)))


def goodness(activity: Exact, spec: FFSpec | RecurrentSpec) -> Exact:
    """Sum or mean of the squares of a row."""
    rows = [total(y * y for y in row) for row in layer.row_lists(activity)]
    if spec.goodness == "mean":
        rows = [g / activity[0].size for g in rows]
    return np.array(rows, object)


def threshold(spec: FFSpec | RecurrentSpec, units: int) -> Number:
    """A number, or a number for each unit."""
    return mp.mpf(spec.threshold) + mp.mpf(spec.threshold_per_unit) * units


def logit(g: Exact, units: int, spec: FFSpec | RecurrentSpec) -> Exact:
    """Log odds of being positive: how far the goodness is on the positive side."""
    return (g - threshold(spec, units)) * spec.sign


def surprise(u: Number, polarity: Number) -> Number:
    """-log p for a positive row, -log (1 - p) for a negative one, p = 1 / (1 + exp(-u))."""
    return mp.log1p(mp.exp(-u if polarity > 0 else u))


def weights(polarity: Exact, reduction: str) -> list[Number]:
    """Share of each row in the loss."""
    sizes = {True: sum(s > 0 for s in polarity), False: sum(s < 0 for s in polarity)}
    if reduction == "rows":
        return [mp.mpf(1) / len(polarity)] * len(polarity)
    return [mp.mpf(1) / sizes[bool(s > 0)] for s in polarity]


def logistic_loss(u: Exact, polarity: Exact, reduction: str) -> Number:
    """Surprises, each with its share."""
    shares = weights(polarity, reduction)
    return total(w * surprise(*pair) for w, *pair in zip(shares, u, polarity, strict=True))


def loss(v: ExactValues, spec: FFSpec, mode: Mode) -> Exact:
    """Logistic loss, and the peers': as it is, or as the surrogate of a rule."""
    value = logistic_loss(v["logit"], v["polarity"], spec.reduction)
    if spec.peer is not None and spec.peer.form == "loss":
        gaps = deviations(v["new_running_mean"])
        value += mp.mpf(spec.peer.strength) * mean([gap**2 for gap in gaps])
    if spec.peer is not None and spec.peer.form == "rule" and mode.frozen is not None:
        gaps = deviations(mode.frozen["new_running_mean"])
        positives = [a for a, s in zip(v["preactivation"], v["polarity"], strict=True) if s > 0]
        pushes = [total(g * a for g, a in zip(gaps, row, strict=True)) for row in positives]
        value += mp.mpf(spec.peer.strength) * mean(pushes)
    return number(value)


def new_running_mean(v: ExactValues, spec: FFSpec, mode: Mode) -> Exact:
    """Old mean and this batch's mean over positive rows, mixed."""
    assert spec.peer is not None
    keep = mp.mpf(spec.peer.momentum)
    positives = [row for row, s in zip(v["activity"], v["polarity"], strict=True) if s > 0]
    return np.array(
        [
            keep * old + (1 - keep) * mean(list(column))
            for old, column in zip(v["running_mean"], zip(*positives, strict=True), strict=True)
        ],
        object,
    )


def deviations(running_mean: Exact) -> list[Number]:
    """How much more active each unit is than the average unit."""
    middle = mean(list(running_mean))
    return [m - middle for m in running_mean]


# -- transcription of the derivatives ------------------------------------------------------------


def d_logit(u: Exact, polarity: Exact, reduction: str) -> Exact:
    """p - 1 for a positive row, p for a negative one, times the row's share."""
    rows = []
    for w, margin, s in zip(weights(polarity, reduction), u, polarity, strict=True):
        # 1 - p = 1 / (1 + exp(u)), without a difference of nearly equal numbers
        wrong = 1 / (1 + mp.exp(margin if s > 0 else -margin))
        rows.append(-w * wrong if s > 0 else w * wrong)
    return np.array(rows, object)


def d_goodness(activity: Exact, d_logits: Exact, spec: FFSpec | RecurrentSpec) -> Exact:
    """Slope of a square, 2 y, behind the row's d_logit."""
    out = zeros(activity.shape)
    count = activity[0].size if spec.goodness == "mean" else 1
    for n, row in enumerate(activity):
        out[n] = row * (2 * spec.sign * d_logits[n] / count)
    return out


def d_activity(v: ExactValues, spec: FFSpec, mode: Mode) -> Exact:
    """Through the goodness, and through this batch's share of the running mean."""
    out = d_goodness(v["activity"], v["d_logit"], spec)
    if spec.peer is not None and spec.peer.form == "loss":
        gaps = deviations(v["new_running_mean"])
        positive = [n for n, s in enumerate(v["polarity"]) if s > 0]
        share = (1 - mp.mpf(spec.peer.momentum)) / len(positive)
        for n in positive:
            for j, gap in enumerate(gaps):
                out[n, j] += 2 * mp.mpf(spec.peer.strength) / len(gaps) * gap * share
    return out


def d_preactivation(v: ExactValues, spec: FFSpec, mode: Mode) -> Exact:
    """Through the relu; the rule of the peers joins behind it, whether a unit is active or not."""
    out = layer.gated(v["d_activity"], v["preactivation"], spec, mode)
    if spec.peer is not None and spec.peer.form == "rule":
        gaps = deviations(v["new_running_mean"])
        positive = [n for n, s in enumerate(v["polarity"]) if s > 0]
        for n in positive:
            for j, gap in enumerate(gaps):
                out[n, j] += mp.mpf(spec.peer.strength) * gap / len(positive)
    return out
