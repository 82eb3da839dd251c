"""What a layer's local step computes, written out as plain data.

A specification leaves nothing open: two implementations that follow the same one must return the
same numbers, up to rounding. It is a NamedTuple of numbers, words and further NamedTuples, so that
`as_data` and `from_data` carry it to JSON and back. docs/oracle_other_languages.md lists every
word.
"""

from typing import Any, NamedTuple

from ffref._checks import require

Pair = tuple[int, int]


class NormSpec(NamedTuple):
    """The normalisation of each row of a layer's input; a row of zeros stays zero."""

    kind: str = "rms"
    """"none"; "l2": the norm is sqrt(sum x^2); "rms": it is sqrt(mean x^2); "layer": x less its
    mean, by "rms\""""
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


class SymbaSpec(NamedTuple):
    """Softplus of the margin of pairs: mean over pairs of softplus(-steepness margin)."""

    norm: NormSpec = NormSpec()
    layer: LayerSpec = LayerSpec()
    relu: str = "gated"
    goodness: str = "mean"
    steepness: float = 4.0


class CumulativeSpec(NamedTuple):
    """The same of a margin to which the margins of the layers below are added.

    M = margin + carried_share P; loss = mean over pairs of softplus(-steepness M) + own_share
    softplus(-steepness margin). P, carried_share and own_share are constants.
    """

    norm: NormSpec = NormSpec()
    layer: LayerSpec = LayerSpec()
    relu: str = "gated"
    goodness: str = "mean"
    steepness: float = 4.0
    carried_weight: float = 1.0
    remedy: str = "none"
    """carried_share and own_share of a pair: "none": carried_weight, 0; "per-block": 0, 0;
    "gated": carried_weight sigmoid(-P), 0; "depth-scaled": carried_weight, (1 + 3 depth /
    (layers - 1)) / 4 times sigmoid(-steepness P) over its mean; "calibrated": carried_weight,
    max(0, 1 - sigmoid(-steepness M) / sigmoid(-steepness margin))"""
    depth: int = 1
    """layers below"""
    layers: int = 2


class FaustSpec(NamedTuple):
    """Tuplet loss: each anchor's similarity to its positive against that to its negatives.

    logit_t = scale (similarity to member t - similarity to the positive); loss = mean over anchors
    of log sum_t exp(logit_t); a member that is not there (-1) is left out.
    """

    norm: NormSpec = NormSpec()
    layer: LayerSpec = LayerSpec()
    relu: str = "gated"
    activity_norm: str = "l2"
    """"none", "l2" or "rms": each row of the activity, before it is compared"""
    similarity: str = "cosine"
    """"cosine"; "dot"; "euclidean": -|a - b|^2; "mahalanobis": -|(a - b) factor|^2"""
    scale: float = 10.0


class BlockSpec(NamedTuple):
    """A convolutional block under the loss of `HFFSpec`, on its features.

    sums = convolution of the normalised images, without a bias; standardized = sums by
    `channel_norm`; preactivation = scale standardized + shift; activity = max-pooled
    relu(preactivation) + shortcut; features = means of the cells of a grid, times auxiliary_weight
    + auxiliary_bias where there are any.
    """

    norm: NormSpec = NormSpec()
    """of each image"""
    layer: LayerSpec = LayerSpec("conv")
    channel_norm: str = "batch"
    """"batch": each channel less its mean over rows and places, over sqrt(variance + 1e-5), both
    of the batch, the variance divided by their number; "rms", "l2": each row's sums, of all places
    and channels, over their norm; "none", and there is no scale"""
    pool: Pair = (1, 1)
    """size and stride"""
    grid: Pair | None = None
    """cells down and right; None: every place is a feature"""
    auxiliary: bool = False
    """whether there are auxiliary_weight and auxiliary_bias; with a grid alone"""
    residual: bool = False
    """whether the normalised images, averaged to the activity's places, are added to its first
    channels"""
    temperature: float = 0.25
    sharpness: float = 4.0
    margin: float = 0.0
    label_smoothing: float = 0.0


class MonoSpec(NamedTuple):
    """Cross-entropy of a softmax over logits, the products of activity and a learned projection.

    Targets are (1 - label_smoothing) [c = label] + label_smoothing / classes.
    """

    norm: NormSpec = NormSpec("none")
    layer: LayerSpec = LayerSpec()
    relu: str = "gated"
    label_smoothing: float = 0.0


class CwcSpec(NamedTuple):
    """The channels, split evenly among the classes in order, compete.

    goodness_c = mean over the channels of class c and all places of the activity to the power.
    """

    classes: int = 3
    norm: NormSpec = NormSpec("none")
    layer: LayerSpec = LayerSpec()
    relu: str = "gated"
    power: int = 2
    """2; DeeperForward: 1"""
    competition: str = "softmax"
    """"softmax": cross-entropy of a softmax over the goodness; "pvn": half of softplus(threshold -
    goodness of the label) + softplus(mean goodness of the others - threshold), mean over rows"""
    threshold: float = 2.0


class DistanceSpec(NamedTuple):
    """N-pair loss of squared distances to centroids: goodness_c = -|direction - centroid_c|^2.

    logit_c = scale (goodness_c - goodness of the label + margin), 0 for the label; loss = mean of
    log sum exp(logit); centroids move to decay centroid + (1 - decay) mean of their class's
    directions, where it has rows.
    """

    norm: NormSpec = NormSpec()
    layer: LayerSpec = LayerSpec()
    relu: str = "gated"
    scale: float = 5.0
    margin: float = 0.0
    decay: float = 0.99


class ScffSpec(NamedTuple):
    """Logistic losses of the goodness with a threshold for each side, the means of both added.

    Positive rows: softplus(positive_threshold - goodness) + penalty goodness; negative rows:
    softplus(goodness - negative_threshold).
    """

    norm: NormSpec = NormSpec("layer")
    layer: LayerSpec = LayerSpec()
    relu: str = "gated"
    goodness: str = "mean"
    positive_threshold: float = 4.0
    negative_threshold: float = 6.0
    penalty: float = 0.0


Spec = (
    FFSpec
    | HFFSpec
    | RecurrentSpec
    | SymbaSpec
    | CumulativeSpec
    | FaustSpec
    | BlockSpec
    | MonoSpec
    | CwcSpec
    | DistanceSpec
    | ScffSpec
)

_PARTS: dict[str, type] = {
    "norm": NormSpec,
    "layer": LayerSpec,
    "peer": PeerSpec,
    "label": LabelSpec,
}
_WORDS = {
    "kind": ("none", "l2", "rms", "layer", "dense", "conv"),
    "place": ("outside", "inside", "least"),
    "form": ("rule", "loss"),
    "strength": ("one", "batch-max", "row-max"),
    "relu": ("gated", "straight-through"),
    "goodness": ("sum", "mean"),
    "reduction": ("rows", "sides"),
    "channel_norm": ("batch", "none", "l2", "rms"),
    "activity_norm": ("none", "l2", "rms"),
    "similarity": ("cosine", "dot", "euclidean", "mahalanobis"),
    "competition": ("softmax", "pvn"),
    "remedy": ("none", "per-block", "gated", "depth-scaled", "calibrated"),
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
