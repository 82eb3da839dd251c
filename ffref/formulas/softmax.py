"""Log-sum-exp and what is made of it: log-mean-exp, softmax, cross-entropy.

Derivation: docs/derivations/formulas.md, equations LSE.1 to LSE.6. All act on the last axis,
subtract the row's maximum first, and stay finite for every finite input. The loops over a row,
with the equations' tags, stand in kernels/softmax.py.
"""

import numpy as np

from ffref._checks import check_labels, check_matrix, check_positive
from ffref.kernels import (
    cross_entropy_grad_rows,
    cross_entropy_rows,
    log_mean_exp_rows,
    log_sum_exp_rows,
    softmax_rows,
)
from ffref.types import Array, Labels


def log_sum_exp(x: Array) -> Array:
    """log sum_k exp(x_k) over the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> log_sum_exp(np.array([[0.0, 0.0], [1e4, 1e4]])).round(6)
    array([6.93147000e-01, 1.00006931e+04])
    """
    rows = _rows(x)
    out = np.empty(len(rows), x.dtype)
    log_sum_exp_rows(rows, out)
    return out.reshape(x.shape[:-1])


def log_sum_exp_grad(x: Array) -> Array:
    """Derivative of each row's `log_sum_exp` in that row: the softmax."""
    return softmax(x)  # (LSE.2)


def softmax(x: Array) -> Array:
    """exp(x_k) / sum_j exp(x_j) over the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.array([[0.0, 0.0, -1e4]]))
    array([[0.5, 0.5, 0. ]])
    """
    return _softmax(x, x.dtype.type(1))


def log_mean_exp(x: Array, *, scale: float) -> Array:
    """(1 / scale) log mean_k exp(scale x_k) over the last axis: a smooth maximum.

    Between the mean (scale to 0) and the maximum (scale to infinity) of the row; equal entries
    give that entry, whatever their number.

    Examples
    --------
    >>> import numpy as np
    >>> log_mean_exp(np.array([[0.5, 0.5, 0.5]]), scale=10.0)
    array([0.5])
    """
    rows = _rows(x)
    out = np.empty(len(rows), x.dtype)
    log_mean_exp_rows(rows, _smooth_scale(x, scale), out)
    return out.reshape(x.shape[:-1])


def log_mean_exp_grad(x: Array, *, scale: float) -> Array:
    """Derivative of each row's `log_mean_exp` in that row: softmax_k(scale x_k)."""
    return _softmax(x, _smooth_scale(x, scale))


def softmax_cross_entropy(logits: Array, labels: Labels, *, label_smoothing: float = 0.0) -> float:
    """Mean cross-entropy between softmax(logits) and smoothed labels.

    L = mean_i (log sum_c exp(a_ic) - sum_c t_ic a_ic),
    t = (1 - e) onehot(label) + e / classes

    Parameters
    ----------
    logits : (batch, classes) float32 or float64
    labels : (batch,) whole numbers in 0 .. classes - 1
    label_smoothing : float in [0, 1)
        e: share of each label that is spread evenly over all classes.

    Returns
    -------
    float
        0 for one class.

    Raises
    ------
    ValueError
        If a label is out of range or `label_smoothing` is.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.log(np.array([[1.0, 3.0]]))  # probabilities 1/4 and 3/4
    >>> round(softmax_cross_entropy(logits, np.array([1])), 6)  # log 4/3
    0.287682
    """
    weights = _target_weights(logits, labels, label_smoothing)
    out = np.empty(len(logits), logits.dtype)
    cross_entropy_rows(_rows(logits), *weights, out)
    return float(out.mean())


def softmax_cross_entropy_grad(
    logits: Array, labels: Labels, *, label_smoothing: float = 0.0
) -> Array:
    """Derivative of `softmax_cross_entropy` in `logits`: (softmax - t) / batch."""
    weights = _target_weights(logits, labels, label_smoothing)
    out = np.empty(logits.shape, logits.dtype)
    cross_entropy_grad_rows(_rows(logits), *weights, out)
    return out


def _target_weights(
    logits: Array, labels: Labels, label_smoothing: float
) -> tuple[Labels, np.floating, np.floating]:
    """Labels, what the own class has on top, and what every class has: (1 - e), e / classes."""
    check_matrix(logits, "logits")
    check_labels(labels, *logits.shape)
    check_label_smoothing(label_smoothing)
    number = logits.dtype.type
    every = number(label_smoothing / logits.shape[1])
    return np.ascontiguousarray(labels, np.int64), number(1 - label_smoothing), every


def check_label_smoothing(label_smoothing: float) -> None:
    """`label_smoothing` is a share in [0, 1)."""
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f"label_smoothing must lie in [0, 1), got {label_smoothing!r}; 0 means none"
        )


def _softmax(x: Array, scale: np.floating) -> Array:
    rows = _rows(x)
    out = np.empty(rows.shape, x.dtype)
    softmax_rows(rows, scale, out)
    return out.reshape(x.shape)


def _rows(x: Array) -> Array:
    """All axes but the last joined; contiguous, as the loops want it."""
    return np.ascontiguousarray(x.reshape(-1, x.shape[-1]))


def _smooth_scale(x: Array, scale: float) -> np.floating:
    """Return a positive scale in x's dtype; one beyond its range is infinite, or its smallest."""
    with np.errstate(over="ignore"):
        return x.dtype.type(max(check_positive(scale, "scale"), float(np.finfo(x.dtype).tiny)))
