"""Cases of the family `faust`."""

import numpy as np

from ffref.oracle.definitions.arrays import (
    Definition,
    Row,
    row_times,
    spread,
    units_at,
)
from ffref.oracle.families.layer import Values
from ffref.oracle.specs import LayerSpec

_LABELS = np.array([0, 1, 2, 0, 1, 2])
_TUPLES = np.array([[3, 1, 2], [4, 5, 0], [5, 3, 1], [0, 4, 5], [1, 2, 3], [2, 0, 4]])
"""The other row of the class, then one of each other class."""
_SOME = np.array([[3, -1, 2], [4, -1, -1], [-1, -1, -1], [0, 4, 5], [-1, -1, -1], [2, 0, -1]])

_ROWS = [
    Row(
        "faust/reconstruction/ordinary",
        "a row learns as an anchor alone, not as a member of other rows' tuples",
    ),
    Row(
        "faust/reconstruction/some-members",
        "-1, where there is no member, is read as the last row; the mean is over all rows",
        {},
        {"tuples": _SOME},
    ),
    Row(
        "faust/reconstruction/one-member",
        "a tuple of the positive alone costs nothing and gives no gradient",
        {},
        {"tuples": np.where(np.arange(3) == 0, _TUPLES, -1)},
    ),
    Row(
        "faust/reconstruction/sharp",
        "exp of similarities that overflows, where the logarithm of the sum is finite",
        {"scale": 1216.0},
    ),
    Row(
        "faust/reconstruction/dot",
        "the cosine, where the dot product is meant: lengths count",
        {"similarity": "dot", "activity_norm": "none", "scale": 0.25},
    ),
    Row(
        "faust/reconstruction/dot-rms",
        "l2 where rms is meant: a factor of the units in every similarity",
        {"similarity": "dot", "activity_norm": "rms", "scale": 0.5},
    ),
    Row(
        "faust/reconstruction/euclidean",
        "the distance without its sign, or not squared",
        {"similarity": "euclidean", "scale": 4.0},
    ),
    Row(
        "faust/reconstruction/mahalanobis",
        "the factor learns from anchors alone, or is read in the other order",
        {"similarity": "mahalanobis", "scale": 2.0},
        {"factor": spread("faust/factor", (5, 3), 0.5)},
    ),
    Row(
        "faust/reconstruction/dead-row",
        "length 0: NaN from the root's derivative reaches every weight",
        {},
        {"x": row_times(1, 0.0), "bias": lambda bias: -np.abs(bias)},
        few_active=1,
    ),
    Row(
        "faust/reconstruction/silent-units",
        "relu straight through: silent units have a gradient in FAUST",
        {},
        {"bias": units_at([0, 2], -8.0)},
    ),
]


def definitions(salt: str = "") -> list[Definition]:
    """All of them; arrays depend on `salt`."""
    made = [row.define(_arrays(row.id + salt, {"x": (6, 6), "weight": (6, 5)})) for row in _ROWS]
    shapes: dict[str, tuple[int, ...]] = {"x": (6, 3, 4, 2), "weight": (2, 3, 2, 2)}
    convolution = Row(
        "faust/reconstruction/conv",
        "each place compared by itself, where the whole map is one row",
        {"layer": LayerSpec("conv", (1, 2), (0, 1)), "scale": 4.0},
    )
    return [*made, convolution.define(_arrays(convolution.id + salt, shapes))]


def _arrays(name: str, shapes: dict[str, tuple[int, ...]]) -> Values:
    units = shapes["weight"][-1:]
    arrays = {array: spread(f"{name}/{array}", shape) for array, shape in shapes.items()}
    arrays["bias"] = spread(f"{name}/bias", units, 0.25)
    return {**arrays, "labels": _LABELS, "tuples": _TUPLES}
