"""Exponentials over short rows: sums, softmax, cross-entropy, without NumPy's passes over each.

Derivation: docs/derivations/formulas.md, equations LSE.1 to LSE.6. The row's maximum is taken out
first, so that nothing overflows; its own term is left out of the sums, since it is exactly 1 (or
0): log1p of the rest keeps the digits of a confident row.
"""

from typing import Any

import numpy as np

from ffref.kernels._jit import kernel, kernel_part
from ffref.types import Array, Labels

Number = np.floating[Any]
"""Of the arrays' dtype, so that a float32 loop computes in float32."""


@kernel_part
def _top(x: Array, row: int) -> int:
    """Column of the row's first maximum, or of its first NaN."""
    top = 0
    for k in range(x.shape[1]):
        if x[row, k] > x[row, top] or (x[row, k] != x[row, k] and x[row, top] == x[row, top]):
            top = k
    return top


@kernel
def log_sum_exp_rows(x: Array, out: Array) -> None:
    """log sum_k exp(x_k) of each row."""
    for i in range(len(x)):
        top = _top(x, i)
        rest = x.dtype.type(0)
        for k in range(x.shape[1]):
            if k != top:
                rest += np.exp(x[i, k] - x[i, top])
        infinite = np.isinf(x[i, top])
        out[i] = x[i, top] if infinite else x[i, top] + np.log1p(rest)  # (LSE.1)


@kernel
def log_mean_exp_rows(x: Array, scale: Number, out: Array) -> None:
    """(1 / scale) log mean_k exp(scale x_k) of each row.

    The maximum is taken out before the scaling, so that a huge scale cannot overflow; expm1 keeps
    the digits that exp loses where a small scale makes all terms near 1.
    """
    for i in range(len(x)):
        top = _top(x, i)
        total = x.dtype.type(0)
        for k in range(x.shape[1]):
            below = x[i, k] - x[i, top]
            if below != 0:  # 0 times an infinite scale is 0 here
                total += np.expm1(scale * below)
        out[i] = x[i, top] + np.log1p(total / x.dtype.type(x.shape[1])) / scale  # (LSE.3)


@kernel
def softmax_rows(x: Array, scale: Number, out: Array) -> None:
    """exp(scale x_k) / sum_j exp(scale x_j) of each row."""
    for i in range(len(x)):
        top = _top(x, i)
        total = x.dtype.type(0)
        for k in range(x.shape[1]):
            below = x[i, k] - x[i, top]
            out[i, k] = np.exp(scale * below if below != 0 else below)
            total += out[i, k]
        for k in range(x.shape[1]):
            out[i, k] /= total  # (LSE.4)


@kernel
def cross_entropy_rows(
    logits: Array, labels: Labels, own: Number, every: Number, out: Array
) -> None:
    """log sum_c exp(a_c) - sum_c t_c a_c of each row, t_c = own [c is the label] + every."""
    for i in range(len(logits)):
        top = _top(logits, i)
        rest = logits.dtype.type(0)
        wanted = own * (logits[i, labels[i]] - logits[i, top])
        for c in range(logits.shape[1]):
            below = logits[i, c] - logits[i, top]
            wanted += every * below if every != 0 else every
            if c != top:
                rest += np.exp(below)
        out[i] = np.log1p(rest) - wanted  # (LSE.5)


@kernel
def cross_entropy_grad_rows(
    logits: Array, labels: Labels, own: Number, every: Number, out: Array
) -> None:
    """(softmax(a) - t) / rows, with t as in `cross_entropy_rows`."""
    rows = logits.dtype.type(len(logits))
    for i in range(len(logits)):
        top = _top(logits, i)
        total = logits.dtype.type(0)
        for c in range(logits.shape[1]):
            out[i, c] = np.exp(logits[i, c] - logits[i, top])
            total += out[i, c]
        for c in range(logits.shape[1]):
            target = own + every if c == labels[i] else every
            out[i, c] = (out[i, c] / total - target) / rows  # (LSE.6)
