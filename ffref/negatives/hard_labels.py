"""Hard wrong labels: those that the network itself finds likely.

Source: Hinton (2022), arXiv:2212.13345, section 3.3, and the official Matlab code, which draws
them from the softmax of one pass with the neutral label. Derivation:
docs/derivations/negatives.md, equations NEG.1 and NEG.2.
"""

import numpy as np

from ffref._checks import check_labels, check_matrix, require
from ffref.formulas import softmax
from ffref.negatives.wrong_labels import uniform_wrong_label
from ffref.types import Array, Labels


def hard_wrong_label(probabilities: Array, labels: Labels, *, rng: np.random.Generator) -> Labels:
    """Draw for each row a wrong class, in proportion to the network's own probabilities.

    q_ic = p_ic / sum_(c' not label_i) p_ic' for c not label_i, else 0

    Parameters
    ----------
    probabilities : (batch, classes) float32 or float64
        p: not negative; rows need not add to 1.
    labels : (batch,) whole numbers in 0 .. classes - 1
        The true classes, never drawn.
    rng : numpy.random.Generator
        One number is drawn for each row, whatever its probabilities.

    Returns
    -------
    (batch,) int64, nowhere equal to `labels`. A row with no mass on any wrong class gets one of
    them with equal probability.

    Raises
    ------
    ValueError
        If there is only one class, a label is out of range, or a probability is negative or not
        finite.

    See Also
    --------
    wrong_class_probabilities : q from logits, exact where p of every wrong class rounds to 0.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([[0.9, 0.1, 0.0], [0.0, 0.3, 0.7]])
    >>> hard_wrong_label(p, np.array([0, 2]), rng=np.random.default_rng(0))
    array([1, 1])
    """
    check_matrix(probabilities, "probabilities")
    _check_classes(labels, *probabilities.shape)
    require(
        bool(np.isfinite(probabilities).all() and (probabilities >= 0).all()),
        "probabilities must be finite and not negative; take the softmax of the logits first",
    )
    rows = np.arange(len(labels))
    weight = probabilities.astype(np.float64)
    weight[rows, labels] = 0
    weight[~weight.any(axis=1)] = 1
    weight[rows, labels] = 0
    # so that rows of subnormal numbers keep their proportions
    weight /= weight.max(axis=1, keepdims=True)
    cumulative = weight.cumsum(axis=1)
    draw = rng.random(len(labels)) * cumulative[:, -1]
    # the first class whose cumulative weight exceeds the draw: its own weight is not 0
    return (cumulative <= draw[:, None]).sum(axis=1)  # (NEG.1)


def wrong_class_probabilities(logits: Array, labels: Labels) -> Array:
    """Softmax over the wrong classes alone, (batch, classes), 0 for the true one.

    q_i = softmax of a_i without a_(i, label_i)

    Hinton's code takes 1000 off the true class's logit instead; the same, to rounding, for
    logits that are less than 900 apart.

    Parameters
    ----------
    logits : (batch, classes) float32 or float64
    labels : (batch,) whole numbers in 0 .. classes - 1

    Examples
    --------
    >>> import numpy as np
    >>> wrong_class_probabilities(np.array([[5000.0, 0.0, np.log(3)]]), np.array([0]))
    array([[0.  , 0.25, 0.75]])
    """
    check_matrix(logits, "logits")
    _check_classes(labels, *logits.shape)
    without = logits.copy()
    without[np.arange(len(labels)), labels] = -np.inf
    return softmax(without)  # (NEG.2)


def wrong_label(
    labels: Labels, logits: Array | None, *, classes: int, rng: np.random.Generator
) -> Labels:
    """Wrong labels that these logits find likely; uniform ones where there are no logits."""
    if logits is None:
        return uniform_wrong_label(labels, classes=classes, rng=rng)
    return hard_wrong_label(wrong_class_probabilities(logits, labels), labels, rng=rng)


def _check_classes(labels: Labels, batch: int, classes: int) -> None:
    require(classes >= 2, f"a wrong label needs at least 2 classes, got {classes}")
    check_labels(labels, batch, classes)
