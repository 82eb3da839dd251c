"""Mono-Forward, by differences of goodness: no softmax is formed.

-log p_c = log sum_j exp(G_j - G_c), and p_c = 1 / sum_j exp(G_j - G_c).
Rows, labels and projection are nested lists of 50-digit numbers.
"""

from .precision import mp


def goodness(row, projection):
    return [sum(m * a for m, a in zip(own, row, strict=True)) for own in projection]


def surprise(scores, c):
    return mp.log(mp.fsum(mp.exp(score - scores[c]) for score in scores))


def loss(rows, labels, projection, smoothing=0):
    total = mp.mpf(0)
    for row, label in zip(rows, labels, strict=True):
        scores = goodness(row, projection)
        every = [surprise(scores, c) for c in range(len(scores))]
        total += (1 - smoothing) * every[label] + smoothing * mp.fsum(every) / len(every)
    return total / len(rows)


def grads(rows, labels, projection, smoothing=0):
    """(d_rows, d_projection): each class pulls a row by how much too likely it is."""
    classes, units = range(len(projection)), range(len(rows[0]))
    d_rows, d_projection = [], [[mp.mpf(0) for _ in units] for _ in classes]
    for row, label in zip(rows, labels, strict=True):
        scores = goodness(row, projection)
        pull = [
            mp.exp(-surprise(scores, c)) - smoothing / len(scores) - (1 - smoothing) * (c == label)
            for c in classes
        ]
        d_rows.append(
            [mp.fsum(pull[c] * projection[c][j] for c in classes) / len(rows) for j in units]
        )
        for c in classes:
            for j in units:
                d_projection[c][j] += pull[c] * row[j] / len(rows)
    return d_rows, d_projection


def layer_weight_grad(inputs, weight, bias, labels, projection):
    """d loss / d weight of a relu layer under it, its input held fixed."""
    units = range(len(bias))
    sums = [
        [b + sum(x * w[j] for x, w in zip(row, weight, strict=True)) for j, b in enumerate(bias)]
        for row in inputs
    ]
    activity = [[max(value, mp.mpf(0)) for value in row] for row in sums]
    d_activity, _ = grads(activity, labels, projection)
    return [
        [
            mp.fsum(
                row[i] * d[j]
                for row, d, s in zip(inputs, d_activity, sums, strict=True)
                if s[j] > 0
            )
            for j in units
        ]
        for i in range(len(weight))
    ]
