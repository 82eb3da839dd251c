"""A convolutional block under HFF's loss, with the mistakes named in `wrong`."""

import numpy as np

from tests.mistaken import hff
from tests.mistaken.layer import backward, forward, normalize


def run(case, wrong, dtype=np.float64):
    given = {n: a if a.dtype.kind == "i" else a.astype(dtype) for n, a in case.inputs.items()}
    with np.errstate(all="ignore"):
        return _block(case.spec, given, wrong)


def _statistics(spec, given, a, wrong):
    """Centre and deviation of each channel, or of each row."""
    axes = (0, 1, 2)
    if spec.channel_norm == "none":
        return 0.0, 1.0
    if spec.channel_norm != "batch":
        total = (a * a).sum((1, 2, 3), keepdims=True)
        return 0.0, np.sqrt(total / a[0].size if spec.channel_norm == "rms" else total)
    centre, variance = a.mean(axes), a.var(axes)
    if "running statistics in training" in wrong:
        centre, variance = given["running_mean"], given["running_variance"]
    if "variance of samples normalises" in wrong:
        variance = a.var(axes, ddof=1)
    eps = 1e-3 if "Keras's eps" in wrong else 1e-5
    if "batch eps outside" in wrong:
        return centre, np.sqrt(variance) + eps
    return centre, np.sqrt(variance + eps)


def _state(given, a, wrong):
    axes = (0, 1, 2)
    share = 0.9 if "Keras's momentum" in wrong else 0.1
    spread = a.var(axes, ddof=0 if "biased running variance" in wrong else 1)
    return {
        "new_running_mean": ((1 - share) * given["running_mean"] + share * a.mean(axes)),
        "new_running_variance": ((1 - share) * given["running_variance"] + share * spread),
    }


def _places(shape, size):
    """Each window's corner, and its slices."""
    for p in range(shape[1] // size[0]):
        for q in range(shape[2] // size[1]):
            down = slice(p * size[0], (p + 1) * size[0])
            yield p, q, down, slice(q * size[1], (q + 1) * size[1])


def _pool(o, y, size, wrong):
    """Largest of each window, and its share in the gradient."""
    out = np.zeros((len(y), y.shape[1] // size[0], y.shape[2] // size[1], y.shape[3]), y.dtype)
    shares = np.zeros_like(y)
    for p, q, down, right in _places(y.shape, size):
        window = y[:, down, right]
        if "mean pooling" in wrong:
            out[:, p, q], shares[:, down, right] = window.mean((1, 2)), 1 / np.prod(size)
            continue
        out[:, p, q] = window.max((1, 2))
        best = o[:, down, right]
        won = best == best.max((1, 2), keepdims=True)
        shares[:, down, right] = np.ones_like(won) if "all places win" in wrong else won
    return out, shares


def _averaged(x, places, wrong):
    size = (x.shape[1] // places[0], x.shape[2] // places[1])
    out = np.zeros((len(x), *places, x.shape[3]), x.dtype)
    for p, q, down, right in _places(x.shape, size):
        window = x[:, down, right]
        out[:, p, q] = window[:, 0, 0] if "shortcut strided" in wrong else window.mean((1, 2))
    return out


def _block(spec, given, wrong):
    x = normalize(given["x"], spec.norm, wrong)
    channels = given["weight"].shape[3]
    a = forward(x, given["weight"], np.zeros(channels, x.dtype), spec.layer, wrong)
    centre, deviation = _statistics(spec, given, a, wrong)
    z = (a - centre) / deviation
    gamma = given.get("scale", np.ones(channels, x.dtype))
    o = gamma * z + (0 if "shift left out" in wrong else given["shift"])
    h, shares = _pool(o, np.maximum(o, 0), spec.pool, wrong)
    if spec.residual and "shortcut left out" not in wrong:
        h[..., : x.shape[3]] += _averaged(x, h.shape[1:3], wrong)
    cells = _averaged(h, spec.grid or h.shape[1:3], set())
    f = cells
    if spec.auxiliary:
        f = cells @ given["auxiliary_weight"]
        if "auxiliary bias left out" not in wrong:
            f = f + given["auxiliary_bias"]
    state = _state(given, a, wrong) if spec.channel_norm == "batch" else {}
    values, d_f, d_p = hff.sphere(spec, given, f, wrong)
    del values["direction"]
    d_cells = d_f @ given["auxiliary_weight"].T if spec.auxiliary else d_f
    size = (h.shape[1] // cells.shape[1], h.shape[2] // cells.shape[2])
    pixels = 1 if "1/pixels left out" in wrong else size[0] * size[1]
    d_h = np.repeat(np.repeat(d_cells, size[0], 1), size[1], 2) / pixels
    d_o = np.zeros_like(o)
    for p, q, down, right in _places(o.shape, spec.pool):
        d_o[:, down, right] = d_h[:, p : p + 1, q : q + 1] * shares[:, down, right]
    d_o = d_o * (o > 0)
    d_a = _through_norm(spec, d_o * gamma, z, deviation, wrong)
    d_weight, _ = backward(given["x"], x, given["weight"], d_a, spec.layer, wrong)
    axes = (0, 1, 2)
    learned = {"d_weight": d_weight, "d_scale": (d_o * z).sum(axes), "d_shift": d_o.sum(axes)}
    if spec.channel_norm == "none":
        del learned["d_scale"]
    if spec.auxiliary:
        learned["d_auxiliary_weight"] = np.tensordot(cells, d_f, (axes, axes))
        learned["d_auxiliary_bias"] = d_f.sum(axes)
    if "d_scale doubled" in wrong and "d_scale" in learned:
        learned["d_scale"] = 2 * learned["d_scale"]
    return {
        "normalized": x, "sums": a, "standardized": z, "preactivation": o, "activity": h, **state,
        "features": f, **values, "d_features": d_f, "d_activity": d_h, "d_sums": d_a, **learned,
        "d_prototypes": d_p * (2 if "d_prototypes doubled" in wrong else 1),
    }  # fmt: skip


def _through_norm(spec, d, z, deviation, wrong):
    if spec.channel_norm == "none":
        return d
    if spec.channel_norm == "batch":
        axes = (0, 1, 2)
        if "statistics held constant" in wrong:
            return d / deviation
        centred = d - d.mean(axes)
        if "variance held constant" in wrong:
            return centred / deviation
        return (centred - z * (d * z).mean(axes)) / deviation
    if "row norm held constant" in wrong:
        return d / deviation
    reduce = np.mean if spec.channel_norm == "rms" else np.sum
    return (d - z * reduce(d * z, axis=(1, 2, 3), keepdims=True)) / deviation
