"""A layer in plain loops: encoding, normalisation, weighted sums, relu, and back through them."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ffref.oracle.specs import FFSpec, LayerSpec, NormSpec
from ffref.oracle.truth.numbers import Exact, ExactValues, Number, mp, total, zeros
from ffref.oracle.truth.steps import Formulation, Mode, Step

AnySpec = Any
"""Of any family that has what the function asks for."""


def encoded(v: ExactValues, spec: FFSpec, mode: Mode) -> Exact:
    """Every image with its label in the first slots, then every image with the negative one."""
    assert spec.label is not None
    rows = []
    for labels in (v["labels"], v["negative_labels"]):
        for image, label in zip(v["images"], labels, strict=True):
            strength = {
                "one": mp.mpf(1),
                "batch-max": max(v["images"].ravel()),
                "row-max": max(image),
            }[spec.label.strength]
            slots = [strength if c == label else mp.mpf(0) for c in range(spec.label.classes)]
            rows.append([*slots, *image[spec.label.classes :]])
    return np.array(rows, object)


def normalized(x: Exact, norm: NormSpec) -> Exact:
    """Each row (an image is one row) over its norm; a row of zeros stays."""
    if norm.kind == "layer":
        x = np.array([row - total(row.ravel()) / row.size for row in x], object)
    out = x.copy()
    if norm.kind == "none":
        return out
    for i, row in enumerate(x):
        square = total(entry * entry for entry in row.ravel())
        if norm.kind != "l2":
            square = square / row.size
        if not square:
            continue
        eps = mp.mpf(norm.eps)
        if norm.place == "inside":
            size = mp.sqrt(square + eps)
        elif norm.place == "outside":
            size = mp.sqrt(square) + eps
        else:
            size = max(mp.sqrt(square), eps)
        out[i] = row / size
    return out


def taps(
    layer: LayerSpec, images: tuple[int, ...], kernel: tuple[int, ...]
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """(place down, place right, kernel row, kernel column, pixel row, pixel column) inside."""
    (height, width), (tall, broad) = images[1:3], kernel[:2]
    down = (height + 2 * layer.padding[0] - tall) // layer.stride[0] + 1
    right = (width + 2 * layer.padding[1] - broad) // layer.stride[1] + 1
    for p, q, k, m in np.ndindex(down, right, tall, broad):
        row = p * layer.stride[0] - layer.padding[0] + k
        column = q * layer.stride[1] - layer.padding[1] + m
        if 0 <= row < height and 0 <= column < width:
            yield p, q, k, m, row, column


def weighted(x: Exact, weight: Exact) -> Exact:
    """Products of rows and weights: sum_i x_ni w_io."""
    out = zeros((len(x), weight.shape[1]))
    for n, o in np.ndindex(*out.shape):
        out[n, o] = total(x[n, i] * weight[i, o] for i in range(len(weight)))
    return out


def preactivation(v: ExactValues, spec: AnySpec, mode: Mode) -> Exact:
    """Weighted sums of the normalised input, and the bias."""
    x, weight, bias, layer = v["normalized"], v["weight"], v["bias"], spec.layer
    if layer.kind == "dense":
        return weighted(x, weight) + bias
    places = list(taps(layer, x.shape, weight.shape))
    down, right = 1 + max(p for p, *_ in places), 1 + max(q for _, q, *_ in places)
    out = zeros((len(x), down, right, weight.shape[3])) + bias
    for p, q, k, m, row, column in places:
        for n, c, o in np.ndindex(len(x), *weight.shape[2:]):
            out[n, p, q, o] += x[n, row, column, c] * weight[k, m, c, o]
    return out


def activity(v: ExactValues, spec: AnySpec, mode: Mode) -> Exact:
    """max(0, a). Where the relu hands gradients straight through, its surrogate is a + const."""
    a = v["preactivation"]
    if spec.relu == "straight-through" and mode.frozen is not None:
        held = mode.frozen["preactivation"]
        return a + (positive_part(held) - held)
    return positive_part(a)


def positive_part(a: Exact) -> Exact:
    """max(0, a), entry by entry."""
    out = a.copy()
    for index in np.ndindex(*a.shape):
        out[index] = max(a[index], mp.mpf(0))
    return out


def gated(d_activity: Exact, a: Exact, spec: AnySpec, mode: Mode) -> Exact:
    """d_activity where a > 0, or everywhere; at exactly 0 by convention nothing."""
    if spec.relu == "straight-through":
        return d_activity.copy()
    out = zeros(a.shape)
    for index in np.ndindex(*a.shape):
        if a[index] > 0 or (a[index] == 0 and mode.slope_at_kink):
            out[index] = d_activity[index]
    return out


def outer(x: Exact, d: Exact) -> Exact:
    """Products of rows, summed up: sum_n x_ni d_no."""
    out = zeros((x.shape[1], d.shape[1]))
    for i, o in np.ndindex(*out.shape):
        out[i, o] = total(x[n, i] * d[n, o] for n in range(len(x)))
    return out


def d_weight(v: ExactValues, spec: AnySpec, mode: Mode) -> Exact:
    """Each weight collects input times d_preactivation, wherever it was used."""
    x, d, layer = v["normalized"], v["d_preactivation"], spec.layer
    if layer.kind == "dense":
        return outer(x, d)
    out = zeros(v["weight"].shape)
    for p, q, k, m, row, column in taps(layer, x.shape, out.shape):
        for n, c, o in np.ndindex(len(x), *out.shape[2:]):
            out[k, m, c, o] += x[n, row, column, c] * d[n, p, q, o]
    return out


def d_bias(v: ExactValues, spec: AnySpec, mode: Mode) -> Exact:
    """Sum of d_preactivation over everything but the unit."""
    d = v["d_preactivation"]
    columns = d.reshape(-1, d.shape[-1]).T
    return np.array([total(column) for column in columns], object)


def formulation(
    spec: AnySpec,
    forward: dict[str, Step],
    backward: dict[str, Step],
    surrogates: Mapping[str, str] = MappingProxyType({}),
) -> Formulation:
    """Put the layer around a head's steps: `forward` from the activity to the loss.

    `backward` goes from there to d_activity and to what the head learns; `surrogates` says why a
    derivative is one of a loss with stored constants.
    """
    before: dict[str, Step] = {
        "normalized": lambda v, s, mode: normalized(v["x"], s.norm),
        "preactivation": preactivation,
        "activity": activity,
    }
    behind: dict[str, Step] = {
        "d_preactivation": lambda v, s, mode: gated(v["d_activity"], v["preactivation"], s, mode),
        "d_weight": d_weight,
        "d_bias": d_bias,
    }
    steps = backward | behind
    kinds = {name: ("surrogate", reason) for name, reason in surrogates.items()}
    if spec.relu == "straight-through":
        reason = ("surrogate", "the relu is a + const, its slope 1 everywhere")
        kinds |= dict.fromkeys(behind, reason)
    variables = {name: name.removeprefix("d_") for name in steps}
    return Formulation(before | forward, steps, variables, kinds)


def row_lists(array: Exact) -> list[list[Number]]:
    """Rows as flat lists of numbers."""
    return [list(row.ravel()) for row in array]
