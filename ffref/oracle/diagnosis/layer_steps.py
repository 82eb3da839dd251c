"""Steps that the families share: normalisation, weighted sums, gate, the way to the weights."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ffref.kernels import conv2d, conv2d_weight_grad
from ffref.oracle.families.layer import Values, flat, normalize
from ffref.oracle.specs import NormSpec
from ffref.types import Array

Step = Callable[[Values], Any]
"""From all that was computed before; inputs by their names, `spec`, `layer`, `dtype` besides."""


def sums_before_bias(v: Values) -> Array:
    """Dense or convolution, of `normalized` and `used_weight`."""
    layer = v["spec"].layer
    if layer.kind == "dense":
        return v["normalized"] @ v["used_weight"]
    x, weight = np.ascontiguousarray(v["normalized"]), np.ascontiguousarray(v["used_weight"])
    return conv2d(x, weight, stride=v["stride"], padding=v["padding"])


def weight_grad(v: Values) -> Array:
    """Of `seen` and `d_preactivation`."""
    if v["spec"].layer.kind == "dense":
        return v["seen"].T @ v["d_preactivation"]
    return conv2d_weight_grad(
        np.ascontiguousarray(v["seen"]),
        np.ascontiguousarray(v["d_preactivation"]),
        kernel_size=v["weight"].shape[:2],
        stride=v["stride"],
        padding=v["padding"],
    )


def bias_grad(v: Values) -> Array:
    """Sum over rows and places."""
    d = v["d_preactivation"]
    return d.reshape(-1, d.shape[-1]).sum(axis=0)


def input_grad(v: Values) -> Any:  # noqa: ANN401
    """Derivative in the layer's input, which no local step has; of dense layers."""
    if v["spec"].layer.kind != "dense":
        return 0.0
    return norm_pull(v["d_preactivation"] @ v["used_weight"].T, v["x"], v["norm_used"])


def norm_pull(d_out: Array, x: Array, norm: NormSpec) -> Array:
    """Pull-back of the normalisation x / D(length), with any place of eps; 0 at a row of zeros."""
    if norm.kind == "none":
        return d_out
    count = x.shape[1] if norm.kind == "rms" else 1
    length = np.sqrt((x**2).sum(axis=1, keepdims=True) / count)
    divisor, slope = {
        "outside": lambda: (length + norm.eps, np.ones_like(length)),
        "inside": lambda: (np.sqrt(length**2 + norm.eps), length / np.sqrt(length**2 + norm.eps)),
        "least": lambda: (np.maximum(length, norm.eps), (length > norm.eps).astype(x.dtype)),
    }[norm.place]()
    safe = np.where(length > 0, length, 1)
    turned = (x * d_out).sum(axis=1, keepdims=True) * slope / (divisor**2 * safe * count)
    return np.where(length > 0, d_out / np.where(divisor > 0, divisor, 1) - x * turned, 0)


def relu_gate(v: Values) -> Array:
    """Slope of the relu, or 1 everywhere, by `relu` of the specification."""
    if v["spec"].relu == "gated":
        return (v["preactivation"] > 0).astype(np.float64)
    return np.ones_like(v["preactivation"])


def gated(d: Array, gate: Array) -> Array:
    """Times the gate; what is not finite stays out of silent units, as in autodiff codes."""
    return np.where(gate == 0, 0.0, d * gate)


BEFORE: dict[str, Step] = {
    "norm_used": lambda v: v["spec"].norm,
    "normalized": lambda v: normalize(v["x"], v["norm_used"]),
    "stride": lambda v: v["spec"].layer.stride,
    "padding": lambda v: v["spec"].layer.padding,
    "used_weight": lambda v: v["weight"],
    "preactivation": lambda v: sums_before_bias(v) + v["bias"],
    "activity": lambda v: np.maximum(v["preactivation"], 0),
    "gate": relu_gate,
}
"""Up to the activity."""
BEHIND: dict[str, Step] = {
    "seen": lambda v: v["normalized"],
    "d_weight": weight_grad,
    "d_bias": bias_grad,
}
"""From d_preactivation to weight and bias."""


def rows_of(v: Values) -> int:
    """Rows of the batch."""
    return len(v["activity"])


def units_of(v: Values) -> int:
    """Units of the layer; of a convolution channels times places."""
    return flat(v["activity"]).shape[1]


def by_rows(d: Array, like: Array) -> Array:
    """One number a row, to be multiplied with an array of rows."""
    return d.reshape(-1, *[1] * (like.ndim - 1))


def overflowing(v: Values, exponent: Array, right: Array, value: float) -> Array:
    """Put `value` where exp(exponent) is infinite in the dtype that was computed in."""
    largest = np.finfo(np.float64 if v["dtype"] == "float64" else np.float32).max
    return np.where(exponent > np.log(largest), value, right)
