"""Random cases: an instance of a family for each seed, whose reference is ffref's own float64.

Golden cases are few and chosen; random ones show whether correct code is ever called wrong. Their
entries are odd whole numbers between -127 and 127 over 64, times powers of two, so that no cast
rounds them, and shapes come from a short list, so that a framework that compiles by shape soon
has them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.oracle.case import Case, new_case
from ffref.oracle.families.layer import Values
from ffref.oracle.specs import (
    CumulativeSpec,
    FaustSpec,
    FFSpec,
    HFFSpec,
    LabelSpec,
    LayerSpec,
    NormSpec,
    PeerSpec,
    RecurrentSpec,
    Spec,
    SymbaSpec,
)
from ffref.types import Array


class Drawn(NamedTuple):
    """What a family's function draws."""

    spec: Spec
    inputs: Values


class _Source:
    """A generator with the draws that the families share."""

    def __init__(self, family: str, seed: int) -> None:
        self.rng = np.random.default_rng([*family.encode(), seed])

    def pick(self, *choices: Any) -> Any:  # noqa: ANN401
        """One of them."""
        return choices[self.rng.integers(len(choices))]

    def between(self, low: float, high: float) -> float:
        """A number with three digits, so that a specification can be read."""
        return float(f"{self.rng.uniform(low, high):.3g}")

    def array(self, shape: tuple[int, ...], scale: float = 1.0) -> Array:
        """Numbers in (-2, 2) times `scale`, a power of two; none is 0."""
        return (2 * self.rng.integers(-64, 64, shape) + 1) / 64 * scale

    def norm(self) -> NormSpec:
        """Any norm, with any place of eps."""
        kind = self.pick("none", "l2", "rms", "rms")
        eps = 0.0 if kind == "none" else self.pick(0.0, 1e-8, 1e-4)
        return NormSpec(kind, eps, self.pick("outside", "inside", "least"))

    def sides(self, rows: int) -> Array:
        """Polarity with as many positive rows as negative ones, in any order."""
        return self.rng.permutation(np.repeat([1.0, -1.0], rows // 2))


def random_case(family: str, seed: int) -> Case:
    """Draw a case of a family: specification, shapes and numbers.

    Parameters
    ----------
    family : str
        "ff", "hff", "recurrent", ...
    seed : int
        The same seed is the same case, on every machine.

    Returns
    -------
    Case
        Without golden values: `compare` and `check` take `evaluate` in float64 for reference.

    Raises
    ------
    ValueError
        If there is no such family.

    Examples
    --------
    >>> case = random_case("hff", 0)
    >>> case.id, case.inputs["weight"].shape
    ('hff/random/0', (12, 9))
    """
    require(
        family in RANDOM, f"random cases are of the families {', '.join(RANDOM)}, got {family!r}"
    )
    drawn = RANDOM[family](_Source(family, seed))
    return new_case(f"{family}/random/{seed}", drawn.spec, drawn.inputs, why="drawn at random")


def _layer(source: _Source, rows: int) -> tuple[LayerSpec, Values, tuple[int, ...]]:
    """Return a dense or convolutional layer, its x, weight and bias, and one row's activity."""
    if source.pick(True, True, False):
        features, units = source.pick((12, 9), (7, 16), (40, 25), (3, 4))
        inputs = {
            "x": source.array((rows, features)),
            "weight": source.array((features, units), source.pick(0.25, 0.5, 1.0)),
            "bias": source.array((units,), 0.25),
        }
        return LayerSpec(), inputs, (units,)
    spec, size = source.pick(
        (LayerSpec("conv"), (4, 3)),
        (LayerSpec("conv", (2, 1), (1, 0)), (3, 3)),
        (LayerSpec("conv", (1, 2), (0, 1)), (4, 3)),
    )
    inputs = {
        "x": source.array((rows, 5, 4, 3)),
        "weight": source.array((2, 2, 3, 4), source.pick(0.25, 0.5, 1.0)),
        "bias": source.array((4,), 0.25),
    }
    return spec, inputs, (*size, 4)


def _threshold(source: _Source) -> dict[str, Any]:
    """Goodness, its sign, and a threshold for each unit or for all."""
    goodness = source.pick("sum", "mean")
    a_unit = goodness == "sum" and source.pick(True, False)
    return {
        "goodness": goodness,
        "sign": source.pick(1, 1, -1),
        "threshold": 0.0 if a_unit else source.between(0.1, 5.0),
        "threshold_per_unit": source.between(0.1, 1.5) if a_unit else 0.0,
    }


def _ff(source: _Source) -> Drawn:
    rows = source.pick(2, 6, 16)
    layer, inputs, places = _layer(source, rows)
    inputs["polarity"] = source.sides(rows)
    dense = layer.kind == "dense"
    peer = label = None
    if dense and source.pick(True, False):
        peer = PeerSpec(source.pick("rule", "loss"), source.between(0.01, 0.3), 0.75)
        inputs["running_mean"] = np.abs(source.array(places))
    if dense and source.pick(True, False, False):
        label = LabelSpec(3, source.pick("one", "batch-max", "row-max"))
        labels = source.rng.integers(3, size=rows // 2)
        inputs |= {
            "images": np.abs(inputs.pop("x")[: rows // 2]),
            "labels": labels,
            "negative_labels": (labels + 1 + source.rng.integers(2, size=rows // 2)) % 3,
            "polarity": np.repeat([1.0, -1.0], rows // 2),
        }
    spec = FFSpec(
        norm=source.norm(),
        layer=layer,
        relu=source.pick("gated", "gated", "straight-through"),
        reduction=source.pick("rows", "sides"),
        peer=peer,
        label=label,
        **_threshold(source),
    )
    return Drawn(spec, inputs)


def _hff(source: _Source) -> Drawn:
    rows, classes, per_class = source.pick((2, 3, 2), (6, 2, 1), (16, 10, 1), (6, 5, 3))
    layer, inputs, places = _layer(source, rows)
    inputs["labels"] = source.rng.integers(classes, size=rows)
    inputs["prototypes"] = source.array((classes, per_class, *places), source.pick(0.25, 1.0))
    spec = HFFSpec(
        norm=source.norm(),
        layer=layer,
        relu=source.pick("gated", "gated", "straight-through"),
        temperature=source.between(0.05, 1.0),
        sharpness=source.between(1.0, 20.0),
        margin=source.pick(0.0, source.between(-0.2, 0.4)),
        label_smoothing=source.pick(0.0, source.between(0.0, 0.3)),
    )
    return Drawn(spec, inputs)


def _recurrent(source: _Source) -> Drawn:
    rows, below, units, above = source.pick((2, 5, 7, 3), (6, 12, 9, 4), (16, 10, 20, 15))
    inputs = {
        "below": np.abs(source.array((rows, below))),
        "above": np.abs(source.array((rows, above))),
        "old": np.abs(source.array((rows, units))),
        "weight": source.array((below, units), source.pick(0.25, 0.5)),
        "top_down": source.array((above, units), source.pick(0.25, 0.5)),
        "bias": source.array((units,), 0.25),
        "polarity": source.sides(rows),
    }
    spec = RecurrentSpec(
        norm=source.norm(),
        relu=source.pick("gated", "straight-through"),
        damping=source.between(0.0, 0.9),
        **_threshold(source),
    )
    return Drawn(spec, inputs)


def _pairs(source: _Source, rows: int) -> Values:
    """Polarity and partners: positive and negative rows in any order, each with one partner."""
    polarity = source.sides(rows)
    partner = np.empty(rows, np.int64)
    positive, negative = np.flatnonzero(polarity > 0), np.flatnonzero(polarity < 0)
    negative = source.rng.permutation(negative)
    partner[positive], partner[negative] = negative, positive
    return {"polarity": polarity, "partner": partner}


def _of_pairs(source: _Source) -> tuple[dict[str, Any], Values]:
    """Return what SymBa and cumulative goodness share."""
    rows = source.pick(2, 6, 16)
    layer, inputs, places = _layer(source, rows)
    goodness = source.pick("mean", "sum")
    units = int(np.prod(places))
    steepness = source.between(0.5, 4.0) / (units if goodness == "sum" else 1)
    choices = {"norm": source.norm(), "layer": layer, "goodness": goodness}
    return choices | {"steepness": steepness}, inputs | _pairs(source, rows)


def _symba(source: _Source) -> Drawn:
    choices, inputs = _of_pairs(source)
    return Drawn(SymbaSpec(**choices), inputs)


def _cumulative(source: _Source) -> Drawn:
    choices, inputs = _of_pairs(source)
    carried = source.array((len(inputs["x"]),), source.pick(0.25, 1.0))
    first = inputs["polarity"] > 0
    spec = CumulativeSpec(
        **choices,
        carried_weight=source.between(0.2, 1.0),
        remedy=source.pick("none", "per-block", "gated", "depth-scaled", "calibrated"),
        depth=source.pick(1, 2),
        layers=3,
    )
    carried = np.where(first, carried, carried[inputs["partner"]])
    return Drawn(spec, inputs | {"carried_margin": carried})


def _faust(source: _Source) -> Drawn:
    rows, classes = source.pick((6, 2), (6, 3), (16, 4))
    layer, inputs, places = _layer(source, rows)
    labels = source.rng.permutation(np.arange(rows) % classes)
    kinds = ["cosine", "dot", "euclidean"]
    if layer.kind == "dense":  # a factor has one row a unit: of images in an order of ours
        kinds.append("mahalanobis")
    kind = source.pick(*kinds)
    norm = source.pick("l2", "rms") if kind == "dot" else source.pick("l2", "rms", "none")
    units = int(np.prod(places))
    if kind == "mahalanobis":
        inputs["factor"] = source.array((units, 3), 0.25)
    # similarities of a few units of the scale, whatever their size is
    usual = {"none": 4.0 * units, "rms": float(units), "l2": 1.0}[norm]
    scale = source.between(1.0, 8.0) / (1.0 if kind == "cosine" else usual)
    spec = FaustSpec(
        norm=source.norm(), layer=layer, activity_norm=norm, similarity=kind, scale=scale
    )
    return Drawn(spec, inputs | {"labels": labels, "tuples": _tuples(source, labels)})


def _tuples(source: _Source, labels: Array) -> Array:
    """Another row of the class, then one of each other class; some negatives are left out."""
    made = np.full((len(labels), int(labels.max()) + 1), -1)
    for row, label in enumerate(labels):
        same = np.flatnonzero((labels == label) & (np.arange(len(labels)) != row))
        made[row, 0] = source.pick(*same)
        others = [c for c in range(made.shape[1]) if c != label]
        made[row, 1:] = [source.pick(*np.flatnonzero(labels == c), -1) for c in others]
    return made


RANDOM: dict[str, Callable[[_Source], Drawn]] = {
    "ff": _ff,
    "hff": _hff,
    "recurrent": _recurrent,
    "symba": _symba,
    "cumulative": _cumulative,
    "faust": _faust,
}
