"""SymBa and cumulative goodness, with the mistakes named in `wrong`."""

import numpy as np

from tests.mistaken.ff import after_loss, goodness_of


def _who(given, wrong):
    s, partner = given["polarity"], given["partner"]
    if "paired in order" in wrong:
        plus, minus = np.nonzero(s > 0)[0], np.nonzero(s < 0)[0]
        few = min(len(plus), len(minus))
        return plus[:few], minus[:few]
    plus = np.array([i for i in range(len(s)) if s[i] > 0 and partner[i] != -1])
    return plus, partner[plus]


def _sig(t):
    return 1 / (1 + np.exp(-t))


def _inherit(spec, m, below, beta, wrong):
    """Shares of what is carried and of the own loss."""
    weight, remedy = spec.carried_weight, spec.remedy
    if "carried weight left out" in wrong:
        weight = 1.0
    if "no remedy" in wrong:
        remedy = "none"
    carried = np.full_like(m, 0 if remedy == "per-block" else weight)
    if remedy == "gated":
        carried = weight * _sig(below if "gate turned" in wrong else -below)
    own = np.zeros_like(m)
    if remedy == "depth-scaled":
        depth = spec.depth + ("depth from 1" in wrong)
        hard = _sig(-beta * below)
        if "hardness not over its mean" not in wrong:
            hard = hard / hard.mean()
        own = hard * (0.25 + 0.75 * depth / (spec.layers - 1))
        if "own share of any depth" in wrong:
            own = hard
    if remedy == "calibrated":
        log_ratio = np.logaddexp(0, beta * m) - np.logaddexp(0, beta * (m + weight * below))
        own = -np.expm1(log_ratio)
        if "own share not cut" not in wrong:
            own = np.maximum(own, 0)
    if "own loss left out" in wrong:
        own = 0 * own
    return carried.astype(m.dtype), own.astype(m.dtype)


def _summed(spec, given, g, who, m, beta, wrong):
    """Margin with what is carried, own share, and what is to be shown of it."""
    if "carried_margin" not in given:
        return m, np.zeros_like(m), {}
    plus, minus = who
    below = given["carried_margin"][plus]
    if "carried left out" in wrong:
        below = 0 * below
    if "carried subtracted" in wrong:
        below = -below
    carried, own = _inherit(spec, m, below, beta, wrong)
    whole = m + carried * below
    if "weight on the own margin" in wrong:
        whole = carried * (m + below)
    handed = np.zeros_like(g) if "not handed on" in wrong else given["carried_margin"].copy()
    handed[plus] += m
    handed[minus] += m
    return whole, own, {"carried_share": carried, "cumulative_margin": whole, "own_share": own,
                        "next_carried_margin": handed}  # fmt: skip


def _surprise(spec, m, whole, own, beta, wrong):
    """Loss of each pair, and its derivative in the margin."""
    losses = np.logaddexp(0, -beta * whole) + own * np.logaddexp(0, -beta * m)
    outer = 1.0 if "no steepness in the gradient" in wrong else beta
    slopes = -outer * (_sig(-beta * whole) + own * _sig(-beta * m))
    if "own share differentiated" in wrong and getattr(spec, "remedy", "") == "calibrated":
        ratio = np.exp(np.logaddexp(0, beta * m) - np.logaddexp(0, beta * whole))
        change = beta * ratio * (_sig(beta * m) - _sig(beta * whole))
        slopes = slopes - np.where(own > 0, change, 0) * np.logaddexp(0, -beta * m)
    if "softplus cut at 20" in wrong:
        cut = -beta * whole > 20
        losses = np.where(cut, -beta * whole + own * np.logaddexp(0, -beta * m), losses)
        slopes = np.where(cut, -outer * (1 + own * _sig(-beta * m)), slopes)
    if "hinge" in wrong:
        losses, slopes = np.maximum(0, -beta * whole), -beta * (whole < 0)
    if "p for 1 - p in pairs" in wrong:
        slopes = -beta * _sig(beta * whole)
    if "log(1 + exp) overflows in pairs" in wrong:
        e = np.exp(-beta * whole)
        losses, slopes = (
            np.log(1 + e) + own * np.logaddexp(0, -beta * m),
            -outer * (e / (1 + e) + own * _sig(-beta * m)),
        )
    return losses, slopes


def head(spec, given, y, wrong):
    g, slope = goodness_of(y, spec, wrong)
    plus, minus = _who(given, wrong)
    turn = -1 if "margin's sign" in wrong else 1
    m = turn * (g[plus] - g[minus])
    beta = spec.steepness
    if "no steepness" in wrong:
        beta = 1.0
    whole, own, carried = _summed(spec, given, g, (plus, minus), m, beta, wrong)
    losses, slopes = _surprise(spec, m, whole, own, beta, wrong)
    count = len(m)
    if "mean over rows for pairs" in wrong:
        count = len(y)
    if "sum over pairs" in wrong:
        count = 1
    loss, factor = after_loss((losses / count).sum(), wrong, len(y))
    d_m = (factor / count * slopes).astype(y.dtype)
    d_g = np.zeros_like(g)
    up, down = turn, -turn
    if "negatives give no gradient" in wrong:
        down = 0
    if "same push for both" in wrong:
        down = up
    d_g[plus], d_g[minus] = up * d_m, down * d_m
    d_y = d_g.reshape(-1, *[1] * (y.ndim - 1)) * slope
    return {"goodness": g, "margin": m, **carried, "loss": loss, "d_margin": d_m}, d_y, {}
