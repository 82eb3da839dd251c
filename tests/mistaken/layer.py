"""A layer as someone may write it in NumPy, with the mistakes that are named in `wrong`.

Written apart from ffref, as plainly as possible; `wrong` is a set of names, empty for code
without a mistake.
"""

import numpy as np


def _sizes(x, kind, eps, place, axis, wrong):
    """What each row, or column, is divided by; x may have an imaginary part."""
    absolute = x * np.sign(x.real)
    if "sum of absolutes for the norm" in wrong:
        return absolute.sum(1, keepdims=True) + eps
    if "largest for the norm" in wrong:
        return np.take_along_axis(absolute, absolute.real.argmax(1)[:, None], 1) + eps
    total = np.sum(np.square(x), axis, keepdims=True)
    if kind != "l2":
        total = total / x.shape[axis]
    if place == "inside":
        return np.sqrt(total + eps)
    if place == "least":
        return np.maximum(np.sqrt(total), eps)
    return np.sqrt(total) + eps


def normalize(x, norm, wrong):
    shape, x = x.shape, x.reshape(len(x), -1)
    kind, eps, place = norm.kind, norm.eps, norm.place
    if "input not normalised" in wrong or kind == "none":
        return x.reshape(shape)
    kind = "l2" if "l2 for rms" in wrong else "rms" if "rms for l2" in wrong else kind
    if "eps added to the length" in wrong:
        eps, place = 1e-8, "outside"
    if "eps under the root" in wrong:
        eps, place = (eps or 1e-8), "inside"
    if "eps as least length" in wrong:
        place = "least"
    if "no eps" in wrong:
        eps = 0.0
    if "one norm of the batch" in wrong:
        x = x.reshape(1, -1)
    axis = 0 if "columns normalised" in wrong else 1
    if kind == "layer" or "mean subtracted" in wrong:
        x = x - x.mean(axis if kind == "layer" else 1, keepdims=True)
    size = _sizes(x, kind, eps, place, axis, wrong)
    if "zero rows divided by 0" in wrong:
        return (x / size).reshape(shape)
    return np.divide(x, size, out=np.zeros_like(x), where=size != 0).reshape(shape)


def normalize_back(d, x, norm, wrong):
    """Entry by entry, by the imaginary part that a step along it leaves; no Jacobian."""
    out, step = np.zeros_like(d), 1e-30
    for index in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[index] += 1j * step
        out[index] = np.sum(d * normalize(moved, norm, wrong).imag) / step
    return out


def _windows(x, kernel, layer):
    (sh, sw), (ph, pw) = layer.stride, layer.padding
    x = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))
    return windows[:, ::sh, ::sw]  # (batch, height, width, channels, kernel_h, kernel_w)


def as_read(weight, wrong):
    if "weight read as (out, in)" in wrong and weight.ndim == 2:
        return weight.ravel(order="F").reshape(weight.shape)
    return weight


def forward(x, weight, bias, layer, wrong):
    weight = as_read(weight, wrong)
    if "bias left out" in wrong:
        bias = 0 * bias
    if layer.kind == "dense":
        return np.dot(x, weight) + bias
    if "kernel flipped" in wrong:
        weight = weight[::-1, ::-1]
    return np.einsum("bhwikl,klio->bhwo", _windows(x, weight.shape[:2], layer), weight) + bias


def activate(a, wrong):
    if "no relu" in wrong:
        return a
    if "leaky relu" in wrong:
        return np.where(a > 0, a, 0.01 * a)
    return a * (a > 0)


def gate(a, relu, wrong):
    if "gate left out" in wrong or "no relu" in wrong:
        relu = "straight-through"
    if "gated" in wrong:
        relu = "gated"
    if relu == "straight-through":
        return np.ones_like(a)
    return np.where(a > 0, 1, 0.01 if "leaky relu" in wrong else 0).astype(a.dtype)


def pass_gate(d, open_gate):
    """As autograd does: nothing passes a closed gate, not even NaN."""
    return np.where(open_gate == 0, 0, d * open_gate)


def backward(raw, normalized, weight, d, layer, wrong):
    """Gradients of weight and bias."""
    seen = raw if "raw input in d_weight" in wrong else normalized
    if layer.kind == "dense":
        d_weight = np.einsum("bi,bo->io", seen, d)
        if "d_weight in the other order" in wrong:
            d_weight = d_weight.ravel(order="F").reshape(d_weight.shape)
    else:
        d_weight = np.einsum("bhwikl,bhwo->klio", _windows(seen, weight.shape[:2], layer), d)
        if ("kernel flipped" in wrong) != ("kernel gradient flipped" in wrong):
            d_weight = d_weight[::-1, ::-1]
    axes = tuple(range(d.ndim - 1))
    d_bias = d.mean(axes) if "d_bias a mean" in wrong else d.sum(axes)
    if "d_bias left out" in wrong:
        d_bias = np.zeros_like(d_bias)
    return d_weight, d_bias


def rescale(values, wrong, rows):
    """Factors in single parameters' gradients."""
    made = dict(values)
    for name in ("d_weight", "d_bias", "d_prototypes", "d_top_down", "d_factor", "d_projection"):
        if name not in made:
            continue
        if "parameters' gradients over the batch" in wrong:
            made[name] = made[name] / rows
        if f"{name} doubled" in wrong:
            made[name] = made[name] * 2
    return made
