"""Losses of pairs and of carried goodness with 50 digits, from what each stream's row scores.

Cumulative goodness is made row by row, own plus weight times carried, before anything is
compared; the package works on margins. Nothing here is rearranged to spare digits.
"""

from .precision import mp
from .scalar_ff import goodness, goodness_grad


def couples(polarity, partner):
    """(positive row, negative row) of each pair."""
    return [(i, j) for i, j in enumerate(partner) if j >= 0 and polarity[i] > 0]


def symba(rows, pairs, alpha, kind):
    total = mp.mpf(0)
    for above, below in pairs:
        gap = goodness(rows[above], kind) - goodness(rows[below], kind)
        total += mp.log(1 + mp.exp(-alpha * gap))
    return total / len(pairs)


def symba_grad(rows, pairs, alpha, kind):
    # the pair's odds of being the wrong way round say how hard both rows are pulled
    gradient = [[mp.mpf(0)] * len(row) for row in rows]
    for above, below in pairs:
        odds = mp.exp(alpha * (goodness(rows[below], kind) - goodness(rows[above], kind)))
        pull = alpha * odds / (1 + odds) / len(pairs)
        gradient[above] = [-pull * d for d in goodness_grad(rows[above], kind)]
        gradient[below] = [pull * d for d in goodness_grad(rows[below], kind)]
    return gradient


def pull(beta, gap):
    return 1 / (1 + mp.exp(beta * gap))


def gate(prior, gamma, tau, kappa):
    return gamma / (1 + mp.exp(tau * (prior - kappa)))


def depth_weights(priors, depth, layers, beta):
    level = mp.mpf(1) / 4
    if layers > 1:
        level += (mp.mpf(3) / 4) * depth / (layers - 1)
    hard = [pull(beta, prior) for prior in priors]
    return [level * h * len(hard) / mp.fsum(hard) for h in hard]


def calibrated_weight(own, prior, target, beta, gamma):
    return max(mp.mpf(0), target - pull(beta, own + gamma * prior) / pull(beta, own))


def cumulative(rows, pairs, carried, beta, gammas, lambdas, kind):
    total = mp.mpf(0)
    for (above, below), gamma, extra in zip(pairs, gammas, lambdas, strict=True):
        own = [goodness(rows[i], kind) for i in (above, below)]
        both = [g + gamma * carried[i] for g, i in zip(own, (above, below), strict=True)]
        total += mp.log(1 + mp.exp(-beta * (both[0] - both[1])))
        total += extra * mp.log(1 + mp.exp(-beta * (own[0] - own[1])))
    return total / len(pairs)


def cumulative_grad(rows, pairs, carried, beta, gammas, lambdas, kind):
    gradient = [[mp.mpf(0)] * len(row) for row in rows]
    for (above, below), gamma, extra in zip(pairs, gammas, lambdas, strict=True):
        own = goodness(rows[above], kind) - goodness(rows[below], kind)
        prior = carried[above] - carried[below]
        step = beta * (pull(beta, own + gamma * prior) + extra * pull(beta, own)) / len(pairs)
        gradient[above] = [-step * d for d in goodness_grad(rows[above], kind)]
        gradient[below] = [step * d for d in goodness_grad(rows[below], kind)]
    return gradient


def collaboration(rows, polarity, others, threshold, kind):
    total = mp.mpf(0)
    for row, s, other in zip(rows, polarity, others, strict=True):
        p = 1 / (1 + mp.exp(threshold - goodness(row, kind) - other))
        total -= mp.log(p if s > 0 else 1 - p)
    return total / len(rows)


def collaboration_grad(rows, polarity, others, threshold, kind):
    gradient = []
    for row, s, other in zip(rows, polarity, others, strict=True):
        p = 1 / (1 + mp.exp(threshold - goodness(row, kind) - other))
        surprise = (1 if s > 0 else 0) - p
        gradient.append([-surprise * d / len(rows) for d in goodness_grad(row, kind)])
    return gradient
