"""Cases of the family `recurrent`."""

import numpy as np

from ffref.oracle.definitions.arrays import (
    Definition,
    Row,
    row_times,
    sides,
    spread,
    times,
    units_at,
)
from ffref.oracle.families.layer import Values

_ROWS = [
    Row("recurrent/paper/ordinary", "the factor 1 - damping left out of the gradient"),
    Row("recurrent/paper/no-damping", "damping 0 is the plain layer", {"damping": 0.0}),
    Row("recurrent/paper/heavy-damping", "damping and 1 - damping swapped", {"damping": 0.875}),
    Row("recurrent/paper/low-is-good", "the sign of the goodness", {"sign": -1}),
    Row(
        "recurrent/paper/mean",
        "sum where the mean is meant",
        {"goodness": "mean", "threshold": 1.5, "threshold_per_unit": 0.0},
    ),
    Row("recurrent/paper/one-row", "a batch of one: squeezed axes", shape=(1,)),
    Row(
        "recurrent/paper/silent-units",
        "goodness of the new activity alone, without the old state",
        {},
        {"bias": units_at([0, 3], -8.0)},
    ),
    Row(
        "recurrent/paper/nothing-above",
        "0 / 0 in the normalisation of a silent layer",
        {},
        {"above": times(0.0)},
    ),
    Row(
        "recurrent/paper/relu-at-zero",
        "the slope of the relu at exactly 0 decides: set aside",
        {},
        {"below": row_times(1, 0.0), "above": row_times(1, 0.0), "bias": units_at([2], 0.0)},
    ),
    Row(
        "recurrent/paper/goodness-1e4",
        "log(1 + exp(x)) overflows",
        {},
        {"weight": times(64.0), "top_down": times(64.0)},
    ),
    Row("recurrent/pff/ordinary", "l2 where rms is meant, high goodness where low is good"),
    Row(
        "recurrent/pff/silent-units",
        "the gated relu, where the gradient is handed straight through",
        {},
        {"bias": units_at([0, 3], -8.0)},
    ),
    Row(
        "recurrent/pff/faint-row", "eps outside or inside the root", {}, {"below": times(2.0**-20)}
    ),
]


def definitions(salt: str = "") -> list[Definition]:
    """All of them; arrays depend on `salt`."""
    return [row.define(_arrays(row.id + salt, *(row.shape or (4,)))) for row in _ROWS]


def _arrays(name: str, rows: int) -> Values:
    below, units, above = 6, 5, 3
    return {
        "below": np.abs(spread(f"{name}/below", (rows, below))),
        "above": np.abs(spread(f"{name}/above", (rows, above))),
        "old": np.abs(spread(f"{name}/old", (rows, units))),
        "weight": spread(f"{name}/weight", (below, units), 0.5),
        "top_down": spread(f"{name}/top_down", (above, units), 0.5),
        "bias": spread(f"{name}/bias", (units,), 0.25),
        "polarity": sides((rows + 1) // 2, rows // 2),
    }
