"""Layer collaboration and self-contrast, with the mistakes named in `wrong`."""

import numpy as np

from tests.mistaken.ff import after_loss, goodness_of, logistic, sides_of, threshold_of


def collaboration(spec, given, y, wrong):
    s = sides_of(given, wrong)
    g, slope = goodness_of(y, spec, wrong)
    theta = threshold_of(spec, y[0].size, wrong)
    others = given["carried_goodness"]
    if "others left out" in wrong:
        others = 0 * others
    if "others subtracted" in wrong:
        others = -others
    summed = (g + others) / 2 if "own and others averaged" in wrong else g + others
    if "no threshold in the gradient" in wrong:
        slopes = -s / (1 + np.exp(s * summed))
        sign, z, losses, _ = logistic(summed, theta, s, spec, wrong)
    else:
        sign, z, losses, slopes = logistic(summed, theta, s, spec, wrong)
    count = len(y)
    share = 1.0 if "sum over rows" in wrong else 1 / count
    loss, factor = after_loss((losses * share).sum(), wrong, count)
    d_z = (factor * share * slopes).astype(y.dtype)
    handed = g if "goodness not handed on" in wrong else g + given["carried_goodness"]
    values = {"goodness": g, "logit": z, "next_carried_goodness": handed, "loss": loss,
              "d_logit": d_z}  # fmt: skip
    return values, d_z.reshape(-1, *[1] * (y.ndim - 1)) * sign * slope, {}


def contrast(spec, given, y, wrong):
    s = -given["polarity"] if "contrast: sides exchanged" in wrong else given["polarity"]
    g, slope = goodness_of(y, spec, wrong)
    high, low, price = spec.positive_threshold, spec.negative_threshold, spec.penalty
    if "thresholds exchanged" in wrong:
        high, low = low, high
    if "one threshold" in wrong:
        low = high
    if "no penalty" in wrong:
        price = 0.0
    plus = s > 0
    cost, cost_slope = price * g, np.full_like(g, price)
    if "penalty squared" in wrong:
        cost, cost_slope = price * g * g, 2 * price * g
    if "no penalty in the gradient" in wrong:
        cost_slope = 0 * g
    u = np.where(plus, high - g, g - low)
    losses, p = np.logaddexp(0, u), 1 / (1 + np.exp(-u))
    if "contrast: log(1 + exp) overflows" in wrong:
        e = np.exp(u)
        losses, p = np.log(1 + e), e / (1 + e)
    losses = losses + np.where(plus, cost, 0)
    slopes = np.where(plus, cost_slope - p, p)
    share = 1 / np.where(plus, max(plus.sum(), 1), max((~plus).sum(), 1))
    if "contrast: one mean" in wrong:
        share = np.full_like(share, 1 / len(y))
    if "contrast: means averaged" in wrong:
        share = share / 2
    loss, factor = after_loss((losses * share).sum(), wrong, len(y))
    d_g = (factor * share * slopes).astype(y.dtype)
    values = {"goodness": g, "loss": loss, "d_goodness": d_g}
    return values, d_g.reshape(-1, *[1] * (y.ndim - 1)) * slope, {}
