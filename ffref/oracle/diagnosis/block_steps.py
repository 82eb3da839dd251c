"""The chain of `block`: convolution, channels' normalisation, pooling, shortcut, auxiliary."""

from typing import Any

import numpy as np

from ffref.layers.block import EPS, MOMENTUM
from ffref.oracle.diagnosis.hff_steps import PROTOTYPES, on_sphere
from ffref.oracle.diagnosis.layer_steps import BEFORE, Step, sums_before_bias, weight_grad
from ffref.oracle.families.layer import Values, flat
from ffref.types import Array


def pixels(array: Array) -> Array:
    """(rows and places, channels)."""
    return array.reshape(-1, array.shape[-1])


def in_windows(array: Array, size: tuple[int, int]) -> Array:
    """(rows, down, right, places of a window, channels)."""
    n, height, width, channels = array.shape
    down, right = height // size[0], width // size[1]
    cut = array[:, : down * size[0], : right * size[1]]
    split = cut.reshape(n, down, size[0], right, size[1], channels)
    return split.transpose(0, 1, 3, 2, 4, 5).reshape(n, down, right, -1, channels)


def out_of_windows(windows: Array, shape: tuple[int, ...], size: tuple[int, int]) -> Array:
    """Undo `in_windows`; places that no window has get 0."""
    n, down, right, _, channels = windows.shape
    split = windows.reshape(n, down, right, *size, channels).transpose(0, 1, 3, 2, 4, 5)
    out = np.zeros(shape)
    out[:, : down * size[0], : right * size[1]] = split.reshape(
        n, down * size[0], right * size[1], channels
    )
    return out


def _is_batch(v: Values) -> bool:
    return v["spec"].channel_norm == "batch"


def _row_size(v: Values) -> Any:  # noqa: ANN401
    """Of each row's sums; 1 where no row is normalised."""
    kind = v["spec"].channel_norm
    if kind not in ("rms", "l2"):
        return 1.0
    mean = np.mean if kind == "rms" else np.sum
    return np.sqrt(mean(v["sums"] ** 2, axis=(1, 2, 3), keepdims=True))


def _root(v: Values) -> Any:  # noqa: ANN401
    return np.sqrt(v["variance"] + v["eps"]) if _is_batch(v) else 1.0


def _moved(old: str, new: str) -> Step:
    def step(v: Values) -> Any:  # noqa: ANN401
        share = v["new_share"]
        return (1 - share) * v[old] + share * v[new] if _is_batch(v) else 0.0

    return step


def _variance_of_samples(v: Values) -> Any:  # noqa: ANN401
    count = len(pixels(v["sums"]))
    return v["variance_found"] * count / (count - 1)


def _winners(v: Values) -> Array:
    """1 at the first largest place of each window."""
    windows = in_windows(v["preactivation"], v["spec"].pool)
    best = windows.argmax(axis=3)
    return np.arange(windows.shape[3])[:, None] == best[:, :, :, None]


def _shortcut(v: Values) -> Any:  # noqa: ANN401
    if not v["spec"].residual:
        return 0.0
    images, shape = v["normalized"], v["pooled"].shape
    size = (images.shape[1] // shape[1], images.shape[2] // shape[2])
    out = np.zeros(shape)
    out[..., : images.shape[3]] = in_windows(images, size).mean(axis=3)
    return out


def cell(v: Values) -> tuple[int, int]:
    """Places of the activity in a cell."""
    shape, grid = v["activity"].shape, v["spec"].grid or v["activity"].shape[1:3]
    return shape[1] // grid[0], shape[2] // grid[1]


def _features(v: Values) -> Array:
    if not v["spec"].auxiliary:
        return v["cells"]
    return v["cells"] @ v["auxiliary_weight"] + v["used_auxiliary_bias"]


def _d_cells(v: Values) -> Array:
    return v["d_features"] @ v["auxiliary_weight"].T if v["spec"].auxiliary else v["d_features"]


def _d_activity(v: Values) -> Array:
    share = v["d_cells"] * v["cell_share"]
    places = np.prod(cell(v))
    spread = np.repeat(share[:, :, :, None], places, axis=3)
    return out_of_windows(spread, v["activity"].shape, cell(v))


def _d_relued(v: Values) -> Array:
    """Of every place before pooling."""
    d = v["d_activity"][:, :, :, None] * v["taken"]
    return out_of_windows(d, v["preactivation"].shape, v["spec"].pool)


def _d_sums(v: Values) -> Array:
    d, z = v["d_standardized"], v["standardized"]
    if _is_batch(v):
        push, along = v["mean_push"], v["mean_along"]
        return (d - push - z * along) / v["root"]
    if v["spec"].channel_norm == "none":
        return d
    count = flat(z).shape[1] if v["spec"].channel_norm == "rms" else 1
    along = (d * z).sum(axis=(1, 2, 3), keepdims=True) / count
    return (d - z * along) / v["row_size"]


def _d_auxiliary_weight(v: Values) -> Any:  # noqa: ANN401
    if not v["spec"].auxiliary:
        return 0.0
    return pixels(v["cells"]).T @ pixels(v["d_features"])


BLOCK: dict[str, Step] = {
    **{name: BEFORE[name] for name in ("norm_used", "normalized", "stride", "padding")},
    "used_weight": BEFORE["used_weight"],
    "sums": sums_before_bias,
    "row_size": _row_size,
    "mean_found": lambda v: pixels(v["sums"]).mean(axis=0),
    "variance_found": lambda v: pixels(v["sums"]).var(axis=0),
    "mean": lambda v: v["mean_found"] if _is_batch(v) else 0.0,
    "variance": lambda v: v["variance_found"],
    "eps": lambda v: EPS,
    "root": _root,
    "standardized": lambda v: (v["sums"] - v["mean"]) / v["root"] / v["row_size"],
    "used_scale": lambda v: v.get("scale", 1.0),
    "used_shift": lambda v: v["shift"],
    "preactivation": lambda v: v["standardized"] * v["used_scale"] + v["used_shift"],
    "gate": lambda v: (v["preactivation"] > 0).astype(np.float64),
    "relued": lambda v: np.maximum(v["preactivation"], 0),
    "taken": _winners,
    "pooled": lambda v: (in_windows(v["relued"], v["spec"].pool) * v["taken"]).sum(axis=3),
    "shortcut": _shortcut,
    "activity": lambda v: v["pooled"] + v["shortcut"],
    "new_share": lambda v: MOMENTUM,
    "new_running_mean": _moved("running_mean", "mean_found"),
    "variance_of_samples": _variance_of_samples,
    "new_running_variance": _moved("running_variance", "variance_of_samples"),
    "cells": lambda v: in_windows(v["activity"], cell(v)).mean(axis=3),
    "used_auxiliary_bias": lambda v: v.get("auxiliary_bias", 0.0),
    "features": _features,
    **on_sphere("features"),
    "d_cells": _d_cells,
    "cell_share": lambda v: 1 / np.prod(cell(v)),
    "d_activity": _d_activity,
    "d_relued": _d_relued,
    "d_preactivation": lambda v: v["d_relued"] * v["gate"],
    "d_standardized": lambda v: v["d_preactivation"] * v["used_scale"],
    "mean_push": lambda v: pixels(v["d_standardized"]).mean(axis=0),
    "mean_along": lambda v: pixels(v["d_standardized"] * v["standardized"]).mean(axis=0),
    "d_sums": _d_sums,
    "seen": lambda v: v["normalized"],
    "d_weight": lambda v: weight_grad({**v, "d_preactivation": v["d_sums"]}),
    "d_scale": lambda v: pixels(v["d_preactivation"] * v["standardized"]).sum(axis=0),
    "d_shift": lambda v: pixels(v["d_preactivation"]).sum(axis=0),
    "d_auxiliary_weight": _d_auxiliary_weight,
    "d_auxiliary_bias": lambda v: pixels(v["d_features"]).sum(axis=0),
    **PROTOTYPES,
}
