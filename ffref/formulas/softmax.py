"""Log-sum-exp and what is made of it: log-mean-exp, softmax, cross-entropy.

Derivation: docs/derivations/formulas.md, equations LSE.1 to LSE.6. All act on the last axis,
subtract the row's maximum first, and stay finite for every finite input.
"""

import numpy as np
from scipy.special import logsumexp

from ffref._checks import check_labels, check_matrix, check_positive
from ffref.types import Array, Labels


def log_sum_exp(x: Array) -> Array:
    """log sum_k exp(x_k) over the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> log_sum_exp(np.array([[0.0, 0.0], [1e4, 1e4]])).round(6)
    array([6.93147000e-01, 1.00006931e+04])
    """
    return np.asarray(logsumexp(x, axis=-1), dtype=x.dtype)  # (LSE.1)


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
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


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
    scale = _smooth_scale(x, scale)
    # the maximum is taken out before the scaling, so that a huge scale cannot overflow; expm1 and
    # log1p keep the digits that log(mean(exp)) loses where a small scale makes all terms near 1
    top = x.max(axis=-1, keepdims=True)
    below_top = np.log1p(np.expm1(_scaled(x - top, scale)).mean(axis=-1)) / scale
    return top[..., 0] + below_top  # (LSE.3)


def log_mean_exp_grad(x: Array, *, scale: float) -> Array:
    """Derivative of each row's `log_mean_exp` in that row: softmax_k(scale x_k)."""
    below_top = x - x.max(axis=-1, keepdims=True)
    return softmax(_scaled(below_top, _smooth_scale(x, scale)))  # (LSE.4)


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
    targets = _targets(logits, labels, label_smoothing)
    top = logits.max(axis=1, keepdims=True)
    # the maximum is taken out of both terms: what remains of a confident row is not lost
    shifted = logits - top
    return float((log_sum_exp(shifted) - (targets * shifted).sum(axis=1)).mean())  # (LSE.5)


def softmax_cross_entropy_grad(
    logits: Array, labels: Labels, *, label_smoothing: float = 0.0
) -> Array:
    """Derivative of `softmax_cross_entropy` in `logits`: (softmax - t) / batch."""
    targets = _targets(logits, labels, label_smoothing)
    return (softmax(logits) - targets) / logits.dtype.type(len(logits))  # (LSE.6)


def _targets(logits: Array, labels: Labels, label_smoothing: float) -> Array:
    check_matrix(logits, "logits")
    check_labels(labels, *logits.shape)
    check_label_smoothing(label_smoothing)
    classes = logits.shape[1]
    targets = np.full(logits.shape, label_smoothing / classes, logits.dtype)
    targets[np.arange(len(labels)), labels] += logits.dtype.type(1 - label_smoothing)
    return targets


def check_label_smoothing(label_smoothing: float) -> None:
    """`label_smoothing` is a share in [0, 1)."""
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f"label_smoothing must lie in [0, 1), got {label_smoothing!r}; 0 means none"
        )


def _smooth_scale(x: Array, scale: float) -> float:
    """Return a positive scale that x's dtype can hold."""
    return max(check_positive(scale, "scale"), float(np.finfo(x.dtype).tiny))


def _scaled(x: Array, scale: float) -> Array:
    """Return scale x in x's dtype; differences from the maximum may reach -inf, no lower."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = x * x.dtype.type(scale)
    return np.where(x == 0, x, scaled)
