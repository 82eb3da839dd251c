"""Small blocks of every form, their arrays, and upstream derivatives."""

from typing import NamedTuple

import numpy as np

from ffref.layers import describe_layers, plan_layers
from ffref.training import LocalLayer


class BlockCase(NamedTuple):
    name: str
    image: tuple  # (height, width, channels)
    choices: dict
    batch: int
    seed: int


BLOCK_CASES = [
    BlockCase(
        "batch, pooled, auxiliary",
        (4, 6, 2),
        {"channels": 3, "pool": 2, "auxiliary": [4, [1, 3]]},
        batch=3,
        seed=1,
    ),
    BlockCase(
        "batch, pixels left over",
        (5, 4, 2),
        {
            "channels": 3,
            "size": [3, 2],
            "stride": [2, 1],
            "padding": [1, 0],
            "pool": 2,
            "auxiliary": [2, 1],
        },
        batch=4,
        seed=2,
    ),
    BlockCase("batch, features are the activity", (3, 3, 2), {"channels": 3}, batch=3, seed=3),
    BlockCase(
        "batch, residual",
        (4, 4, 3),
        {"channels": 3, "residual": True, "auxiliary": [5, 2]},
        batch=2,
        seed=4,
    ),
    BlockCase(
        "batch, residual to more channels and fewer places",
        (4, 4, 2),
        {"channels": 3, "pool": 2, "residual": True, "auxiliary": [2, 1]},
        batch=3,
        seed=5,
    ),
    BlockCase(
        "layer, residual",
        (4, 2, 2),
        {"channels": 3, "norm": "layer", "residual": True},
        batch=3,
        seed=6,
    ),
    BlockCase(
        "rms, pooled, auxiliary",
        (4, 4, 1),
        {"channels": 2, "norm": "rms", "pool": 2, "auxiliary": [3, 2]},
        batch=3,
        seed=7,
    ),
    BlockCase(
        "l2",
        (2, 3, 2),
        {"channels": 2, "norm": "l2", "auxiliary": [3, [1, 3]]},
        batch=2,
        seed=18,
    ),
    BlockCase(
        "none, pooled",
        (2, 4, 2),
        {"channels": 3, "norm": "none", "pool": [1, 2]},
        batch=3,
        seed=9,
    ),
    BlockCase(
        "none, auxiliary, one sample",
        (2, 2, 1),
        {"channels": 2, "norm": "none", "auxiliary": [3, 2]},
        batch=1,
        seed=10,
    ),
    BlockCase(
        "batch, means of cells",
        (4, 4, 1),
        {"channels": 2, "auxiliary": [None, [2, 1]]},
        batch=2,
        seed=13,
    ),
    BlockCase(
        "batch, groups, residual",
        (2, 3, 4),
        {"channels": 6, "groups": 2, "size": [3, 1], "padding": [1, 0], "residual": True},
        batch=2,
        seed=14,
    ),
]


def planned(case):
    (plan,) = plan_layers(describe_layers([("block", case.choices)]), case.image)
    return plan


def drawn(case, dtype=np.float64):
    """(layer, x): no two numbers are equal, factors of both signs, a variance above 0."""
    plan, rng = planned(case), np.random.default_rng(case.seed)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in plan.shapes]
    block = plan.kind.record(*arrays)
    block = block._replace(running_variance=np.abs(block.running_variance) + dtype(0.5))
    x = rng.standard_normal((case.batch, int(np.prod(case.image)))).astype(dtype)
    return LocalLayer(block, (), plan.kind), x


def upstream(case, dtype=np.float64):
    """(d_features, above): derivatives in the features and in the activity."""
    plan, rng = planned(case), np.random.default_rng(case.seed + 1000)
    shapes = (case.batch, plan.units), (case.batch, int(np.prod(plan.out_shape)))
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)
