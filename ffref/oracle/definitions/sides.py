"""Cases of `layer-collaboration` and `scff`."""

import numpy as np

from ffref.oracle.definitions.arrays import Definition, Row, sides, spread, times
from ffref.oracle.families.layer import Values

_CARRIED = np.array([3.5, 0.25, 1.75, 2.5, 0.5, 1.25])
_ROWS = [
    Row(
        "layer-collaboration/paper/ordinary",
        "the goodness of other layers left out, subtracted, or averaged with the own one",
        {"threshold": 5.0},
    ),
    Row(
        "layer-collaboration/paper/first-layer",
        "nothing is carried: it is Forward-Forward",
        {"threshold": 3.0},
        {"carried_goodness": np.zeros(6)},
    ),
    Row(
        "layer-collaboration/paper/per-unit",
        "the threshold of one layer, where that of the summed goodness is meant",
        {"threshold": 0.0, "threshold_per_unit": 2.0},
    ),
    Row(
        "layer-collaboration/paper/far-above",
        "log(1 + exp(x)) overflows: loss inf, gradient NaN, where softplus is finite",
        {"threshold": 5.0},
        {"carried_goodness": 1024 * _CARRIED},
    ),
    Row(
        "scff/paper/ordinary",
        "the thresholds of both sides exchanged",
        {"positive_threshold": 1.0, "negative_threshold": 1.5, "penalty": 0.25},
    ),
    Row(
        "scff/paper/unequal-sides",
        "one mean over all rows, where the means of both sides are added",
        {"positive_threshold": 1.0, "negative_threshold": 1.0},
        {"polarity": np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])},
    ),
    Row("scff/paper/mnist", "the thresholds of its recipe belong to the mean of squares"),
    Row(
        "scff/paper/goodness-1e4",
        "log(1 + exp(x)) overflows; the penalty squared, where it is linear in the goodness",
        {"penalty": 0.0625},
        {"weight": times(64.0)},
    ),
]


def definitions(salt: str = "") -> list[Definition]:
    """All of them; arrays depend on `salt`."""
    return [*(row.define(_arrays(row.id, salt)) for row in _ROWS), _two_layers(salt)]


def _arrays(id_: str, salt: str, features: int = 7, units: int = 5) -> Values:
    name = id_ + salt
    inputs = {
        "x": spread(f"{name}/x", (6, features)),
        "weight": spread(f"{name}/weight", (features, units)),
        "bias": spread(f"{name}/bias", (units,), 0.25),
        "polarity": sides(3, 3),
    }
    if id_.startswith("layer-collaboration"):
        inputs["carried_goodness"] = _CARRIED
    return inputs


def _two_layers(salt: str) -> Definition:
    """What a layer carries upwards is its own goodness and what it was handed."""
    id_ = "layer-collaboration/paper/two-layers"
    why = "what a layer carries upwards: with what it was handed, and no gradient back"
    lower, upper = _arrays(id_, f"{salt}/1"), _arrays(id_, f"{salt}/2", 5, 4)
    shared = {name: lower[name] for name in ("x", "polarity", "carried_goodness")}
    own = {
        f"layer{k}.{name}": arrays[name]
        for k, arrays in ((1, lower), (2, upper))
        for name in ("weight", "bias")
    }
    return Row(id_, why, {"threshold": 5.0}).define(shared | own)
