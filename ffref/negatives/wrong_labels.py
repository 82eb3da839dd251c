"""Wrong labels for negative samples, and a check that they are wrong.

Public codes shuffle the labels of a batch; 9.7 % of such "negatives" of ten classes carry the
true label. Here none does.
"""

import numpy as np

from ffref._checks import check_labels, require
from ffref.types import Labels


def uniform_wrong_label(labels: Labels, *, classes: int, rng: np.random.Generator) -> Labels:
    """Draw for each label one of the other classes, all with equal probability.

    Parameters
    ----------
    labels : (batch,) whole numbers in 0 .. classes - 1
    classes : int, at least 2
    rng : numpy.random.Generator

    Returns
    -------
    (batch,) int64, nowhere equal to `labels`

    Raises
    ------
    ValueError
        If there is only one class: it has no wrong label.

    Examples
    --------
    >>> import numpy as np
    >>> uniform_wrong_label(np.array([0, 1]), classes=2, rng=np.random.default_rng(0))
    array([1, 0])
    """
    require(classes >= 2, f"a wrong label needs at least 2 classes, got {classes}")
    check_labels(labels, len(labels), classes)
    return (labels + rng.integers(1, classes, size=len(labels))) % classes


def share_with_true_label(negative_labels: Labels, labels: Labels) -> float:
    """Share of negatives that carry the true label; 0 for correct negatives.

    Examples
    --------
    >>> import numpy as np
    >>> share_with_true_label(np.array([1, 1]), np.array([0, 1]))
    0.5
    """
    return float(np.mean(np.asarray(negative_labels) == np.asarray(labels)))
