"""Layer collaboration and SCFF in plain loops: goodness against thresholds.

Lorberbom et al., arXiv:2305.12393: p = sigmoid(|f|^2 + gamma - theta), gamma a constant. Chen et
al., arXiv:2409.11593: mean softplus(theta1 - g+) + mean softplus(g- - theta2) + lambda mean g+.
"""

import numpy as np

from ffref.oracle.specs import FFSpec, ScffSpec
from ffref.oracle.truth import ff, layer
from ffref.oracle.truth.numbers import Exact, ExactValues, mean, mp, number
from ffref.oracle.truth.pairs import doubt, surprise
from ffref.oracle.truth.steps import Formulation, Mode, Step


def collaboration(spec: FFSpec) -> Formulation:
    """Steps of one layer that is judged together with others."""
    forward: dict[str, Step] = {
        "goodness": lambda v, s, mode: ff.goodness(v["activity"], s),
        "logit": lambda v, s, mode: (
            v["goodness"] + v["carried_goodness"] - ff.threshold(s, v["activity"][0].size)
        ),
        "next_carried_goodness": lambda v, s, mode: v["carried_goodness"] + v["goodness"],
        "loss": lambda v, s, mode: number(ff.logistic_loss(v["logit"], v["polarity"], "rows")),
    }
    backward: dict[str, Step] = {
        "d_logit": lambda v, s, mode: ff.d_logit(v["logit"], v["polarity"], "rows"),
        "d_activity": lambda v, s, mode: ff.d_goodness(v["activity"], v["d_logit"], s),
    }
    return layer.formulation(spec, forward, backward)


def scff(spec: ScffSpec) -> Formulation:
    """Steps of self-contrast."""
    forward: dict[str, Step] = {
        "goodness": lambda v, s, mode: ff.goodness(v["activity"], s),
        "loss": two_sides,
    }
    backward: dict[str, Step] = {"d_goodness": d_two_sides, "d_activity": d_squares}
    return layer.formulation(spec, forward, backward)


def two_sides(v: ExactValues, spec: ScffSpec, mode: Mode) -> Exact:
    """Mean over each side that has rows."""
    high, low = mp.mpf(spec.positive_threshold), mp.mpf(spec.negative_threshold)
    sides: dict[bool, list[object]] = {True: [], False: []}
    for g, s in zip(v["goodness"], v["polarity"], strict=True):
        positive = surprise(g - high) + mp.mpf(spec.penalty) * g
        sides[bool(s > 0)].append(positive if s > 0 else surprise(low - g))
    return number(sum((mean(costs) for costs in sides.values() if costs), mp.mpf(0)))


def d_two_sides(v: ExactValues, spec: ScffSpec, mode: Mode) -> Exact:
    """Doubt of each row, and the price of positive ones, over the rows of its side."""
    high, low = mp.mpf(spec.positive_threshold), mp.mpf(spec.negative_threshold)
    count = {side: sum(bool(s > 0) is side for s in v["polarity"]) for side in (True, False)}
    rows = []
    for g, s in zip(v["goodness"], v["polarity"], strict=True):
        slope = mp.mpf(spec.penalty) - doubt(g - high) if s > 0 else doubt(low - g)
        rows.append(slope / count[bool(s > 0)])
    return np.array(rows, object)


def d_squares(v: ExactValues, spec: ScffSpec, mode: Mode) -> Exact:
    """Slope of a square, 2 y."""
    out, y = v["activity"].copy(), v["activity"]
    count = y[0].size if spec.goodness == "mean" else 1
    for n, d in enumerate(v["d_goodness"]):
        out[n] = y[n] * (2 * d / count)
    return out
