"""Cases of the family `hff`."""

import numpy as np

from ffref.oracle.definitions.arrays import (
    Definition,
    Row,
    row_times,
    spread,
    times,
    units_at,
)
from ffref.oracle.dialects import dialect_spec
from ffref.oracle.families.layer import Values
from ffref.oracle.specs import LayerSpec

_SEVERAL = {"temperature": 0.25, "sharpness": 4.0}
_ROWS = [
    Row(
        "hff/reconstruction/ordinary",
        "softmax twice, temperature inverted, prototypes not normalised",
    ),
    Row(
        "hff/reconstruction/warm",
        "the temperature left out",
        {"temperature": 1.0, "sharpness": 1.0},
    ),
    Row(
        "hff/reconstruction/cold",
        "softmax that overflows or rounds to 0 and 1 too early",
        {"temperature": 0.02, "sharpness": 50.0},
    ),
    Row(
        "hff/reconstruction/margin",
        "margin on the wrong classes, with the other sign, or after the temperature",
        {"margin": 0.25},
    ),
    Row("hff/reconstruction/negative-margin", "a margin that is cut at 0", {"margin": -0.125}),
    Row(
        "hff/reconstruction/smoothing",
        "targets that are spread over the other classes alone",
        {"label_smoothing": 0.125},
    ),
    Row(
        "hff/reconstruction/several-prototypes",
        "sum instead of mean of exponentials, maximum instead of either",
        _SEVERAL,
        shape=(4, 3, 3),
    ),
    Row(
        "hff/reconstruction/sharp",
        "the temperature instead of the sharpness inside a class",
        {"temperature": 0.5, "sharpness": 16.0},
        shape=(4, 3, 2),
    ),
    Row(
        "hff/reconstruction/blunt",
        "the mean over prototypes, where sharpness is low but not 0",
        {"temperature": 0.25, "sharpness": 0.5},
        shape=(4, 3, 2),
    ),
    Row(
        "hff/reconstruction/everything",
        "two choices that only disagree together",
        {**_SEVERAL, "margin": 0.25, "label_smoothing": 0.125},
        shape=(4, 3, 2),
    ),
    Row("hff/reconstruction/one-row", "a batch of one: squeezed axes", shape=(1, 3, 1)),
    Row(
        "hff/reconstruction/two-classes",
        "two classes: a sigmoid of the wrong half of the difference",
        shape=(4, 2, 1),
    ),
    Row(
        "hff/reconstruction/more-classes-than-rows",
        "a class that no row has still pushes",
        shape=(2, 7, 1),
    ),
    Row(
        "hff/reconstruction/dead-row",
        "length 0: NaN from the root's derivative reaches every weight",
        {},
        {"x": row_times(1, 0.0), "bias": lambda bias: -np.abs(bias)},
        few_active=1,
    ),
    Row(
        "hff/reconstruction/silent-units",
        "relu straight through: silent units have a gradient in HFF",
        {},
        {"bias": units_at([0, 2], -8.0)},
    ),
    Row(
        "hff/reconstruction/straight-through",
        "the gated relu, where the gradient is handed on",
        {"relu": "straight-through"},
    ),
    Row(
        "hff/reconstruction/relu-at-zero",
        "the slope of the relu at exactly 0 decides: those entries are set aside",
        {},
        {
            "x": row_times(1, 0.0),
            "bias": lambda bias: np.where(np.arange(5) == 3, 0, np.abs(bias)),
        },
    ),
    Row(
        "hff/reconstruction/long-activity",
        "a loss that depends on the length of the activity",
        {},
        {"weight": times(256.0), "bias": times(256.0)},
    ),
    Row(
        "hff/reconstruction/short-prototypes",
        "the derivative of the prototypes' length left out",
        {},
        {"prototypes": times(2.0**-6)},
    ),
]


def definitions(salt: str = "") -> list[Definition]:
    """All of them; arrays depend on `salt`."""
    return [*(row.define(_dense(row, salt)) for row in _ROWS), *_convolutions(salt)]


def _dense(row: Row, salt: str) -> Values:
    name, features, units = row.id + salt, 6, 5
    rows, classes, per_class = row.shape or (4, 3, 1)
    return {
        "x": spread(f"{name}/x", (rows, features)),
        "weight": spread(f"{name}/weight", (features, units)),
        "bias": spread(f"{name}/bias", (units,), 0.25),
        "labels": (np.arange(rows) * 2 + 1) % classes,
        "prototypes": spread(f"{name}/prototypes", (classes, per_class, units)),
    }


def _convolutions(salt: str) -> list[Definition]:
    made = []
    for name, why, layer in (
        ("conv", "features flattened channels first, prototypes channels last", LayerSpec("conv")),
        ("conv-padded", "padding or stride on the wrong axis", LayerSpec("conv", (1, 2), (0, 1))),
    ):
        id_ = f"reconstruction/{name}"
        inputs = {
            "x": spread(f"{id_}{salt}/x", (3, 3, 4, 2)),
            "weight": spread(f"{id_}{salt}/weight", (2, 3, 2, 3)),
            "bias": spread(f"{id_}{salt}/bias", (3,), 0.25),
            "labels": np.array([1, 0, 2]),
            "prototypes": spread(f"{id_}{salt}/prototypes", (3, 2, 2, 2, 3)),
        }
        spec = dialect_spec("hff", "reconstruction")._replace(layer=layer, **_SEVERAL)
        made.append(Definition(f"hff/{id_}", why, spec, inputs))
    return made
