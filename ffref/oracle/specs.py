"""What a layer's local step computes, written out as plain data.

A specification leaves nothing open: two implementations that follow the same one must return the
same numbers, up to rounding. It is a NamedTuple of numbers, words and further NamedTuples, so that
`as_data` and `from_data` carry it to JSON and back. docs/oracle.md lists every word.
"""

from typing import Any, NamedTuple

from ffref._checks import require

Pair = tuple[int, int]


class NormSpec(NamedTuple):
    """The normalisation of each row of a layer's input; a row of zeros stays zero."""

    kind: str = "rms"
    """"none"; "l2": the norm is sqrt(sum x^2); "rms": it is sqrt(mean x^2)"""
    eps: float = 0.0
    place: str = "outside"
    """"outside": x / (norm + eps); "inside": x / sqrt(norm^2 + eps); "least": x / max(norm, eps)
    """


class LayerSpec(NamedTuple):
    """The weighted sums: x @ weight + bias, or a cross-correlation + bias."""

    kind: str = "dense"
    """"dense" or "conv\""""
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)


class PeerSpec(NamedTuple):
    """Peer normalisation by the moved running mean m' of each unit's positive activity."""

    form: str
    """"rule": strength / P (m'_j - mean m') is added to d_preactivation of positive rows, silent
    units included; "loss": strength mean_j (m'_j - mean m')^2 is added to the loss, and
    differentiated through this batch's share of m'"""
    strength: float = 0.03
    momentum: float = 0.9
    """m' = momentum m + (1 - momentum) mean over positive rows"""


class LabelSpec(NamedTuple):
    """A label written over the first `classes` features, which are zeroed first."""

    classes: int
    strength: str = "one"
    """in the label's slot: "one", "batch-max" (largest feature of all images), or "row-max" (of
    this image)"""


class FFSpec(NamedTuple):
    """Logistic loss on goodness: softplus(-s logit), logit = sign (goodness - threshold)."""

    norm: NormSpec = NormSpec()
    layer: LayerSpec = LayerSpec()
    relu: str = "gated"
    """"gated": d_preactivation is d_activity where the activity is above 0; "straight-through":
    it is d_activity everywhere"""
    goodness: str = "sum"
    """"sum" or "mean" of squares over all units of a row"""
    sign: int = 1
    """-1: positive rows are to have a low goodness"""
    threshold: float = 0.0
    threshold_per_unit: float = 0.0
    """the threshold is threshold + threshold_per_unit * units of the layer"""
    reduction: str = "rows"
    """"rows": mean over all rows; "sides": mean over positive rows plus mean over negative rows"""
    peer: PeerSpec | None = None
    label: LabelSpec | None = None


class HFFSpec(NamedTuple):
    """Cross-entropy of a softmax over log-mean-exp of cosines to prototypes.

    score_c = log(mean_k exp(sharpness cos_ck)) / sharpness; logit = (score - margin [c = label]) /
    temperature; targets are (1 - label_smoothing) [c = label] + label_smoothing / classes.
    """

    norm: NormSpec = NormSpec()
    layer: LayerSpec = LayerSpec()
    relu: str = "gated"
    temperature: float = 0.1
    sharpness: float = 10.0
    margin: float = 0.0
    label_smoothing: float = 0.0


class RecurrentSpec(NamedTuple):
    """One synchronous step of a layer that sees the normalised states below and above.

    activity = relu(below W + above V + bias); state = damping old + (1 - damping) activity; the
    loss is that of `FFSpec` on the state; below, above and old are constants.
    """

    norm: NormSpec = NormSpec()
    """of below and of above"""
    relu: str = "gated"
    goodness: str = "sum"
    sign: int = 1
    threshold: float = 0.0
    threshold_per_unit: float = 0.0
    damping: float = 0.3


Spec = FFSpec | HFFSpec | RecurrentSpec

_PARTS: dict[str, type] = {
    "norm": NormSpec,
    "layer": LayerSpec,
    "peer": PeerSpec,
    "label": LabelSpec,
}
_WORDS = {
    "kind": ("none", "l2", "rms", "dense", "conv"),
    "place": ("outside", "inside", "least"),
    "form": ("rule", "loss"),
    "strength": ("one", "batch-max", "row-max"),
    "relu": ("gated", "straight-through"),
    "goodness": ("sum", "mean"),
    "reduction": ("rows", "sides"),
}


def as_data(spec: NamedTuple) -> dict[str, Any]:
    """Nested dictionaries of numbers, words and lists, for JSON."""
    data = spec._asdict()
    for name, value in data.items():
        if hasattr(value, "_asdict"):
            data[name] = as_data(value)
        elif isinstance(value, tuple):
            data[name] = list(value)
    return data


def from_data(kind: type, data: dict[str, Any]) -> Any:  # noqa: ANN401
    """Rebuild the record of type `kind` that `as_data` wrote.

    Raises
    ------
    ValueError
        If a field or a word is not one of the specification's.

    Examples
    --------
    >>> spec = FFSpec(threshold=2.0, peer=PeerSpec("rule"))
    >>> from_data(FFSpec, as_data(spec)) == spec
    True
    """
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    unknown = sorted(set(data) - set(fields))
    require(not unknown, f"{kind.__name__} has no {unknown}; it has {list(fields)}")
    made = {}
    for name, value in data.items():
        if isinstance(value, dict):
            made[name] = from_data(_PARTS[name], value)
        elif isinstance(value, list):
            made[name] = tuple(value)
        else:
            if isinstance(value, str):
                words = ", ".join(_WORDS[name])
                require(value in _WORDS[name], f"{name} must be one of {words}, got {value!r}")
            made[name] = value
    return kind(**made)


def threshold_of(spec: FFSpec | RecurrentSpec, units: int) -> float:
    """Threshold of a layer of `units`."""
    return spec.threshold + spec.threshold_per_unit * units
