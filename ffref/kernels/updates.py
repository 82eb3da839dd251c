"""Parameter updates in one pass over memory: the only functions that write into arguments.

Derivation: docs/derivations/optimizers.md, equations OPT.1 to OPT.8. Each loop runs over flat
arrays; parameters and slots are overwritten. Scalars come in the arrays' dtype, so that a float32
loop computes in float32. A thread is given a slice instead of its borders: a loop from a border
that might be negative, which in Python counts from the end, is not turned into vectors.
"""

from collections.abc import Callable

import numpy as np

from ffref.kernels._jit import kernel
from ffref.kernels.threads import run_over_rows
from ffref.types import Array

CACHE_LINE = 64
"""Elements between borders of threads: no line of memory is written by two of them."""

SERIAL_BELOW = 1 << 16
"""Parameters below which handing work to a second thread costs more than it saves."""


@kernel
def heavy_ball_loop(
    w: Array, g: Array, velocity: Array, rate: float, momentum: float, decay: float
) -> None:
    """Momentum on the decayed gradient."""
    for i in range(len(w)):
        velocity[i] = momentum * velocity[i] + (g[i] + decay * w[i])  # (OPT.1)
        w[i] = w[i] - rate * velocity[i]  # (OPT.2)


@kernel
def moving_average_loop(
    w: Array, g: Array, mean: Array, rate: float, momentum: float, decay: float,
    one_less_momentum: float,
) -> None:  # fmt: skip
    """Step along a moving average of the gradient; the decay is outside of it."""
    for i in range(len(w)):
        mean[i] = momentum * mean[i] + one_less_momentum * g[i]  # (OPT.3)
        w[i] = w[i] - rate * (mean[i] + decay * w[i])  # (OPT.4)


@kernel
def adam_loop(
    w: Array, g: Array, mean: Array, square: Array,
    rate: float, beta1: float, beta2: float, eps: float, decay: float,
    one_less_beta1: float, one_less_beta2: float,
    mean_correction: float, square_correction: float,
) -> None:  # fmt: skip
    """Adam, and with a decay AdamW."""
    for i in range(len(w)):
        mean[i] = beta1 * mean[i] + one_less_beta1 * g[i]  # (OPT.5)
        square[i] = beta2 * square[i] + one_less_beta2 * g[i] * g[i]  # (OPT.6)
        root = np.sqrt(square[i] * square_correction) + eps
        step = mean[i] * mean_correction / root  # (OPT.7)
        w[i] = w[i] - rate * (step + decay * w[i])  # (OPT.8)


def heavy_ball_update(
    w: Array, g: Array, velocity: Array, *, rate: float, momentum: float, decay: float
) -> None:
    """Overwrite `w` and `velocity` by one step of `heavy_ball_loop`."""
    _run(heavy_ball_loop, (w, g, velocity), (rate, momentum, decay))


def moving_average_update(
    w: Array, g: Array, mean: Array, *, rate: float, momentum: float, decay: float
) -> None:
    """Overwrite `w` and `mean` by one step of `moving_average_loop`."""
    _run(moving_average_loop, (w, g, mean), (rate, momentum, decay, 1 - momentum))


def adam_update(
    w: Array,
    g: Array,
    mean: Array,
    square: Array,
    *,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    step: int,
) -> None:
    """Overwrite `w`, `mean` and `square` by step number `step` (from 1) of `adam_loop`."""
    corrections = (1 / (1 - beta1**step), 1 / (1 - beta2**step))
    scalars = (rate, beta1, beta2, eps, decay, 1 - beta1, 1 - beta2, *corrections)
    _run(adam_loop, (w, g, mean, square), scalars)


def _run(loop: Callable[..., None], arrays: tuple[Array, ...], scalars: tuple[float, ...]) -> None:
    first = arrays[0]
    if not all(
        array.shape == first.shape and array.dtype == first.dtype and array.flags.c_contiguous
        for array in arrays
    ):
        raise ValueError(
            "an update takes contiguous arrays of one shape and dtype, got shapes "
            f"{[array.shape for array in arrays]} of {[str(array.dtype) for array in arrays]}"
        )
    flat = [array.reshape(-1) for array in arrays]
    typed = [first.dtype.type(value) for value in scalars]
    if first.size < SERIAL_BELOW:
        loop(*flat, *typed)
        return

    def update(start: int, stop: int) -> None:
        loop(*(array[start:stop] for array in flat), *typed)

    run_over_rows(update, first.size, multiple=CACHE_LINE)
