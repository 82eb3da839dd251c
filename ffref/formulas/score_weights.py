"""Class scores of several layers, added with weights that are fitted to held-out samples.

Derivation: docs/derivations/readout.md, equations READ.6 to READ.8. One layer is the case of a
temperature: its weight is 1 / temperature.
"""

import numpy as np

from ffref._checks import check_positive, require
from ffref.formulas.softmax import softmax_cross_entropy, softmax_cross_entropy_grad
from ffref.types import Array, Labels


def weighted_scores(scores: Array, weights: Array) -> Array:
    """sum_l w_l S_l, (layers, samples, classes) and (layers,) -> (samples, classes).

    Examples
    --------
    >>> import numpy as np
    >>> weighted_scores(np.array([[[1.0, 0.0]], [[0.0, 2.0]]]), np.array([3.0, 0.5]))
    array([[3., 1.]])
    """
    require(
        scores.ndim == 3 and weights.shape == scores.shape[:1],
        f"scores must be (layers, samples, classes) and weights (layers,), got shapes "
        f"{scores.shape} and {weights.shape}",
    )
    weights = weights.astype(scores.dtype, copy=False)
    return (weights[:, None, None] * scores).sum(axis=0)  # (READ.6)


def score_weights_loss(scores: Array, labels: Labels, weights: Array, *, spread: float) -> float:
    """Cross-entropy of the weighted scores, and a prior on the weights; convex in them.

    J = mean_i cross_entropy(sum_l w_l S_li, label_i) + sum_l (w_l / w')^2 / (2 samples)

    Parameters
    ----------
    scores : (layers, samples, classes) float32 or float64
        S: of held-out samples.
    labels : (samples,) whole numbers in 0 .. classes - 1
    weights : (layers,) same dtype
        w.
    spread : float
        w' > 0: how large weights may well be. The prior keeps them finite where all samples are
        right; a weight of w' costs as much as half a nat of one sample.

    Raises
    ------
    ValueError
        If shapes or labels do not fit, or `spread` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[[1.0, 0.0]]])  # one layer, one sample, two classes
    >>> loss = score_weights_loss(scores, np.array([0]), np.array([0.0]), spread=1.0)
    >>> round(loss, 6)  # log 2
    0.693147
    """
    fit = softmax_cross_entropy(weighted_scores(scores, weights), labels)
    relative = weights / check_positive(spread, "spread")
    return fit + float((relative**2).sum()) / (2 * len(labels))  # (READ.7)


def score_weights_loss_grad(
    scores: Array, labels: Labels, weights: Array, *, spread: float
) -> Array:
    """Derivative of `score_weights_loss` in `weights`, (layers,)."""
    d_logits = softmax_cross_entropy_grad(weighted_scores(scores, weights), labels)
    fit = (scores * d_logits).sum(axis=(1, 2))
    prior = weights / check_positive(spread, "spread") ** 2 / len(labels)
    return np.asarray(fit + prior, weights.dtype)  # (READ.8)
