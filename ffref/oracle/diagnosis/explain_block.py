"""Explanations that concern a block: batch statistics, pooling, shortcut, auxiliary features."""

from typing import Any

import numpy as np

from ffref.oracle.diagnosis.block_steps import cell, in_windows, pixels
from ffref.oracle.diagnosis.explain_layer import LAYER
from ffref.oracle.diagnosis.explanation import (
    BATCH,
    PLAIN,
    Explanation,
    changed,
    factors,
    replaced,
)
from ffref.oracle.families.layer import Values
from ffref.types import Array

_ROWS = "(BLOCK.2) rows of sums over their norm"
_MOMENTS = "(BLOCK.3) mean and 1 / sqrt(variance + eps) of each channel of the batch"
_POOL = "(BLOCK.4) the largest of each window"
_RELU = "(BLOCK.5) relu(scale standardized + shift)"
_SHORTCUT = "(BLOCK.6) activity = that + shortcut"
_CELLS = "(BLOCK.7) mean of each cell"
_FEATURES = "(BLOCK.8) features = cells @ auxiliary weight + auxiliary bias"
_CELL_GRAD = "(BLOCK.11) d_activity = d_features @ auxiliary weight.T / pixels of a cell"
_GATE = "(BLOCK.12) to the winner of each window, where preactivation > 0"
_SHIFT = "(BLOCK.13) d_shift = sum of d_preactivation"
_SCALE = "(BLOCK.14) d_scale = sum of d_preactivation standardized"
_SUMS = "(BLOCK.15) d_sums, through the mean and the variance of the batch"
_ROW_GRAD = "(BLOCK.16) d_sums, through the norm of the row"
_WEIGHT = "(BLOCK.17) d_weight = weight gradient of the convolution"
_SHARED = {"used_weight", "d_weight", "normalized", "seen"}
"""Steps of a layer that a block has too."""
_STATE = "(BN.7) the running variance moves towards the unbiased one"


def _of_batch(change: Any) -> Any:  # noqa: ANN401
    """Change that only concerns batch normalisation."""
    is_batch = "batch".__eq__
    return lambda v, right: change(v, right) if is_batch(v["spec"].channel_norm) else right


def _unbiased(v: Values, right: Array) -> Array:
    count = len(pixels(v["sums"]))
    return right * count / (count - 1)


def _outside(v: Values, right: Array) -> Array:
    return np.sqrt(v["variance"]) + v["eps"]


def _row_constant(v: Values, right: Array) -> Array:
    if v["spec"].channel_norm in ("batch", "none"):
        return right
    return v["d_standardized"] / v["row_size"]


def _mean_pooled(v: Values, right: Array) -> Array:
    return np.full(right.shape, 1 / right.shape[3])


def _by_sums(v: Values, right: Array) -> Array:
    """The largest sum's place, whatever the sign of the scale."""
    windows = in_windows(v["sums"], v["spec"].pool)
    return np.arange(windows.shape[3])[:, None] == windows.argmax(axis=3)[:, :, :, None]


def _every_place(v: Values, right: Array) -> Array:
    """The gradient of a winner goes to all places of its window."""
    size = v["spec"].pool
    shape = v["preactivation"].shape
    return np.repeat(np.repeat(v["d_activity"], size[0], 1), size[1], 2)[:, : shape[1], : shape[2]]


def _strided(v: Values, right: Any) -> Any:  # noqa: ANN401
    """The first pixel of each window stands for its mean."""
    if not v["spec"].residual:
        return right
    images, shape = v["normalized"], v["pooled"].shape
    down, across = images.shape[1] // shape[1], images.shape[2] // shape[2]
    out = np.zeros(shape)
    out[..., : images.shape[3]] = images[:, ::down, ::across]
    return out


def _raw_shortcut(v: Values, right: Any) -> Any:  # noqa: ANN401
    if not v["spec"].residual:
        return right
    images, shape = v["x"], v["pooled"].shape
    out = np.zeros(shape)
    size = (images.shape[1] // shape[1], images.shape[2] // shape[2])
    out[..., : images.shape[3]] = in_windows(images, size).mean(axis=3)
    return out


def _summed_cells(v: Values, right: Array) -> Array:
    return right * np.prod(cell(v))


def _other_eps(eps: float) -> Explanation:
    return replaced(f"eps of the batch's variance is {eps:g}", _MOMENTS, eps=lambda v: eps)


BLOCKS: list[Explanation] = [
    replaced("mean and variance are constants in the gradient", _SUMS,
             mean_push=lambda v: 0.0, mean_along=lambda v: 0.0),
    replaced("the variance is a constant in the gradient", _SUMS, mean_along=lambda v: 0.0),
    replaced("the mean is a constant in the gradient", _SUMS, mean_push=lambda v: 0.0),
    changed("the running mean and variance normalise, not the batch's", _MOMENTS,
            mean=_of_batch(lambda v, right: v["running_mean"]),
            variance=_of_batch(lambda v, right: v["running_variance"])),
    changed("the running statistics normalise, as constants in the gradient", _MOMENTS,
            mean=_of_batch(lambda v, right: v["running_mean"]),
            variance=_of_batch(lambda v, right: v["running_variance"]),
            mean_push=lambda v, right: 0.0, mean_along=lambda v, right: 0.0),
    changed("the variance is divided by one less than its numbers", _MOMENTS,
            variance=_of_batch(_unbiased)),
    changed("eps is added to the root, not under it", _MOMENTS, root=_of_batch(_outside)),
    *(_other_eps(eps) for eps in (0.0, 1e-8, 1e-4, 1e-3)),
    replaced("the running variance is the biased one", _STATE,
             variance_of_samples=lambda v: v["variance_found"]),
    changed("the momentum is the old value's: Keras's convention", _STATE,
            new_share=lambda v, right: 1 - right),
    replaced("the running statistics are not moved", _STATE, new_share=lambda v: 0.0),
    changed("the rows' norm is a constant in the gradient", _ROW_GRAD, d_sums=_row_constant),
    replaced("the rows of sums are not normalised", _ROWS, row_size=lambda v: 1.0),
    replaced("the scale is left out", _RELU, used_scale=lambda v: 1.0),
    changed("the scale is left out of the gradient", _SUMS,
            d_standardized=lambda v, right: v["d_preactivation"]),
    replaced("the shift is left out", _RELU, used_shift=lambda v: 0.0),
    replaced("the relu is left out", _RELU, relued=lambda v: v["preactivation"],
             gate=lambda v: np.ones_like(v["preactivation"])),
    replaced("the relu's gate is left out of the gradient", _GATE,
             gate=lambda v: np.ones_like(v["preactivation"])),
    changed("pooling takes the mean, not the largest", _POOL, taken=_mean_pooled),
    changed("pooling takes the place of the largest sum, whatever the scale's sign", _POOL,
            taken=_by_sums),
    changed("every place of a window gets the gradient, not its winner alone", _GATE,
            d_relued=_every_place),
    replaced("the shortcut is left out", _SHORTCUT, shortcut=lambda v: 0.0),
    changed("the shortcut takes the first pixel of each window, not the mean", _SHORTCUT,
            shortcut=_strided),
    changed("the shortcut takes the images before their normalisation", _SHORTCUT,
            shortcut=_raw_shortcut),
    changed("cells are sums, not means", _CELLS, cells=_summed_cells,
            cell_share=lambda v, right: 1.0),
    replaced("1/pixels is left out of the gradient of a cell's mean", _CELL_GRAD,
             cell_share=lambda v: 1.0),
    replaced("the auxiliary bias is left out", _FEATURES, used_auxiliary_bias=lambda v: 0.0),
    *(e for e in LAYER if e.steps and set(e.steps) <= _SHARED),
    *factors("the gradient of every parameter", _WEIGHT, "d_weight", "d_scale", "d_shift",
             "d_auxiliary_weight", "d_auxiliary_bias", "d_prototypes"),
    *factors("d_scale alone", _SCALE, "d_scale", of=(PLAIN, BATCH)),
    *factors("d_shift alone", _SHIFT, "d_shift", of=(PLAIN, BATCH)),
]  # fmt: skip
