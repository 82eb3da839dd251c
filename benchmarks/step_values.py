"""What bench_steps.py holds both libraries' values against; its docstring says why so."""

import numpy as np

RATE = 0.001
STEPS = 3
ROWS = 32


def record(side, steps):
    """What a side holds after 0, 1, .. `steps` steps: arrays, losses so far, scores."""
    losses, held = [], []
    for number in range(steps + 1):
        scores = side.scores(ROWS)
        held.append(side.arrays() | {"losses": np.array(losses), "scores": scores})
        if number < steps:
            losses += side.step(number)
    return held


def rounding(case, dtype):
    """2 k u (layers + 1): what a gradient's sums of k products may lose, k the widest sum.

    Of blocks the widest of the forward pass, 9 x channels: the far longer sums over batch and
    places run in pieces, whose errors cancel.
    """
    return widest_sum(case) * np.finfo(dtype).eps * (len(case["shape"][1]) + 1)


def widest_sum(case):
    features, hidden, batch = case["shape"][:3]
    if has_blocks(case):
        return 9 * max(channels for channels, *_ in hidden)
    return max(features, 2 * batch, *hidden)


def has_blocks(case):
    return np.ndim(case["shape"][1]) == 2


def falling_over(case):
    """2 sqrt(u sqrt k): what float32 changes in a gradient of blocks.

    A weighted sum is off by some u sqrt(k), so that of the units such a share lies so close to 0,
    or to another one in its window, that relu or maximum fall the other way. Each is all or
    nothing in the gradient, whose error grows with the root of their number.
    """
    return 2 * np.sqrt(np.finfo(np.float32).eps * np.sqrt(widest_sum(case)))


def shares(ours, theirs, allowed):
    """The largest difference of each array, in parts of what is allowed; raises above 1."""
    out = {name: float(np.abs(ours[name] - theirs[name]).max() / allowed(name)) for name in ours}
    for name, share in out.items():
        if not share <= 1:
            raise ValueError(f"the libraries differ: {name}: {share:.2g} of what is allowed")
    return max(out.values())


def check_doubles(ours, theirs, case):
    """Both libraries in float64, after one step and after three."""
    gradient = rounding(case, np.float64)

    def after_one_step(name):
        if f"moment of {name}" not in ours[1]:  # a gradient's moment, losses, scores
            return (1e-7 if name == "scores" else gradient) * np.abs(ours[1][name]).max()
        largest = np.abs(ours[1][f"moment of {name}"]).max() / 0.1
        return RATE * gradient * largest / 1e-8  # Adam divides by |gradient| + 1e-8

    def after_more(name):
        return 1e-7 * np.abs(ours[STEPS][name]).max()

    return max(
        shares(ours[1], theirs[1], after_one_step),
        shares(ours[STEPS], theirs[STEPS], after_more),
    )


def check_singles(single, exact, start, case):
    """One library's step in float32 against float64, each array as a whole."""
    allowed, worst = rounding(case, np.float32), 0.0
    if has_blocks(case):
        allowed = falling_over(case)
    for name, array in single.items():
        error, size, bound = array - exact[name], exact[name], allowed
        if f"moment of {name}" in start:  # a parameter: what has changed
            size, bound = size - start[name], 0.05
        share = np.linalg.norm(error) / (bound * np.linalg.norm(size))
        if not share <= 1:
            raise ValueError(f"float32 is off: {name}: {share:.2g} of what is allowed")
        worst = max(worst, float(share))
    return worst
