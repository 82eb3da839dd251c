"""Hinton (2022): the probability that a sample is positive, and its log-likelihood.

p(positive) = sigmoid(g - theta), g = sum_j y_j^2 or its mean over units, or the negative of
one of them where positive samples are to be quiet. The loss is -log of the probability given to
the true decision, in the mean over samples.
"""

from .precision import mp

GOODNESS = {  # name: (sign, divided by the number of units)
    "sum": (1, False),
    "mean": (1, True),
    "negative_sum": (-1, False),
    "negative_mean": (-1, True),
}


def factor(row, kind):
    sign, divided = GOODNESS[kind]
    return mp.mpf(sign) / (len(row) if divided else 1)


def goodness(row, kind):
    return factor(row, kind) * mp.fsum([y * y for y in row])


def goodness_grad(row, kind):
    # (y + h)^2 - y^2 = 2 y h + h^2
    return [factor(row, kind) * (y + y) for y in row]


def probability(row, threshold, kind):
    return 1 / (1 + mp.exp(threshold - goodness(row, kind)))


def ff_loss(rows, polarity, threshold, kind="sum"):
    # -log p for a positive sample, -log (1 - p) for a negative one
    total = mp.mpf(0)
    for row, s in zip(rows, polarity, strict=True):
        p = probability(row, threshold, kind)
        total -= mp.log(p) if s > 0 else mp.log(1 - p)
    return total / len(rows)


def ff_loss_grad(rows, polarity, threshold, kind="sum"):
    # The ascent rule of the published Matlab code is (1 - p) y for a positive and -p y for a
    # negative sample, that is (t - p) y with t = 1 or 0, and a factor 2 lost in its rate.
    # Descent of the mean: -(2 / B) (t - p) y, times the factor of the goodness.
    gradient = []
    for row, s in zip(rows, polarity, strict=True):
        surprise = (1 if s > 0 else 0) - probability(row, threshold, kind)
        scale = -2 * surprise * factor(row, kind) / len(rows)
        gradient.append([scale * y for y in row])
    return gradient
