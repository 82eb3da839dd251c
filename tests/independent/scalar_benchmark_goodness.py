"""Goodness functions of the benchmark, one row at a time, as its words define them."""

from .precision import mp


def quartic_sum(row, weight):
    return mp.fsum([y**2 for y in row]) - weight * mp.fsum([y**4 for y in row])


def sparse_sum(row, weight):
    return mp.fsum([y * y - weight * abs(y) for y in row])


def huber_sum(row, weight, delta):
    def huber(y):
        return y**2 / 2 if abs(y) <= delta else delta * (abs(y) - delta / 2)

    return mp.fsum([y * y - weight * huber(y) for y in row])


def trimmed_sum(row, share):
    # sorted squares without so many at either end
    cut = round(share * len(row))
    return mp.fsum(sorted(y * y for y in row)[cut : len(row) - cut])


def magnitude_shares(row):
    return [abs(y) / mp.fsum([abs(other) for other in row]) for y in row]


def softmax_shares(row):
    return [mp.exp(abs(y)) / mp.fsum([mp.exp(abs(other)) for other in row]) for y in row]


def contribution_sum(row, weight, shares=None):
    """Shares of the row itself, or given ones, frozen."""
    shares = magnitude_shares(row) if shares is None else shares
    return mp.fsum([y**2 * (1 + weight * p) for y, p in zip(row, shares, strict=True)])


def evenness(shares):
    return mp.fsum([p * mp.log(1 / p) for p in shares if p]) / mp.log(len(shares))


def even_sum(row, weight, shares=None):
    shares = magnitude_shares(row) if shares is None else shares
    return (1 + weight * evenness(shares)) * mp.fsum([y**2 for y in row])


def attention_sum(row, weight, shares=None):
    return even_sum(row, weight, softmax_shares(row) if shares is None else shares)
