"""Optimisers of one number: the value after every step, for given gradients and rates.

`gradients` and `rates` have one entry for each step; all state starts at 0. Plain Python
arithmetic, so floats and 50-digit numbers both work.
"""


def heavy_ball(weight, gradients, rates, *, momentum=0.0, weight_decay=0.0):
    # v <- mu v + (g + decay w);  w <- w - lr v
    velocity, path = 0, []
    for gradient, rate in zip(gradients, rates, strict=True):
        velocity = momentum * velocity + gradient + weight_decay * weight
        weight = weight - rate * velocity
        path.append(weight)
    return path


def moving_average(weight, gradients, rates, *, momentum=0.0, weight_decay=0.0):
    # v <- mu v + (1 - mu) g;  w <- w - lr (v + decay w): decay stays outside the average
    average, path = 0, []
    for gradient, rate in zip(gradients, rates, strict=True):
        average = momentum * average + (1 - momentum) * gradient
        weight = weight - rate * (average + weight_decay * weight)
        path.append(weight)
    return path


def adam(weight, gradients, rates, *, beta1=0.9, beta2=0.999, eps=1e-8):
    # decoupled decay of zero
    return adamw(weight, gradients, rates, beta1=beta1, beta2=beta2, eps=eps, weight_decay=0)


def adamw(weight, gradients, rates, *, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    # m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
    # w <- w - lr decay w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
    first, second, path = 0, 0, []
    steps = enumerate(zip(gradients, rates, strict=True), start=1)
    for step, (gradient, rate) in steps:
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient**2
        mean = first / (1 - beta1**step)
        spread = (second / (1 - beta2**step)) ** 0.5
        weight = weight - rate * weight_decay * weight - rate * mean / (spread + eps)
        path.append(weight)
    return path
