"""Peer normalisation with 50 digits: each unit against the average of its layer."""

from .precision import mp


def moved_mean(rows, polarity, mean, keep):
    positives = [row for row, s in zip(rows, polarity, strict=True) if s > 0]
    if not positives:
        return list(mean)
    return [
        old + (1 - keep) * (mp.fsum(column) / len(positives) - old)
        for old, column in zip(mean, zip(*positives, strict=True), strict=True)
    ]


def rule(rows, polarity, mean, strength, keep):
    # what each row sends down, per image: minus the push towards the peers
    moved = moved_mean(rows, polarity, mean, keep)
    middle = mp.fsum(moved) / len(moved)
    positives = sum(s > 0 for s in polarity)
    return [
        [(strength * m - strength * middle) / positives if s > 0 else mp.mpf(0) for m in moved]
        for s in polarity
    ]


def spread(rows, polarity, mean, strength, keep):
    # strength times the variance, as the mean square less the squared mean
    moved = moved_mean(rows, polarity, mean, keep)
    units = len(moved)
    return strength * (mp.fsum(m * m for m in moved) / units - (mp.fsum(moved) / units) ** 2)
