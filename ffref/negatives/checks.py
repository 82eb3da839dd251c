"""What can be wrong with labels in negatives, as numbers."""

from typing import NamedTuple

import numpy as np

from ffref._checks import require
from ffref.types import Array


class LabelCodeReport(NamedTuple):
    """How the label slots of negatives compare with those of their positives."""

    share_with_true_label: float
    """share of negatives in which the true label is the strongest, alone or with others; must be
    0 (shuffled labels of ten classes: 0.1)"""
    length_ratio: float
    """mean length of the negatives' slots, divided by the positives'; must be 1 (the inverse of a
    label of ten classes, nine ones: 3), or a layer tells negatives by their length alone"""
    slots_on_ratio: float
    """mean number of slots that are not 0 in negatives, divided by the positives'; must be 1"""


def label_code_report(positive_codes: Array, negative_codes: Array) -> LabelCodeReport:
    """Compare the label slots of positives and negatives, (pairs, classes) each.

    Parameters
    ----------
    positive_codes, negative_codes : (pairs, classes)
        The columns of the inputs that carry the label; row i and row i are partners. A true label
        is the largest entry of a positive row.

    Raises
    ------
    ValueError
        If the shapes differ, or a positive row carries no label.

    Examples
    --------
    >>> import numpy as np
    >>> label_code_report(np.eye(4), np.roll(np.eye(4), 1, axis=0))
    LabelCodeReport(share_with_true_label=0.0, length_ratio=1.0, slots_on_ratio=1.0)
    >>> label_code_report(np.eye(10), 1 - np.eye(10)).length_ratio  # nine ones
    3.0
    """
    positive, negative = np.asarray(positive_codes), np.asarray(negative_codes)
    require(
        positive.ndim == 2 and positive.size > 0 and positive.shape == negative.shape,
        f"codes must be two non-empty arrays (pairs, classes) of one shape, got "
        f"{positive.shape} and {negative.shape}",
    )
    require(
        bool((positive.max(axis=1) > positive.min(axis=1)).all()),
        "every positive row must have one largest slot, its true label; got a row of equal slots",
    )
    rows, true = np.arange(len(positive)), positive.argmax(axis=1)
    return LabelCodeReport(
        float((negative[rows, true] >= negative.max(axis=1)).mean()),
        float(np.linalg.norm(negative, axis=1).mean() / np.linalg.norm(positive, axis=1).mean()),
        float(np.count_nonzero(negative) / np.count_nonzero(positive)),
    )
