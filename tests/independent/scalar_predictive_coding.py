"""Energy of a predictive coding network, row by row and unit by unit; back-propagation by paths.

Plain Python numbers, no normalisation. Shares no line with ffref/baselines/predictive_coding.py.
"""


def _prediction(weight, bias, below, unit):
    return bias[unit] + sum(below[k] * weight[k][unit] for k in range(len(below)))


def energy(weights, biases, rows, targets, values, precision):
    """values[l][i] are the hidden values of row i; rows and targets are lists of lists."""
    total = 0.0
    for i, row in enumerate(rows):
        below = row
        for depth in range(len(weights)):
            top = depth == len(weights) - 1
            nodes = targets[i] if top else values[depth][i]
            for unit, node in enumerate(nodes):
                gap = node - _prediction(weights[depth], biases[depth], below, unit)
                total += (precision if top else 1.0) * gap * gap / 2
            below = [max(node, 0.0) for node in nodes]
    return total / len(rows)


def squared_error(weights, biases, rows, targets):
    """The same network passed through once; half the squared error, mean over rows."""
    total = 0.0
    for row, target in zip(rows, targets, strict=True):
        below = row
        for depth, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            sums = [_prediction(weight, bias, below, unit) for unit in range(len(bias))]
            below = sums if depth == len(weights) - 1 else [max(each, 0.0) for each in sums]
        total += sum((t - out) ** 2 for t, out in zip(target, below, strict=True)) / 2
    return total / len(rows)
