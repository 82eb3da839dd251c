"""Tables of small images, windows and batches."""

from typing import NamedTuple

import numpy as np


class WindowCase(NamedTuple):
    name: str
    images: tuple  # (batch, height, width, channels)
    window: tuple
    stride: tuple
    padding: tuple
    outputs: int
    groups: int
    seed: int


Case = WindowCase

CONV_CASES = [
    Case("3x3", (2, 4, 5, 2), (3, 3), (1, 1), (0, 0), 3, 1, 501),
    Case("3x3 padded", (2, 3, 4, 2), (3, 3), (1, 1), (1, 1), 2, 1, 502),
    Case("1x1", (3, 2, 3, 3), (1, 1), (1, 1), (0, 0), 4, 1, 503),
    Case("1x3", (2, 3, 5, 2), (1, 3), (1, 1), (0, 1), 3, 1, 504),
    Case("2x2, stride 2, a rest is left", (2, 5, 4, 3), (2, 2), (2, 2), (0, 0), 2, 1, 505),
    Case("3x2, strides 2, 1, paddings 1, 2", (1, 6, 3, 2), (3, 2), (2, 1), (1, 2), 3, 1, 506),
    Case("5x5 on 4x4, padded", (2, 4, 4, 1), (5, 5), (1, 1), (2, 2), 3, 1, 507),
    Case("2x2, stride 3: pixels between windows", (2, 6, 5, 2), (2, 2), (3, 3), (0, 0), 2, 1, 508),
    Case("one place", (3, 3, 3, 2), (3, 3), (1, 1), (0, 0), 4, 1, 509),
    Case("one image, one channel, one output", (1, 4, 4, 1), (2, 3), (1, 2), (1, 0), 1, 1, 510),
    Case("padding wider than the window", (1, 2, 2, 2), (2, 2), (1, 1), (3, 2), 2, 1, 511),
    Case("2 groups", (2, 4, 4, 4), (3, 3), (1, 1), (1, 1), 6, 2, 512),
    Case("3 groups, stride 2", (2, 5, 5, 6), (2, 2), (2, 2), (0, 0), 3, 3, 513),
    Case("depthwise", (2, 4, 4, 5), (3, 3), (1, 1), (1, 1), 5, 5, 514),
    Case("depthwise, two outputs a channel", (1, 4, 3, 3), (2, 2), (1, 1), (0, 1), 6, 3, 515),
]  # fmt: skip
FIELD_CASES = [case for case in CONV_CASES if case.groups == 1]
POOL_CASES = [
    Case("2x2", (2, 4, 6, 3), (2, 2), (2, 2), (0, 0), 0, 1, 521),
    Case("2x2, a rest is left", (2, 5, 3, 2), (2, 2), (2, 2), (0, 0), 0, 1, 522),
    Case("3x3, stride 2: overlap", (2, 7, 6, 3), (3, 3), (2, 2), (0, 0), 0, 1, 523),
    Case("2x3, strides 1 and 2", (1, 4, 6, 2), (2, 3), (1, 2), (0, 0), 0, 1, 524),
    Case("stride wider than the window", (2, 7, 7, 1), (2, 2), (3, 4), (0, 0), 0, 1, 525),
    Case("1x1", (2, 2, 3, 2), (1, 1), (1, 1), (0, 0), 0, 1, 526),
    Case("whole image", (3, 3, 4, 5), (3, 4), (3, 4), (0, 0), 0, 1, 527),
]


def weight_shape(case):
    return (*case.window, case.images[3] // case.groups, case.outputs)


def conv_arrays(case):
    """(images, weight, d_out): no two numbers are equal."""
    from .scalar_images import output_shape

    rng = np.random.default_rng(case.seed)
    outputs = case.outputs or case.images[3]
    shape = output_shape(case.images, case.window, case.stride, case.padding, outputs)
    return (
        rng.normal(size=case.images),
        rng.normal(size=weight_shape(case)),
        rng.normal(size=shape),
    )


def field_arrays(case):
    images, weight, d_out = conv_arrays(case)
    rng = np.random.default_rng(case.seed + 1000)
    return images, rng.normal(size=(*d_out.shape[1:3], *weight.shape)), d_out


class NormCase(NamedTuple):
    name: str
    shape: tuple
    mean: float
    spread: float
    eps: float
    seed: int


NORM_CASES = [
    NormCase("rows", (5, 3), 0.3, 1.0, 1e-5, 531),
    NormCase("images", (2, 3, 2, 3), -0.5, 2.0, 1e-3, 532),
    NormCase("large eps", (4, 2), 0.0, 1.0, 0.7, 533),
    NormCase("two rows", (2, 4), 1.0, 1.0, 1e-5, 534),
    NormCase("one channel", (3, 2, 2, 1), 2.0, 0.5, 1e-5, 535),
    NormCase("square", (4, 4), 0.0, 1.0, 1e-5, 536),
]


def norm_arrays(case):
    """(x, d_out, scale, shift)."""
    rng = np.random.default_rng(case.seed)
    x = case.mean + case.spread * rng.normal(size=case.shape)
    d_out = rng.normal(size=case.shape)
    return x, d_out, rng.normal(size=case.shape[-1]), rng.normal(size=case.shape[-1])
