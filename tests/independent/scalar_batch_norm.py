"""Batch normalisation of one channel, a list of numbers, and its pull-back by the Jacobian."""

from .precision import mp


def moments(column):
    """Mean and population variance."""
    mean = mp.fsum(column) / len(column)
    return mean, mp.fsum([(x - mean) ** 2 for x in column]) / len(column)


def normalized(column, eps):
    mean, variance = moments(column)
    return [(x - mean) / mp.sqrt(variance + eps) for x in column]


def batch_norm(column, scale, shift, eps):
    return [scale * z + shift for z in normalized(column, eps)]


def jacobian(column, eps):
    """d z_i / d x_j by the quotient rule on (x_i - mean) / s, s = sqrt(variance + eps).

    d (x_i - mean) / d x_j = [i = j] - 1/R; d s / d x_j = (d variance / d x_j) / 2s, and
    d variance / d x_j = sum_k 2 (x_k - mean) ([k = j] - 1/R) / R.
    """
    mean, variance = moments(column)
    s, count = mp.sqrt(variance + eps), len(column)

    def d_gap(i, j):
        return (1 if i == j else 0) - mp.mpf(1) / count

    def d_s(j):
        terms = [2 * (x - mean) * d_gap(k, j) / count for k, x in enumerate(column)]
        return mp.fsum(terms) / (2 * s)

    return [
        [(d_gap(i, j) * s - (x - mean) * d_s(j)) / s**2 for j in range(count)]
        for i, x in enumerate(column)
    ]


def batch_norm_grads(column, scale, d_out, eps):
    """(d_x, d_scale, d_shift)."""
    table, z = jacobian(column, eps), normalized(column, eps)
    d_x = [
        mp.fsum([scale * d * line[j] for d, line in zip(d_out, table, strict=True)])
        for j in range(len(column))
    ]
    return d_x, mp.fsum([d * e for d, e in zip(d_out, z, strict=True)]), mp.fsum(d_out)


def inference(column, scale, shift, mean, variance, eps):
    return [scale * (x - mean) / mp.sqrt(variance + eps) + shift for x in column]


def inference_grads(column, scale, d_out, mean, variance, eps):
    s = mp.sqrt(variance + eps)
    z = [(x - mean) / s for x in column]
    d_scale = mp.fsum([d * e for d, e in zip(d_out, z, strict=True)])
    return [scale * d / s for d in d_out], d_scale, mp.fsum(d_out)


def running(old, new, share):
    return (1 - share) * old + share * new


def unbiased(column):
    """Variance of a sample, from the differences of all pairs: no mean is involved.

    sum over pairs i < j of (x_i - x_j)^2, divided by R (R - 1).
    """
    count = len(column)
    pairs = [(column[i] - column[j]) ** 2 for i in range(count) for j in range(i)]
    return mp.fsum(pairs) / (count * (count - 1))
