"""What the families share: encoding, normalisation, weighted sums and the gate, by the library."""

from typing import Any

import numpy as np

from ffref.formulas import NORMS, relu_vjp
from ffref.layers import Conv, Dense, Window, conv_forward, conv_kind, dense_forward
from ffref.negatives import overlay_label
from ffref.oracle.specs import LabelSpec, LayerSpec, NormSpec
from ffref.training import LocalLayer
from ffref.types import Array, Params

Values = dict[str, Any]
Axes = dict[str, tuple[str, ...]]

ROWS = ("batch",)
IMAGES = ("batch", "height", "width", "channels")
DENSE_AXES: Axes = {
    "x": ("batch", "in"),
    "weight": ("in", "out"),
    "activity": ("batch", "out"),
}
CONV_AXES: Axes = {
    "x": IMAGES,
    "weight": ("kernel_h", "kernel_w", "in", "out"),
    "activity": IMAGES,
}


def axes_of(layer: LayerSpec) -> Axes:
    """Axes of x, weight, bias and activity."""
    return {**(DENSE_AXES if layer.kind == "dense" else CONV_AXES), "bias": ("out",)}


def encoded(inputs: Values, label: LabelSpec | None) -> Array:
    """Return x; or positives and negatives, made of images and two labels each."""
    if label is None:
        return inputs["x"]
    images = inputs["images"]
    strength = {
        "one": np.ones(len(images), images.dtype),
        "batch-max": np.full(len(images), images.max()),
        "row-max": images.max(axis=1),
    }[label.strength]
    both = []
    for labels in (inputs["labels"], inputs["negative_labels"]):
        rows = overlay_label(images, labels, classes=label.classes)
        rows[:, : label.classes] *= strength[:, None]
        both.append(rows)
    return np.concatenate(both)


def normalize(x: Array, norm: NormSpec) -> Array:
    """Rows (an image is its row) over their norm, in x's shape.

    The library's norms have no eps; those of dialects are written out here.
    """
    rows = x.reshape(len(x), -1)
    if norm.eps == 0 or norm.kind == "none":
        return NORMS[norm.kind].value(rows).reshape(x.shape)
    if norm.kind == "layer":
        rows = rows - rows.mean(axis=1, keepdims=True)
    reduce = np.sum if norm.kind == "l2" else np.mean
    squares = reduce(rows**2, axis=1, keepdims=True)
    divisor = {
        "outside": lambda: np.sqrt(squares) + norm.eps,
        "inside": lambda: np.sqrt(squares + norm.eps),
        "least": lambda: np.maximum(np.sqrt(squares), norm.eps),
    }[norm.place]()
    return (rows / divisor.astype(x.dtype)).reshape(x.shape)


def open_layer(layer: LayerSpec, inputs: Values, x: Array, params: Params = ()) -> LocalLayer:
    """Make the library's layer of weight and bias; x gives the size of images."""
    weight, bias = inputs["weight"], inputs["bias"]
    if layer.kind == "dense":
        return LocalLayer(Dense(weight, bias), params)
    height, width, channels = x.shape[1:]
    window = Window((height, width, channels), weight.shape[:2], layer.stride, layer.padding)
    return LocalLayer(Conv(weight, bias), params, conv_kind(window))


def preactivation(layer: LayerSpec, local: LocalLayer, x: Array) -> Array:
    """Weighted sums, (batch, out) or (batch, height, width, channels)."""
    if isinstance(local.weights, Dense):
        return dense_forward(local.weights, x)
    assert isinstance(local.weights, Conv)
    return conv_forward(local.weights, x, stride=layer.stride, padding=layer.padding)


def through_relu(relu: str, d_activity: Array, activity: Array) -> Array:
    """d_preactivation from d_activity: gated, or handed straight through."""
    return relu_vjp(d_activity, activity) if relu == "gated" else d_activity.copy()


def flat(x: Array) -> Array:
    """Rows (batch, features)."""
    return x.reshape(len(x), -1)


def no_kinks(values: Values) -> Values:
    """No entry of any derivative is without one, unless a weighted sum is exactly 0."""
    return {}


def sum_scale(layer: LayerSpec, inputs: Values, x: Array) -> float:
    """Size of the weighted sums before anything cancels: max over units of sum |x||w| + |b|."""
    magnitudes = {name: np.abs(inputs[name]) for name in ("weight", "bias")}
    x = np.abs(x)
    return float(preactivation(layer, open_layer(layer, magnitudes, x), x).max())


def input_scale(x: Array, places: int) -> float:
    """Size of a weight's gradient per unit of d_preactivation: largest sum of |x| over the rows.

    Of a convolution each tap sees up to `places` pixels a row.
    """
    if x.ndim == 2:
        return float(np.abs(x).sum(axis=0).max())
    return float(np.abs(x).max(axis=(1, 2, 3)).sum()) * places
