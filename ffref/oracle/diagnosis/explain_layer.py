"""Explanations that concern a layer: normalisation, weighted sums, relu, the weights' gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ffref.oracle.diagnosis.explanation import Explanation, changed, factors, other_spec, replaced
from ffref.oracle.diagnosis.layer_steps import sums_before_bias
from ffref.oracle.families.layer import Values, flat, normalize
from ffref.oracle.specs import NormSpec
from ffref.types import Array

NORM = "(NORM.3) normalized = x / root of the mean square"
_L2 = "(NORM.1) normalized = x / length"
_SUMS = "(DENSE.1) preactivation = normalized @ weight + bias"
_RELU = "(ELEM.5) activity = max(0, preactivation)"
_GATE = "(LOCAL.4) d_preactivation = d_activity where the activity is above 0"
_WEIGHT = "(LOCAL.5) d_weight = normalized.T @ d_preactivation"
_BIAS = "(LOCAL.5) d_bias = sum over rows of d_preactivation"
_CONV = "(CONVLAYER.1) preactivation = cross-correlation of normalized and weight, + bias"

_EPS = (0.0, 1e-12, 1e-8, 1e-6, 1e-5, 1e-4)
_PLACES = {
    "outside": "added to the length",
    "inside": "added under the root",
    "least": "the least length",
}


def _eps(eps: float, place: str) -> Explanation:
    if eps == 0:
        text = "there is no eps in the normalisation"
    else:
        text = f"eps of the normalisation is {eps:g}, {_PLACES[place]}"
    return other_spec(text, NORM, norm=lambda norm: norm._replace(eps=eps, place=place))


def norm_kinds() -> list[Explanation]:
    """Other normalisations of the whole input."""
    return [
        other_spec(text, line, norm=lambda norm, kind=kind: norm._replace(kind=kind))
        for text, line, kind in (
            ("the input is not normalised", NORM, "none"),
            ("the length is divided out, where the root of the mean square is meant", NORM, "l2"),
            ("the root of the mean square is divided out, where the length is meant", _L2, "rms"),
        )
    ] + [_eps(eps, place) for eps in _EPS for place in _PLACES if eps or place == "outside"]


def zero_rows(v: Values, right: Array, of: str = "x") -> Array:
    """0 / 0 in rows of zeros."""
    norm = v["spec"].norm
    if norm.kind == "none" or norm.eps > 0:
        return right
    zero = ~flat(v[of]).any(axis=1)
    return np.where(zero.reshape(-1, *[1] * (right.ndim - 1)), np.nan, right)


def _other_axis(v: Values) -> Array:
    """Columns over their norm, as with the wrong axis."""
    rows = flat(v["x"])
    return normalize(rows.T.copy(), v["spec"].norm).T.reshape(v["x"].shape)


def _other_order(weight: Array) -> Array:
    """The numbers of (in, out), read as if they stood as (out, in)."""
    return weight.T.reshape(weight.shape)


def _one_norm(v: Values) -> Array:
    """The whole batch over one norm: the axis is forgotten."""
    return normalize(v["x"].reshape(1, -1), v["spec"].norm).reshape(v["x"].shape)


def _over(size: Callable[[Array], Array]) -> Callable[[Values, Array], Array]:
    """Rows over another size of theirs; the eps is added."""

    def normalized(v: Values, right: Array) -> Array:
        if v["spec"].norm.kind == "none":
            return right
        rows = flat(v["x"])
        if v["spec"].norm.kind == "layer":
            rows = rows - rows.mean(axis=1, keepdims=True)
        divisor = size(np.abs(rows))[:, None] + v["spec"].norm.eps
        return (rows / np.where(divisor == 0, 1, divisor)).reshape(right.shape)

    return normalized


def _centred(v: Values) -> Array:
    """Divided by the root of the mean square about the mean: layer normalisation."""
    rows = flat(v["x"])
    rows = rows - rows.mean(axis=1, keepdims=True)
    return normalize(rows, v["spec"].norm).reshape(v["x"].shape)


def _none_above(v: Values, right: NormSpec) -> NormSpec:
    return right._replace(kind="none") if v["layer"] > 1 else right


def _conv_only(change: Any) -> Any:  # noqa: ANN401
    return lambda v, right: change(v, right) if v["spec"].layer.kind == "conv" else right


def _flipped(v: Values, right: Array) -> Array:
    return right[::-1, ::-1]


def _leaky(slope: float) -> Explanation:
    return changed(
        f"the relu is leaky, with slope {slope:g}",
        _RELU,
        activity=lambda v, right: np.where(right > 0, right, slope * v["preactivation"]),
        gate=lambda v, right: np.where(right == 0, slope, right),
    )


def _not_on_rows(v: Values, right: Array) -> Array:
    """Bias's gradient as a mean over rows and places."""
    return right / (v["d_preactivation"].size / len(right))


def relus() -> list[Explanation]:
    """Other nonlinearities and gates."""
    return [
        replaced(
            "the relu is left out",
            _RELU,
            activity=lambda v: v["preactivation"],
            gate=lambda v: np.ones_like(v["preactivation"]),
        ),
        _leaky(0.01),
        _leaky(0.1),
        _leaky(0.2),
        other_spec("the relu's gate is left out of the gradient", _GATE, relu="straight-through"),
        other_spec(
            "the gradient stops at silent units, where it is meant to be handed straight through",
            _GATE,
            relu="gated",
        ),
    ]


def weight_factors(*also: str) -> list[Explanation]:
    """Factors of gradients of single parameters."""
    return [
        *factors("the gradient of every parameter", _WEIGHT, "d_weight", "d_bias", *also),
        *factors("d_weight alone", _WEIGHT, "d_weight"),
        *factors("d_bias alone", _BIAS, "d_bias"),
        replaced("d_bias is left out", _BIAS, d_bias=lambda v: np.zeros_like(v["bias"])),
    ]


LAYER: list[Explanation] = [
    *norm_kinds(),
    changed("a row of zeros is divided by 0", NORM, normalized=zero_rows),
    replaced("columns are normalised, not rows", NORM, normalized=_other_axis),
    replaced("one norm of the whole batch is divided out, not each row's", NORM,
             normalized=_one_norm),
    changed("the sum of absolute values is divided out, not the norm", NORM,
            normalized=_over(lambda rows: rows.sum(axis=1))),
    changed("the largest absolute value is divided out, not the norm", NORM,
            normalized=_over(lambda rows: rows.max(axis=1))),
    replaced("the mean is subtracted in the normalisation", NORM, normalized=_centred),
    changed(
        "no normalisation between the layers",
        "(LOCAL.2) input of the layer above = normalised activity",
        norm_used=_none_above,
    ),
    replaced("the bias is left out", _SUMS, preactivation=sums_before_bias),
    changed(
        "the bias is subtracted", _SUMS, preactivation=lambda v, right: right - 2 * v["bias"]
    ),
    changed(
        "the weight's numbers are read in the other order, (out, in) for (in, out)",
        _SUMS,
        used_weight=lambda v, right: _other_order(right) if right.ndim == 2 else right,
    ),
    changed(
        "the kernel is flipped: a convolution, where a cross-correlation is meant",
        _CONV,
        used_weight=_conv_only(_flipped),
        d_weight=_conv_only(_flipped),
    ),
    changed(
        "the kernel's gradient is flipped",
        "(CONVLAYER.2) d_weight = weight gradient of the cross-correlation",
        d_weight=_conv_only(_flipped),
    ),
    changed(
        "height and width of the kernel are swapped",
        _CONV,
        used_weight=_conv_only(
            lambda v, right: right.swapaxes(0, 1).reshape(right.shape)
        ),
    ),
    *relus(),
    replaced("d_weight is taken with the input before its normalisation", _WEIGHT,
             seen=lambda v: v["x"]),
    changed("d_weight's numbers stand in the other order, (out, in) for (in, out)", _WEIGHT,
            d_weight=lambda v, right: _other_order(right) if right.ndim == 2 else right),
    changed("d_bias is a mean over rows and places, not a sum", _BIAS, d_bias=_not_on_rows),
    changed(
        "the loss of the layer above leaks into this layer's gradient",
        "(LOCAL.3) d_activity is that of this layer's loss alone",
        d_activity=lambda v, right: right + v["from_above"](),
    ),
    changed(
        "the whole network is back-propagated from the last layer's loss",
        "(LOCAL.3) d_activity is that of this layer's loss alone",
        d_activity=lambda v, right: right if v["is_top"] else v["from_above"](),
    ),
]  # fmt: skip
