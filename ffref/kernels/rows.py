"""Row by row in one pass over memory, where NumPy would write an intermediate array for each sign.

Each function returns a new array; rows are independent of each other, so that neither the batch
nor the number of threads changes a bit.
"""

from collections.abc import Callable

import numpy as np

from ffref.kernels._jit import kernel
from ffref.kernels.threads import run_over_rows
from ffref.types import Array, Labels

SERIAL_BELOW = 1 << 18
"""Elements below which handing work to a second thread costs more than it saves."""


@kernel
def divide_loop(x: Array, divisor: Array, out: Array, start: int, stop: int) -> None:
    """out_ij = x_ij / divisor_i."""
    for i in range(start, stop):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] / divisor[i]


@kernel
def reject_loop(
    x: Array, axis: Array, share: Array, divisor: Array, out: Array, start: int, stop: int
) -> None:
    """out_ij = (x_ij - axis_ij share_i) / divisor_i."""
    for i in range(start, stop):
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - axis[i, j] * share[i]) / divisor[i]


@kernel
def gate_loop(x: Array, activity: Array, out: Array, start: int, stop: int) -> None:
    """out_ij = x_ij [activity_ij > 0]."""
    none, all_of_it = x.dtype.type(0), x.dtype.type(1)
    for i in range(start, stop):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] * (all_of_it if activity[i, j] > 0 else none)


@kernel
def add_bias_loop(x: Array, bias: Array, start: int, stop: int) -> None:
    """x_ij += bias_j."""
    for i in range(start, stop):
        for j in range(x.shape[1]):
            x[i, j] += bias[j]


@kernel
def add_bias_relu_loop(x: Array, bias: Array, start: int, stop: int) -> None:
    """x_ij = max(0, x_ij + bias_j), NaN kept."""
    none = x.dtype.type(0)
    for i in range(start, stop):
        for j in range(x.shape[1]):
            biased = x[i, j] + bias[j]
            x[i, j] = none if biased < 0 else biased


@kernel
def add_rows_relu_loop(
    x: Array, table: Array, chosen: Labels, share: Array, bias: Array, out: Array,
    start: int, stop: int,
) -> None:  # fmt: skip
    """out_ij = max(0, x_ij + share_i table_{chosen_i j} + bias_j), NaN kept."""
    none = x.dtype.type(0)
    for i in range(start, stop):
        row = chosen[i]
        for j in range(x.shape[1]):
            total = x[i, j] + share[i] * table[row, j] + bias[j]
            out[i, j] = none if total < 0 else total


def divide_rows(x: Array, divisor: Array) -> Array:
    """Divide each row by its own number: x (batch, units), divisor (batch,)."""
    return _run(divide_loop, x, divisor)


def reject_rows(x: Array, axis: Array, share: Array, divisor: Array) -> Array:
    """(x_i - axis_i share_i) / divisor_i; x, axis (batch, units), share, divisor (batch,)."""
    return _run(reject_loop, x, axis, share, divisor)


def gate_rows(x: Array, activity: Array) -> Array:
    """x where the activity is above 0, else 0 (NaN and infinity times 0 are NaN)."""
    return _run(gate_loop, x, activity)


def add_bias_rows(x: Array, bias: Array) -> None:
    """Overwrite x (batch, units) by x + bias."""
    _run_over(add_bias_loop, x, bias)


def add_bias_relu_rows(x: Array, bias: Array) -> None:
    """Overwrite x (batch, units) by max(0, x + bias)."""
    _run_over(add_bias_relu_loop, x, bias)


def add_rows_relu(
    x: Array, table: Array, chosen: Labels, share: Array, bias: Array, out: Array
) -> None:
    """Write max(0, x_i + share_i table_chosen(i) + bias) into `out`, row by row.

    x, out (batch, units), table (any, units), chosen, share (batch,), bias (units,)
    """
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < len(table):
        raise ValueError(f"chosen rows must lie in 0 .. {len(table) - 1}, got {chosen}")
    _run_over(add_rows_relu_loop, x, table, chosen, share, bias, out)


def _run(loop: Callable[..., None], *arrays: Array) -> Array:
    out = np.empty(arrays[0].shape, arrays[0].dtype)
    _run_over(loop, *(np.ascontiguousarray(array) for array in arrays), out)
    return out


def _run_over(loop: Callable[..., None], *arrays: Array | Labels) -> None:
    rows = len(arrays[0])
    if arrays[0].size < SERIAL_BELOW:
        loop(*arrays, 0, rows)
    else:
        run_over_rows(lambda start, stop: loop(*arrays, start, stop), rows)
