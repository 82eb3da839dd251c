"""SymBa and cumulative goodness in plain loops: losses of the margin of pairs.

Lee & Song, arXiv:2303.08418: log(1 + exp(-alpha (G+ - G-))). Yousefiramandi, arXiv:2605.06240:
the same of M = m + gamma P, P the margins of the layers below; its three remedies.
"""

from typing import Any

import numpy as np

from ffref.oracle.specs import CumulativeSpec, SymbaSpec
from ffref.oracle.truth import layer
from ffref.oracle.truth.ff import goodness
from ffref.oracle.truth.numbers import Exact, ExactValues, Number, mean, mp, number, zeros
from ffref.oracle.truth.steps import Formulation, Mode, Step


def symba(spec: SymbaSpec) -> Formulation:
    """Steps of one layer under this specification."""
    forward: dict[str, Step] = {
        "goodness": lambda v, s, mode: goodness(v["activity"], s),
        "margin": margin,
        "loss": lambda v, s, mode: number(
            mean([surprise(mp.mpf(s.steepness) * m) for m in v["margin"]])
        ),
    }
    backward: dict[str, Step] = {
        "d_margin": lambda v, s, mode: slopes(v["margin"], mp.mpf(s.steepness)) / len(v["margin"]),
        "d_activity": d_activity,
    }
    return layer.formulation(spec, forward, backward)


def cumulative(spec: CumulativeSpec) -> Formulation:
    """Steps of one layer under this specification."""
    forward: dict[str, Step] = {
        "goodness": lambda v, s, mode: goodness(v["activity"], s),
        "margin": margin,
        "carried_share": carried_share,
        "cumulative_margin": lambda v, s, mode: v["margin"] + v["carried_share"] * carried(v),
        "own_share": own_share,
        "next_carried_margin": next_carried_margin,
        "loss": loss,
    }
    backward: dict[str, Step] = {"d_margin": d_margin, "d_activity": d_activity}
    reason = "the own share is a constant, though it is made of this layer's margin"
    behind = (*backward, "d_preactivation", "d_weight", "d_bias")
    frozen = dict.fromkeys(behind, reason) if spec.remedy == "calibrated" else {}
    return layer.formulation(spec, forward, backward, frozen)


def pairs(v: ExactValues) -> list[tuple[int, int]]:
    """Positive and negative row of each pair."""
    return [
        (i, other) for i, other in enumerate(v["partner"]) if other >= 0 and v["polarity"][i] > 0
    ]


def margin(v: ExactValues, spec: Any, mode: Mode) -> Exact:  # noqa: ANN401
    """Goodness of the positive row less that of the negative one."""
    g = v["goodness"]
    return np.array([g[i] - g[other] for i, other in pairs(v)], object)


def carried(v: ExactValues) -> Exact:
    """Margin of the layers below, of each pair."""
    return np.array([v["carried_margin"][i] for i, _ in pairs(v)], object)


def surprise(u: Number) -> Number:
    """-log of 1 / (1 + exp(-u))."""
    return mp.log1p(mp.exp(-u))


def doubt(u: Number) -> Number:
    """1 - 1 / (1 + exp(-u)), without a difference of nearly equal numbers."""
    return 1 / (1 + mp.exp(u))


def carried_share(v: ExactValues, spec: CumulativeSpec, mode: Mode) -> Exact:
    """Gamma: of won pairs less, if it is gated."""
    gamma = mp.mpf(spec.carried_weight)
    if spec.remedy == "per-block":
        gamma = mp.mpf(0)
    gated = spec.remedy == "gated"
    return np.array([gamma * doubt(p) if gated else gamma for p in carried(v)], object)


def own_share(v: ExactValues, spec: CumulativeSpec, mode: Mode) -> Exact:
    """Lambda: how much the layer's own loss counts besides."""
    beta, below = mp.mpf(spec.steepness), carried(v)
    if spec.remedy == "depth-scaled":
        depth = mp.mpf("0.25") * (1 + mp.mpf(3 * spec.depth) / (spec.layers - 1))
        hard = [doubt(beta * p) for p in below]
        return np.array([depth * h / mean(hard) for h in hard], object)
    if spec.remedy == "calibrated":
        if mode.frozen is not None:
            return mode.frozen["own_share"]
        sums = zip(v["cumulative_margin"], v["margin"], strict=True)
        lacking = [1 - doubt(beta * whole) / doubt(beta * own) for whole, own in sums]
        return np.array([max(mp.mpf(0), share) for share in lacking], object)
    return zeros(below.shape)


def next_carried_margin(v: ExactValues, spec: CumulativeSpec, mode: Mode) -> Exact:
    """What the layer above gets, in both rows of a pair."""
    out = v["carried_margin"].copy()
    for (i, other), m in zip(pairs(v), v["margin"], strict=True):
        out[i] += m
        out[other] += m
    return out


def loss(v: ExactValues, spec: CumulativeSpec, mode: Mode) -> Exact:
    """Of both margins, each pair with its share."""
    beta = mp.mpf(spec.steepness)
    terms = [
        surprise(beta * whole) + share * surprise(beta * own)
        for whole, own, share in zip(
            v["cumulative_margin"], v["margin"], v["own_share"], strict=True
        )
    ]
    return number(mean(terms))


# -- transcription of the derivatives ------------------------------------------------------------


def slopes(margins: Exact, beta: Number) -> Exact:
    """Of softplus(-beta m) in m."""
    return np.array([-beta * doubt(beta * m) for m in margins], object)


def d_margin(v: ExactValues, spec: CumulativeSpec, mode: Mode) -> Exact:
    """Both losses pull at the same margin."""
    beta = mp.mpf(spec.steepness)
    own = v["own_share"] * slopes(v["margin"], beta)
    return (slopes(v["cumulative_margin"], beta) + own) / len(own)


def d_activity(v: ExactValues, spec: Any, mode: Mode) -> Exact:  # noqa: ANN401
    """Slope of a square, 2 y; the negative row of a pair with the other sign."""
    y = v["activity"]
    out, count = zeros(y.shape), y[0].size if spec.goodness == "mean" else 1
    for (i, other), d in zip(pairs(v), v["d_margin"], strict=True):
        out[i] = y[i] * (2 * d / count)
        out[other] = y[other] * (-2 * d / count)
    return out
