"""Whether probabilities mean what they say.

Definition: docs/derivations/readout.md, equation READ.9.
"""

import numpy as np

from ffref._checks import check_count, check_labels, check_matrix, require
from ffref.types import Array, Labels


def expected_calibration_error(probabilities: Array, labels: Labels, *, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy, over samples binned by their confidence.

    sum_b (n_b / n) |accuracy_b - mean confidence_b|,  bins ((b - 1) / B, b / B]

    The confidence of a sample is its highest probability, and it is right if that is its label's
    (of equal ones the first counts).

    Parameters
    ----------
    probabilities : (samples, classes) float32 or float64
    labels : (samples,) whole numbers in 0 .. classes - 1
    bins : int
        B.

    Returns
    -------
    float
        0: of the samples with confidence 80 %, 80 % are right, and so on.

    Raises
    ------
    ValueError
        If shapes or labels do not fit, or a confidence lies outside (0, 1].

    References
    ----------
    Naeini et al. (2015); Guo et al. (2017), arXiv:1706.04599, equation 3.

    Examples
    --------
    Two samples at 0.9, one of them wrong: |1/2 - 0.9|.

    >>> import numpy as np
    >>> p = np.array([[0.9, 0.1], [0.9, 0.1]])
    >>> round(expected_calibration_error(p, np.array([0, 1])), 6)
    0.4
    """
    check_matrix(probabilities, "probabilities")
    check_labels(labels, *probabilities.shape)
    check_count(bins, "bins")
    confidence = probabilities.max(axis=1).astype(np.float64)
    require(
        bool(np.all((confidence > 0) & (confidence <= 1 + 1e-6))),
        "probabilities must lie in [0, 1], with a class above 0 in every row; got others: "
        "pass predict_proba's, not goodness",
    )
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum(np.ceil(confidence * bins).astype(int), bins)
    surplus = np.bincount(bin_of, weights=right - confidence)
    return float(np.abs(surplus).sum() / len(labels))  # (READ.9)
