"""Self-contrast: a sample beside itself against a sample beside another one, without labels.

Paper: Chen et al., "Self-Contrastive Forward-Forward Algorithm", arXiv:2409.11593.
Derivation: docs/derivations/scff.md, equation SCFF.1.
"""

import numpy as np

from ffref._checks import check_matrix, require
from ffref.types import Array


def self_contrast(x: Array, others: np.ndarray) -> Array:
    """Positives x_k + x_k, then negatives x_k + x_n, (pairs, features) -> (2 pairs, features).

    A layer with the same weights for both halves of a pair sees their sum.

    Parameters
    ----------
    x : (pairs, features) float32 or float64
        Normalised samples; their sums are not normalised again.
    others : (pairs,) whole numbers
        n: for each row another one, as `other_row` draws.

    Returns
    -------
    (2 pairs, features) same dtype

    Raises
    ------
    ValueError
        If a row is its own other: its negative would be its positive.

    Examples
    --------
    >>> import numpy as np
    >>> self_contrast(np.array([[1.0, 0.0], [0.0, 5.0]]), np.array([1, 0]))
    array([[ 2.,  0.],
           [ 0., 10.],
           [ 1.,  5.],
           [ 1.,  5.]])
    """
    check_matrix(x, "x")
    others = np.asarray(others)
    require(
        others.shape == (len(x),) and others.dtype.kind in "iu",
        f"others must be ({len(x)},) row numbers, got shape {others.shape} of {others.dtype}",
    )
    require(
        bool((others >= 0).all() and (others < len(x)).all())
        and not (others == np.arange(len(x))).any(),
        f"others must lie in 0 .. {len(x) - 1} and be another row for each; draw them with "
        f"other_row",
    )
    return np.concatenate([x + x, x + x[others]])  # (SCFF.1)
