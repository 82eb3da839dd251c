"""Batch normalisation of channels: training, inference, and the pull-backs of both.

Paper: Ioffe and Szegedy (2015), arXiv:1502.03167v3, algorithms 1 and 2.
Derivation: docs/derivations/batch_norm.md, equations BN.1 to BN.12.

The last axis holds channels; statistics run over all others: rows of a dense layer, or rows and
pixels of images. Statistics of a batch are float64 (see `kernels/batch_norm.py`); the running
ones keep the dtype that they are given.
"""

from typing import NamedTuple

import numpy as np

from ffref import kernels
from ffref._checks import check_count, check_floating, check_number, check_positive, require
from ffref.types import Array


class BatchNorm(NamedTuple):
    """The learned arrays, both (channels,): factor and offset after normalisation."""

    scale: Array
    shift: Array


class BatchStatistics(NamedTuple):
    """What a forward pass in training found; its pull-back needs it."""

    mean: Array
    """(channels,) float64"""
    variance: Array
    """(channels,) float64, of the population: divided by `size`"""
    size: int
    """numbers in each channel"""


class RunningStatistics(NamedTuple):
    """Averages over training steps, for inference: state, not learned by gradient."""

    mean: Array
    """(channels,)"""
    variance: Array
    """(channels,) of samples: divided by one less than their number"""


def batch_norm_forward(norm: BatchNorm, x: Array, *, eps: float) -> tuple[Array, BatchStatistics]:
    """Normalise each channel by the mean and variance of this batch.

    out = scale (x - mean) / sqrt(variance + eps) + shift

    Parameters
    ----------
    norm : BatchNorm
        scale and shift, (channels,).
    x : (..., channels) float32 or float64
        At least two axes. One value a channel is its own mean: the result is `shift`.
    eps : float
        Above 0, inside the root: a channel without spread maps to `shift`. PyTorch's default
        is 1e-5, that of Keras 1e-3; no paper fixes it.

    Returns
    -------
    out : as x
    statistics : BatchStatistics
        For `batch_norm_grads` and `advance_running`.

    Raises
    ------
    ValueError
        If x is empty or not floating, the vectors have other lengths, or eps is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> norm = BatchNorm(np.array([2.0]), np.array([10.0]))
    >>> out, statistics = batch_norm_forward(norm, np.array([[1.0], [5.0]]), eps=1e-12)
    >>> out.ravel().round(6), statistics.mean, statistics.variance
    (array([ 8., 12.]), array([3.]), array([4.]))
    """
    rows = _rows(x, norm)
    mean, variance = kernels.channel_moments(rows)  # (BN.1), (BN.2)
    inverse = inverse_deviation(variance, eps)
    out = kernels.normalize_channels(rows, mean, inverse, *norm)  # (BN.4), (BN.5)
    return out.reshape(x.shape), BatchStatistics(mean, variance, len(rows))


def batch_norm_grads(
    norm: BatchNorm, x: Array, d_out: Array, statistics: BatchStatistics, *, eps: float
) -> tuple[Array, Array, Array]:
    """Derivatives (d_x, d_scale, d_shift) of `batch_norm_forward`, through its statistics too.

    d_x = scale / sqrt(variance + eps) (d_out - mean(d_out) - z mean(d_out z)), z normalised x
    """
    rows, upstream = _rows(x, norm), _upstream(d_out, x)
    inverse = inverse_deviation(statistics.variance, eps)
    mean, count = statistics.mean, statistics.size
    require(
        count == len(rows),
        f"the statistics are those of {count} numbers a channel, x has {len(rows)}; pass those "
        f"that batch_norm_forward returned for this x",
    )
    d_shift, d_scale = kernels.channel_slopes(upstream, rows, mean, inverse)  # (BN.8), (BN.9)
    d_x = kernels.normalize_channels_grad(
        upstream, rows, mean, inverse, norm.scale * inverse, d_shift / count, d_scale / count
    )  # (BN.10)
    return d_x.reshape(x.shape), d_scale.astype(x.dtype), d_shift.astype(x.dtype)


def advance_running(
    running: RunningStatistics, statistics: BatchStatistics, *, momentum: float
) -> RunningStatistics:
    """Move the running statistics by the share `momentum` towards those of a batch.

    running = (1 - momentum) running + momentum (batch's), with the unbiased variance. So
    `momentum` is PyTorch's: the weight of the *new* value; Keras's is one less it. One value has
    no unbiased variance: the mean moves and the variance stays.

    Examples
    --------
    >>> import numpy as np
    >>> batch = BatchStatistics(np.array([3.0]), np.array([4.0]), 2)  # unbiased: 8
    >>> advance_running(RunningStatistics(np.zeros(1), np.ones(1)), batch, momentum=0.5)
    RunningStatistics(mean=array([1.5]), variance=array([4.5]))
    """
    share = check_number(momentum, "momentum")
    require(0 <= share <= 1, f"momentum must lie in 0 .. 1, got {momentum!r}")
    mean = (1 - share) * running.mean + share * statistics.mean  # (BN.6)
    variance = running.variance
    if statistics.size > 1:
        unbiased = statistics.variance * (statistics.size / (statistics.size - 1))
        variance = (1 - share) * variance + share * unbiased  # (BN.7)
    return RunningStatistics(
        mean.astype(running.mean.dtype), variance.astype(running.variance.dtype)
    )


def batch_norm_inference(
    norm: BatchNorm, x: Array, running: RunningStatistics, *, eps: float
) -> Array:
    """Normalise by running statistics: a row's result does not depend on its batch.

    Examples
    --------
    >>> import numpy as np
    >>> norm, running = fresh_batch_norm(1)
    >>> batch_norm_inference(norm, np.array([[3.0]]), running, eps=1.25)  # 3 / sqrt(2.25)
    array([[2.]])
    """
    rows = _rows(x, norm)
    inverse = inverse_deviation(running.variance, eps)
    out = kernels.normalize_channels(rows, running.mean, inverse, *norm)  # (BN.11)
    return out.reshape(x.shape)


def batch_norm_inference_grads(
    norm: BatchNorm, x: Array, d_out: Array, running: RunningStatistics, *, eps: float
) -> tuple[Array, Array, Array]:
    """Derivatives (d_x, d_scale, d_shift) of `batch_norm_inference`; the statistics are constants.

    d_x = scale / sqrt(variance + eps) d_out
    """
    rows, upstream = _rows(x, norm), _upstream(d_out, x)
    inverse, none = inverse_deviation(running.variance, eps), np.zeros(len(norm.scale))
    d_shift, d_scale = kernels.channel_slopes(upstream, rows, running.mean, inverse)
    d_x = kernels.normalize_channels_grad(
        upstream, rows, running.mean, inverse, norm.scale * inverse, none, none
    )  # (BN.12)
    return d_x.reshape(x.shape), d_scale.astype(x.dtype), d_shift.astype(x.dtype)


def fresh_batch_norm(channels: int) -> tuple[BatchNorm, RunningStatistics]:
    """Scale 1, shift 0; running mean 0, running variance 1; float64."""
    check_count(channels, "channels")
    norm = BatchNorm(np.ones(channels), np.zeros(channels))
    return norm, RunningStatistics(np.zeros(channels), np.ones(channels))


def inverse_deviation(variance: Array, eps: float) -> Array:
    """1 / sqrt(variance + eps), in float64."""
    inside = variance.astype(np.float64) + check_positive(eps, "eps")
    return 1 / np.sqrt(inside)  # (BN.3)


def _rows(x: object, norm: BatchNorm) -> Array:
    """`x` as (rows, channels), if it fits the layer."""
    if not (isinstance(x, np.ndarray) and x.ndim >= 2):
        raise ValueError(
            f"x must be an array of shape (batch, ..., channels), got "
            f"{getattr(x, 'shape', type(x).__name__)}; reshape one sample to (1, channels)"
        )
    check_floating(x, "x")
    for name, vector in norm._asdict().items():
        require(
            vector.shape == (x.shape[-1],) and vector.dtype == x.dtype,
            f"{name} must be ({x.shape[-1]},) of {x.dtype} for x of shape {x.shape}, got "
            f"{vector.shape} of {vector.dtype}",
        )
    return x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])


def _upstream(d_out: Array, x: Array) -> Array:
    require(
        np.shape(d_out) == x.shape,
        f"d_out must have the shape of x, {x.shape}, got {np.shape(d_out)}",
    )
    return d_out.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])
