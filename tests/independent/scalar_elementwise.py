"""Logistic functions, log-sum-exp and cross-entropy of single numbers and lists.

At 50 digits the definitions can be written as they stand, without any shift by a maximum:
the exponent of these numbers has no bound.
"""

from .precision import mp


def softplus(x):
    # the integral of the logistic function, ln (1 + e^x)
    return mp.log1p(mp.exp(x))


def softplus_grad(x):
    # the odds e^x as a share
    return mp.exp(x) / (1 + mp.exp(x))


def sigmoid(x):
    # one over 1 + e^-x
    return 1 / (1 + mp.exp(-x))


def sigmoid_grad(x):
    # sigmoid = (1 + tanh(x / 2)) / 2, so the derivative is 1 / (4 cosh(x / 2)^2)
    return 1 / (4 * mp.cosh(x / 2) ** 2)


def relu(x):
    return x if x > 0 else mp.mpf(0)


def relu_grad(x):
    return mp.mpf(1 if x > 0 else 0)


def log_sum_exp(row):
    # log sum_k e^x_k
    return mp.log(mp.fsum([mp.exp(x) for x in row]))


def log_sum_exp_grad(row):
    # each entry against all others: 1 / sum_j e^(x_j - x_k)
    return [1 / mp.fsum([mp.exp(other - x) for other in row]) for x in row]


def log_mean_exp(row, scale):
    # (1 / b) log (1 / K) sum_k e^(b x_k)
    return mp.log(mp.fsum([mp.exp(scale * x) for x in row]) / len(row)) / scale


def log_mean_exp_grad(row, scale):
    # the 1 / b outside and the b inside cancel: the share of each entry in the sum
    return log_sum_exp_grad([scale * x for x in row])


def targets(label, classes, smoothing):
    # t_c = (1 - e) [c = label] + e / classes
    even = smoothing / classes
    return [(1 - smoothing) * (1 if c == label else 0) + even for c in range(classes)]


def cross_entropy(row, label, smoothing):
    # -sum_c t_c log p_c with -log p_c = log sum_j e^(l_j - l_c)
    wanted = targets(label, len(row), smoothing)
    surprise = [log_sum_exp([other - own for other in row]) for own in row]
    return mp.fsum([t * u for t, u in zip(wanted, surprise, strict=True)])


def cross_entropy_grad(row, label, smoothing):
    # Jacobian of log p: d log p_c / d l_k = [c = k] - p_k, contracted with -t_c
    share = log_sum_exp_grad(row)
    wanted = targets(label, len(row), smoothing)
    classes = range(len(row))
    return [
        -mp.fsum([wanted[c] * ((1 if c == k else 0) - share[k]) for c in classes]) for k in classes
    ]


def mean_cross_entropy(rows, labels, smoothing):
    losses = [cross_entropy(row, y, smoothing) for row, y in zip(rows, labels, strict=True)]
    return mp.fsum(losses) / len(losses)


def mean_cross_entropy_grad(rows, labels, smoothing):
    return [
        [entry / len(rows) for entry in cross_entropy_grad(row, y, smoothing)]
        for row, y in zip(rows, labels, strict=True)
    ]
