"""Small networks of windows on images, and their weighted sums written another way."""

import numpy as np

from ffref.formulas import NORMS
from ffref.layers import describe_layers, plan_layers
from ffref.training import LocalLayer, Network

SHAPE = (5, 4, 2)
STACK = (("local", (3, 2), (2, 1), 3, (1, 0)), ("conv", 2, 1, 4), ("dense", 6))
"""On SHAPE: 3 x 3 places of 3 channels, 2 x 2 places of 4, then 6 units."""


def draw(rng, layers, shape, *, norm="rms", dtype=np.float64, params=lambda units: ()):
    drawn = []
    for plan in plan_layers(describe_layers(layers), shape):
        arrays = (rng.standard_normal(shape).astype(dtype) for shape in plan.shapes)
        weights = plan.kind.record(*arrays)
        if hasattr(weights, "running_variance"):
            np.abs(weights.running_variance, out=weights.running_variance)
        drawn.append(LocalLayer(weights, params(plan.units), plan.kind))
    return Network(tuple(drawn), NORMS["none"], NORMS[norm])


def preactivation(x, weight, bias, shape, *, stride, padding):
    """Weighted sums of a layer of windows, place by place; shared weights have four axes."""
    images = x.reshape(len(x), *shape)
    (down, right), (step_down, step_right) = padding, stride
    images = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)))
    shared = weight.ndim == 4
    height, width = weight.shape[:2] if shared else weight.shape[2:4]
    rows = []
    for i, top in enumerate(range(0, images.shape[1] - height + 1, step_down)):
        for j, left in enumerate(range(0, images.shape[2] - width + 1, step_right)):
            window = images[:, top : top + height, left : left + width]
            own = weight if shared else weight[i, j]
            rows.append(np.tensordot(window, own, 3) + (bias if shared else bias[i, j]))
    return np.concatenate(rows, axis=1)
