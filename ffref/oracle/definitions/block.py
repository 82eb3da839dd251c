"""Cases of the family `block`."""

import numpy as np

from ffref.oracle.definitions.arrays import Definition, Row, spread, times, units_at
from ffref.oracle.dialects import dialect_spec
from ffref.oracle.families.layer import Values
from ffref.oracle.specs import BlockSpec, LayerSpec

_PADDED = {"layer": LayerSpec("conv", (1, 1), (1, 1))}
_ROWS = [
    Row(
        "block/reconstruction/ordinary",
        "the mean and variance of the batch held constant in the gradient",
        {**_PADDED, "pool": (2, 2)},
    ),
    Row(
        "block/reconstruction/unpooled",
        "the variance divided by one less than its numbers, or eps outside the root",
    ),
    Row(
        "block/reconstruction/auxiliary",
        "the gradient of a mean over a cell without 1/pixels; the auxiliary bias left out",
        {**_PADDED, "grid": (2, 2), "auxiliary": True},
    ),
    Row(
        "block/reconstruction/shortcut",
        "the shortcut joins before the relu, or takes every second pixel instead of the mean",
        {**_PADDED, "pool": (2, 2), "residual": True},
    ),
    Row(
        "block/reconstruction/rows",
        "a norm of each row of sums without its derivative",
        {**_PADDED, "pool": (2, 2), "channel_norm": "rms"},
    ),
    Row(
        "block/reconstruction/no-norm",
        "a normalisation where none is meant; maximum and mean exchanged in pooling",
        {**_PADDED, "pool": (2, 2), "channel_norm": "none"},
    ),
    Row(
        "block/reconstruction/negative-scale",
        "pooling before the normalisation takes the smallest, where the scale is below 0",
        {**_PADDED, "pool": (2, 2)},
        {"scale": np.array([1.25, -0.75])},
    ),
    Row(
        "block/reconstruction/faint-channel",
        "eps decides: a channel whose variance is near it",
        {},
        {"weight": units_at([1], 2.0**-8)},
    ),
    Row(
        "block/reconstruction/everything",
        "the running variance is the biased one; momentum is that of the old value",
        {**_PADDED, "pool": (2, 2), "grid": (1, 2), "auxiliary": True, "residual": True,
         "margin": 0.25},
        {"running_mean": times(4.0)},
    ),
]  # fmt: skip


def definitions(salt: str = "") -> list[Definition]:
    """All of them; arrays depend on `salt`."""
    return [row.define(_arrays(row, salt)) for row in _ROWS]


def _arrays(row: Row, salt: str) -> Values:
    name = row.id + salt
    base = dialect_spec("block", "reconstruction")
    spec: BlockSpec = base._replace(**row.choices)
    size, channels, auxiliary = 3 if spec.layer.padding[0] else 2, 2, 3
    rows, height, width = 2, 4, 4
    down, right = (4, 4) if spec.layer.padding[0] else (3, 3)
    down, right = down // spec.pool[0], right // spec.pool[1]
    if spec.grid is not None:
        down, right = spec.grid
    features = (down, right, auxiliary if spec.auxiliary else channels)
    inputs = {
        "x": spread(f"{name}/x", (rows, height, width, 1)),
        "weight": spread(f"{name}/weight", (size, size, 1, channels)),
        "shift": spread(f"{name}/shift", (channels,), 0.25),
        "labels": np.array([2, 0]),
        "prototypes": spread(f"{name}/prototypes", (3, 1, *features)),
    }
    if spec.channel_norm != "none":
        inputs["scale"] = np.array([1.25, 0.75])
    if spec.channel_norm == "batch":
        inputs["running_mean"] = spread(f"{name}/running_mean", (channels,), 0.25)
        inputs["running_variance"] = np.array([1.25, 0.75])
    if spec.auxiliary:
        inputs["auxiliary_weight"] = spread(f"{name}/auxiliary_weight", (channels, auxiliary))
        inputs["auxiliary_bias"] = spread(f"{name}/auxiliary_bias", (auxiliary,), 0.25)
    return inputs
