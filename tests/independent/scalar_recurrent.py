"""The recurrent network written out number by number: one row, one layer, one step at a time."""

from .precision import mp
from .scalar_ff import ff_loss_grad, goodness
from .scalar_norms import length


def rms(row):
    size = length(row) / mp.sqrt(len(row))
    return [x / size for x in row] if size else list(row)


def weighted(row, weight, unit):
    return mp.fsum([x * line[unit] for x, line in zip(row, weight, strict=True)])


def positive_part(x):
    return x if x > 0 else mp.mpf(0)


def start(network, image):
    """`network`: list of (weight, bias, top_down); states of one row after the upward pass."""
    states, seen = [], rms(image)
    for depth, (weight, bias, top_down) in enumerate(network):
        top = depth == len(network) - 1
        neutral = rms([mp.mpf(1) / 10] * len(top_down)) if top else []
        states.append([
            positive_part(weighted(seen, weight, j) + b
                          + (weighted(neutral, top_down, j) if top else 0))
            for j, b in enumerate(bias)
        ])  # fmt: skip
        seen = rms(states[-1])
    return states


def video(network, image, label, steps, damping):
    """For each step, for each layer: (below, above, active units, state) of one row."""
    code = [mp.mpf(int(c == label)) for c in range(len(network[-1][2]))]
    states, film = start(network, image), []
    for _ in range(steps):
        seen = [rms(image), *(rms(h) for h in states), rms(code)]
        frame = []
        for depth, (weight, bias, top_down) in enumerate(network):
            below, above = seen[depth], seen[depth + 2]
            sums = [
                weighted(below, weight, j) + weighted(above, top_down, j) + b
                for j, b in enumerate(bias)
            ]
            state = [
                damping * old + (1 - damping) * positive_part(a)
                for old, a in zip(states[depth], sums, strict=True)
            ]
            frame.append((below, above, [a > 0 for a in sums], state))
        states = [state for *_, state in frame]
        film.append(frame)
    return film


def gradients(network, images, labels, wrong, steps, damping, thresholds):
    """(d_weight, d_bias, d_top_down) of each layer, summed up one number at a time."""
    films = [video(network, x, c, steps, damping) for x, c in zip(images, labels, strict=True)]
    films += [video(network, x, c, steps, damping) for x, c in zip(images, wrong, strict=True)]
    polarity = [1] * len(images) + [-1] * len(images)
    result = []
    for depth, (weight, bias, top_down) in enumerate(network):
        d_weight = [[mp.mpf(0)] * len(bias) for _ in weight]
        d_bias = [mp.mpf(0)] * len(bias)
        d_top_down = [[mp.mpf(0)] * len(bias) for _ in top_down]
        for time in range(steps):
            frames = [film[time][depth] for film in films]
            slopes = ff_loss_grad([f[3] for f in frames], polarity, thresholds[depth])
            for (below, above, active, _), slope in zip(frames, slopes, strict=True):
                for j, (on, d) in enumerate(zip(active, slope, strict=True)):
                    push = d * (1 - damping) / steps if on else mp.mpf(0)
                    d_bias[j] += push
                    for i, x in enumerate(below):
                        d_weight[i][j] += x * push
                    for i, x in enumerate(above):
                        d_top_down[i][j] += x * push
        result.append((d_weight, d_bias, d_top_down))
    return result


def mean_goodness(network, image, label, steps, damping):
    """Of each layer, over the steps (from 1) that are named."""
    film = video(network, image, label, max(steps), damping)
    return [
        mp.fsum([goodness(film[t - 1][depth][3], "sum") for t in steps]) / len(steps)
        for depth in range(len(network))
    ]
