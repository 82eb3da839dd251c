"""Cases of the families `symba` and `cumulative`."""

import numpy as np

from ffref.oracle.definitions.arrays import (
    Definition,
    Row,
    sides,
    spread,
    times,
    units_at,
)
from ffref.oracle.families.layer import Values
from ffref.oracle.specs import LayerSpec

OVERFLOW = "log(1 + exp(x)) overflows: loss inf, gradient NaN, where softplus is finite"
_CARRIED = np.array([1.5, -0.5, 0.25, 0.25, 1.5, -0.5])
"""Of three pairs, in the order of `_PARTNER`."""
_PARTNER = np.array([4, 5, 3, 2, 0, 1])
_STRONG = {"weight": times(8.0)}

_ROWS = [
    Row(
        "symba/paper/ordinary",
        "row i and row i + pairs are taken for a pair, whatever the partners are",
    ),
    Row("symba/paper/in-order", "mean over rows instead of pairs; steepness left out"),
    Row(
        "symba/paper/sum",
        "the mean of squares, where the sum is meant: a factor of the number of units",
        {"goodness": "sum", "steepness": 0.5},
    ),
    Row(
        "symba/paper/one-pair",
        "a batch of one pair: squeezed axes",
        {"steepness": 0.5},
        shape=(2,),
    ),
    Row(
        "symba/paper/no-partner",
        "a row without a partner costs nothing; it counts in a mean over rows",
        {},
        {"partner": np.array([5, -1, 3, 2, -1, 0])},
    ),
    Row(
        "symba/paper/lost-pairs",
        OVERFLOW,
        {"steepness": 16.0},
        {**_STRONG, "polarity": -sides(3, 3)},
    ),
    Row(
        "symba/paper/silent-units",
        "a leaky or straight relu: silent units learn",
        {},
        {"bias": units_at([1, 3], -8.0)},
    ),
    Row("cumulative/free_riding/first-layer", "nothing is carried: it is SymBa's loss", {},
        {"carried_margin": np.zeros(6)}),
    Row(
        "cumulative/free_riding/ordinary",
        "the margins of the layers below left out, or subtracted",
    ),
    Row(
        "cumulative/free_riding/cp-fair",
        "the weight of what is carried acts on the layer's own margin as well",
        {"carried_weight": 0.75},
    ),
    Row(
        "cumulative/free_riding/per-block",
        "the margins of the layers below are added, where each layer is for itself",
        {"remedy": "per-block"},
    ),
    Row(
        "cumulative/free_riding/gated",
        "the gate's sign: won pairs inherit more, where they are meant to inherit less",
        {"remedy": "gated", "carried_weight": 0.75},
    ),
    Row(
        "cumulative/free_riding/depth-scaled",
        "depth counted from 1, or weights of pairs that are not divided by their mean",
        {"remedy": "depth-scaled", "depth": 2, "layers": 4},
    ),
    Row(
        "cumulative/free_riding/calibrated",
        "weights that are differentiated, or not cut at 0",
        {"remedy": "calibrated", "steepness": 2.0},
    ),
    Row(
        "cumulative/free_riding/far-ahead",
        "pairs won below: the gradient is far below float32's digits of the loss, but not 0",
        {},
        {"carried_margin": 4 * np.abs(_CARRIED)},
    ),
    Row(
        "cumulative/free_riding/calibrated-far-ahead",
        "0 / 0 in the ratio of two slopes that underflow",
        {"remedy": "calibrated", "steepness": 2.0},
        {**_STRONG, "carried_margin": 128 * _CARRIED},
    ),
]  # fmt: skip


def definitions(salt: str = "") -> list[Definition]:
    """All of them; arrays depend on `salt`."""
    return [*(_define(row, salt) for row in _ROWS), _two_layers(salt), _convolution(salt)]


def _define(row: Row, salt: str) -> Definition:
    rows, *_ = row.shape or (6,)
    return row.define(_arrays(row.id, salt, rows))


def _arrays(id_: str, salt: str, rows: int, features: int = 7, units: int = 5) -> Values:
    name = id_ + salt
    is_ordered = rows != len(_PARTNER) or id_.endswith("in-order")
    inputs = {
        "x": spread(f"{name}/x", (rows, features)),
        "weight": spread(f"{name}/weight", (features, units)),
        "bias": spread(f"{name}/bias", (units,), 0.25),
        "polarity": sides(rows // 2, rows // 2),
        "partner": (np.arange(rows) + rows // 2) % rows if is_ordered else _PARTNER,
    }
    if id_.startswith("cumulative"):
        inputs["carried_margin"] = _CARRIED
    return inputs


def _two_layers(salt: str) -> Definition:
    """What a layer carries upwards is its own margin and what it was handed."""
    id_ = "cumulative/free_riding/two-layers"
    lower, upper = (_arrays(id_, f"{salt}/{k}", 6, *shape) for k, shape in
                    enumerate(((7, 5), (5, 4))))  # fmt: skip
    row = Row(id_, "what a layer carries upwards: with what it was handed, and no gradient back")
    shared = {name: lower[name] for name in ("x", "polarity", "partner", "carried_margin")}
    own = {
        f"layer{k}.{name}": arrays[name]
        for k, arrays in ((1, lower), (2, upper))
        for name in ("weight", "bias")
    }
    return row.define(shared | own)


def _convolution(salt: str) -> Definition:
    id_ = "symba/paper/conv"
    row = Row(
        id_,
        "mean over channels or over places instead of all units",
        {"layer": LayerSpec("conv", (1, 2), (0, 1))},
    )
    return row.define(
        {
            "x": spread(f"{id_}{salt}/x", (4, 3, 4, 2)),
            "weight": spread(f"{id_}{salt}/weight", (2, 3, 2, 3)),
            "bias": spread(f"{id_}{salt}/bias", (3,), 0.25),
            "polarity": np.array([1.0, -1.0, -1.0, 1.0]),
            "partner": np.array([2, 3, 0, 1]),
        }
    )
