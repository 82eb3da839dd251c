"""Cases of the family `ff`."""

from typing import Any

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
from ffref.oracle.dialects import dialect_spec
from ffref.oracle.families.layer import Values
from ffref.oracle.specs import LayerSpec

OVERFLOW = "log(1 + exp(x)) overflows: loss inf, gradient NaN, where softplus is finite"
EPS = "eps inside the root, outside it, or as a lower limit: they differ for a faint row"


_FAINT = {"x": row_times(1, 2.0**-20)}
_SILENT = {"bias": units_at([1, 3], -8.0)}
_ROWS = [
    Row(
        "ff/paper/ordinary",
        "factor 2 of d(y^2) left out, 1/B left out, sign, transposed weight",
        {"threshold": 3.0},
    ),
    Row(
        "ff/paper/mean",
        "sum where the mean is meant, or the other way round: a factor of the number of units",
        {"goodness": "mean", "threshold": 1.5},
    ),
    Row(
        "ff/paper/low-is-good",
        "the sign of the goodness, where positive samples are to have a low one",
        {"sign": -1, "threshold": 3.0},
    ),
    Row(
        "ff/paper/low-is-good-mean",
        "the threshold keeps its sign while the goodness changes its own",
        {"sign": -1, "goodness": "mean", "threshold": 0.75},
    ),
    Row(
        "ff/paper/wide",
        "more units than features: a transposed product of other shape",
        {"threshold": 9.0},
        shape=(4, 3, 11),
    ),
    Row(
        "ff/paper/one-row",
        "a batch of one: squeezed axes, a mean over the wrong one",
        {"threshold": 3.0},
        shape=(1, 7, 5),
    ),
    Row(
        "ff/paper/one-unit",
        "one unit: squeezed axes",
        {"threshold": 1.0},
        shape=(6, 3, 1),
        few_active=6,
    ),
    Row(
        "ff/paper/mixed-order",
        "the first half of the batch is taken for the positives",
        {"threshold": 3.0},
        {"polarity": np.array([1.0, -1.0, -1.0, 1.0, -1.0, 1.0])},
    ),
    Row(
        "ff/paper/unequal-sides",
        "mean over positives plus mean over negatives, where the mean over all rows is meant",
        {"threshold": 3.0},
        {"polarity": sides(5, 2)},
        shape=(7, 5, 4),
    ),
    Row(
        "ff/paper/zero-row",
        "0 / 0 in the normalisation: NaN in every weight's gradient",
        {"threshold": 3.0},
        {"x": row_times(2, 0.0)},
    ),
    Row("ff/paper/faint-row", EPS, {"threshold": 3.0}, _FAINT),
    Row(
        "ff/paper/dead-layer",
        "a silent layer has no gradient; a leaky or straight relu shows",
        {"threshold": 3.0},
        {"bias": times(0.0), "weight": lambda w: -np.abs(w), "x": np.abs},
        few_active=6,
    ),
    Row(
        "ff/paper/relu-at-zero",
        "the slope of the relu at exactly 0: no matter here, as the slope of the square is 0",
        {"threshold": 3.0},
        {"x": row_times(2, 0.0), "bias": units_at([0, 4], 0.0)},
    ),
    Row("ff/paper/goodness-1e4", OVERFLOW, {"threshold": 5.0}, {"weight": times(16.0)}),
    Row(
        "ff/paper/saturated",
        "every row is far on its right side: gradients are below the floor",
        {"threshold": 64.0},
        {"weight": np.abs, "x": np.abs, "bias": np.abs, "polarity": sides(6, 0)},
    ),
    Row(
        "ff/paper/no-norm",
        "a normalisation where none is meant",
        {"norm": dialect_spec("ff", "paper").norm._replace(kind="none"), "threshold": 8.0},
    ),
    Row(
        "ff/hinton_matlab/ordinary",
        "peer normalisation left out, gated, with the other sign, or averaged once more (1/n)",
    ),
    Row(
        "ff/hinton_matlab/later-step",
        "the running mean of before this batch instead of the moved one",
        {},
        {"running_mean": np.array([0.25, 2.0, 0.5, 1.5, 0.75])},
    ),
    Row(
        "ff/hinton_matlab/silent-units",
        "the peers' push is gated by the relu, so that silent units are never revived",
        {},
        _SILENT,
    ),
    Row("ff/hinton_matlab/faint-row", EPS, {}, _FAINT),
    Row("ff/hinton_matlab/goodness-1e4", OVERFLOW, {}, {"weight": times(16.0)}),
    Row(
        "ff/loewex/ordinary",
        "peer normalisation differentiated through the running mean: 0.2/n of Hinton's",
    ),
    Row(
        "ff/loewex/silent-units",
        "the gated relu, where the gradient is handed straight through",
        {},
        {
            "bias": units_at([1], -8.0),
            "running_mean": np.array([0.5, 3.0, 0.25, 1.0, 2.0]),
            "weight": times(0.5),
        },
        shape=(4, 7, 5),
    ),
    Row("ff/loewex/faint-row", EPS, {}, _FAINT),
    Row("ff/pezeshki/ordinary", "rms where l2 is meant: a factor of the root of the features"),
    Row(
        "ff/pezeshki/far-below",
        "goodness thousands of times below the threshold, as this recipe starts",
        {},
        {"weight": times(2.0**-4), "bias": times(0.0)},
        shape=(6, 9, 5),
    ),
    Row("ff/pezeshki/faint-row", EPS, {}, _FAINT),
    Row(
        "ff/pezeshki/goodness-100",
        OVERFLOW + ", in float32 from 89 on",
        {},
        {"weight": times(8.0)},
    ),
    Row("ff/keras_example/ordinary", "threshold 2, as its text says, where its code has 1.5"),
    Row(
        "ff/fflib/ordinary",
        "the threshold of its examples, 20, belongs to this goodness",
        {},
        {"weight": times(4.0)},
    ),
    Row("ff/fflib/minimize", "maximize=False turns both sides", {"sign": -1, "threshold": 1.5}),
    Row("ff/dah33/ordinary", "mean over all rows, where two means are added: a factor 2"),
    Row("ff/dah33/faint-row", EPS, {}, _FAINT),
]


def definitions(salt: str = "") -> list[Definition]:
    """All of them; arrays depend on `salt`."""
    return [*(_fromrow_times(row, salt) for row in _ROWS), *_special(salt)]


def _fromrow_times(row: Row, salt: str) -> Definition:
    shape = row.shape or (6, 7, 5)
    inputs = _dense(row.id + salt, *shape)
    peer = row.choices.get("peer", dialect_spec("ff", row.id.split("/")[1]).peer)
    if peer is not None:
        inputs["running_mean"] = np.full(shape[2], 0.5)
    return row.define(inputs)


def _dense(name: str, rows: int, features: int, units: int) -> Values:
    return {
        "x": spread(f"{name}/x", (rows, features)),
        "weight": spread(f"{name}/weight", (features, units)),
        "bias": spread(f"{name}/bias", (units,), 0.25),
        "polarity": sides((rows + 1) // 2, rows // 2),
    }


def _special(salt: str) -> list[Definition]:
    return [
        *_labels(salt),
        _two_layers("paper", {"threshold": 3.0}, salt),
        _two_layers("hinton_matlab", {"peer": None}, salt),
        *_convolutions(salt),
    ]


def _labels(salt: str) -> list[Definition]:
    """The step that makes rows of images and labels."""
    whys = {
        "hinton_matlab": "label slots are not zeroed first, or hold the largest pixel",
        "pezeshki": "the label has the strength of the batch's largest feature, not 1",
        "keras_example": "the label has the strength of its own image's largest feature",
    }
    made = []
    for dialect, why in whys.items():
        name = f"{dialect}/labels{salt}"
        inputs = _dense(name, 6, 9, 5) | {
            "images": spread(f"{name}/images", (3, 9)),
            "labels": np.array([2, 0, 1]),
            "negative_labels": np.array([1, 2, 0]),
        }
        del inputs["x"]
        spec = dialect_spec("ff", dialect, classes=3)
        if spec.peer is not None:
            inputs["running_mean"] = np.full(5, 0.5)
        made.append(Definition(f"ff/{dialect}/labels", why, spec, inputs))
    return made


def _two_layers(dialect: str, choices: dict[str, Any], salt: str) -> Definition:
    name = f"{dialect}/two-layers{salt}"
    lower, upper = _dense(f"{name}/1", 6, 7, 5), _dense(f"{name}/2", 6, 5, 4)
    inputs = {"x": lower["x"], "polarity": lower["polarity"]}
    for layer, arrays in (("layer1", lower), ("layer2", upper)):
        inputs |= {f"{layer}.{array}": arrays[array] for array in ("weight", "bias")}
    spec = dialect_spec("ff", dialect)._replace(**choices)
    why = "the gradient of the upper layer leaks into the lower one; no norm in between"
    return Definition(f"ff/{dialect}/two-layers", why, spec, inputs)


def _convolutions(salt: str) -> list[Definition]:
    made = []
    for name, why, layer, choices in (
        (
            "conv",
            "convolution flipped, axes of the kernel swapped",
            LayerSpec("conv"),
            {"threshold": 6.0},
        ),
        (
            "conv-padded",
            "padding or stride on the wrong axis",
            LayerSpec("conv", (2, 1), (1, 0)),
            {"threshold": 6.0},
        ),
        (
            "conv-mean",
            "mean over channels or over places instead of all units",
            LayerSpec("conv"),
            {"goodness": "mean", "threshold": 1.0},
        ),
    ):
        id_ = f"paper/{name}"
        padded = layer.padding != (0, 0)
        inputs = {
            "x": spread(f"{id_}{salt}/x", (4, 5, 4, 2) if padded else (4, 3, 4, 2)),
            "weight": spread(f"{id_}{salt}/weight", (3, 2, 2, 3) if padded else (2, 3, 2, 3)),
            "bias": spread(f"{id_}{salt}/bias", (3,), 0.25),
            "polarity": sides(2, 2),
        }
        spec = dialect_spec("ff", "paper")._replace(layer=layer, **choices)
        made.append(Definition(f"ff/{id_}", why, spec, inputs))
    return made
