"""When training has stopped to help, by the share of held-out samples that are right."""

from collections.abc import Sequence

import numpy as np


def has_stalled(shares: Sequence[float], *, patience: int, tol: float) -> bool:
    """Whether more than `patience` epochs in turn were not better than the best by `tol`.

    Source: `MLPClassifier` of scikit-learn, which counts like that.

    Examples
    --------
    >>> has_stalled([0.5, 0.6, 0.6, 0.6], patience=2, tol=0.01)
    False
    >>> has_stalled([0.5, 0.6, 0.6, 0.6, 0.6], patience=2, tol=0.01)
    True
    """
    best, in_vain = -np.inf, 0
    for share in shares:
        in_vain = in_vain + 1 if share < best + tol else 0
        best = max(best, share)
    return in_vain > patience


def last_is_best(shares: Sequence[float]) -> bool:
    """Whether the last epoch was better than all before.

    Examples
    --------
    >>> last_is_best([0.5, 0.6]), last_is_best([0.6, 0.6])
    (True, False)
    """
    return all(share < shares[-1] for share in shares[:-1])
