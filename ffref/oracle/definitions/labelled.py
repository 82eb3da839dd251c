"""Cases of `mono-forward`, `cwc`, `deeper-forward` and `distance-forward`."""

import numpy as np

from ffref.oracle.definitions.arrays import (
    Definition,
    Row,
    row_times,
    spread,
    times,
    units_at,
)
from ffref.oracle.families.layer import Values
from ffref.oracle.specs import LayerSpec

_CONV = {"layer": LayerSpec("conv", (1, 2), (0, 1))}
_LABELS = np.array([1, 0, 2, 1, 2])
_ROWS = [
    Row("mono-forward/paper/ordinary", "softmax twice; the projection or the layer not learned"),
    Row(
        "mono-forward/paper/smoothing",
        "targets that are spread over the other classes alone",
        {"label_smoothing": 0.125},
    ),
    Row(
        "mono-forward/paper/confident",
        "log(softmax) where the logarithm of the sum is meant: log 0",
        {},
        {"projection": times(256.0)},
    ),
    Row(
        "mono-forward/paper/silent-units",
        "relu straight through: silent units have a gradient",
        {},
        {"bias": units_at([0], -16.0)},
    ),
    Row("mono-forward/paper/conv", "features flattened channels first", _CONV),
    Row("cwc/paper/ordinary", "the sum of squares, where the mean is meant; a factor of 2"),
    Row(
        "cwc/paper/conv",
        "channels dealt out in turn, where neighbours belong together; mean not over places",
        _CONV,
    ),
    Row("cwc/paper/confident", "exp of the goodness overflows", {}, {"weight": times(32.0)}),
    Row("cwc/pvn/ordinary", "the sum over other classes, where their mean is meant"),
    Row(
        "cwc/pvn/two-classes",
        "two classes: the other class is the mean of all others",
        {"classes": 2, "threshold": 1.0},
        {"labels": np.array([1, 0, 0, 1, 1])},
    ),
    Row("deeper-forward/paper/ordinary", "squares, where the activity itself is meant"),
    Row(
        "deeper-forward/paper/silent-units",
        "relu straight through: silent units have a gradient, and always the same",
        {},
        {"bias": units_at([1, 4], -16.0)},
    ),
    Row("deeper-forward/paper/conv", "mean over channels, not over places", _CONV),
    Row(
        "distance-forward/reconstruction/ordinary",
        "the activity not normalised; the distance not squared",
    ),
    Row(
        "distance-forward/reconstruction/margin",
        "the margin with the other sign, or on the own class; the rows' number for the scale",
        {"margin": 0.25, "scale": 3.0},
    ),
    Row(
        "distance-forward/reconstruction/absent-class",
        "the centroid of a class without rows decays, or is 0 / 0",
        {"decay": 0.75},
        {"labels": np.array([1, 0, 0, 1, 1])},
    ),
    Row(
        "distance-forward/reconstruction/dead-row",
        "length 0: NaN from the root's derivative reaches every weight",
        {},
        {"x": row_times(1, 0.0), "bias": lambda bias: -np.abs(bias)},
        few_active=1,
    ),
]


def definitions(salt: str = "") -> list[Definition]:
    """All of them; arrays depend on `salt`."""
    return [row.define(_arrays(row, salt)) for row in _ROWS]


def _arrays(row: Row, salt: str) -> Values:
    name, family = row.id + salt, row.id.split("/")[0]
    units = 4 if family in ("mono-forward", "distance-forward") else 6
    x: tuple[int, ...] = (5, 7)
    weight: tuple[int, ...] = (7, units)
    features: tuple[int, ...] = (units,)
    if "layer" in row.choices:
        x, weight, features = (5, 3, 4, 2), (2, 3, 2, 3), (2, 2, 3)
    inputs = {
        "x": spread(f"{name}/x", x),
        "weight": spread(f"{name}/weight", weight, 0.5),
        "bias": spread(f"{name}/bias", weight[-1:], 0.25),
        "labels": _LABELS,
    }
    if family == "mono-forward":
        inputs["projection"] = spread(f"{name}/projection", (3, *features), 0.5)
    if family == "distance-forward":
        inputs["centroids"] = spread(f"{name}/centroids", (3, *features), 0.5)
    return inputs
