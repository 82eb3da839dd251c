"""Nearest class mean: classes as the mean of their samples' features.

Paper: Snell, Swersky & Zemel (2017), "Prototypical Networks for Few-shot Learning",
arXiv:1703.05175, section 2.2; on features that are frozen, so that nothing has a gradient.
Derivation: docs/derivations/nearest_mean.md, equations NCM.1 and NCM.2.
"""

import numpy as np

from ffref._checks import check_labels, check_matrix, require
from ffref.types import Array, Labels


def class_means(features: Array, labels: Labels, *, classes: int) -> Array:
    """Mean feature of each class.

    c_k = mean over samples i of class k of f_i

    Parameters
    ----------
    features : (samples, units) float32 or float64
    labels : (samples,)
    classes : int

    Returns
    -------
    (classes, units) same dtype; summed in float64

    Raises
    ------
    ValueError
        If a class has no sample.

    Examples
    --------
    >>> import numpy as np
    >>> class_means(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1]), classes=2)
    array([[1.],
           [5.]])
    """
    check_matrix(features, "features")
    check_labels(labels, len(features), classes)
    counts = np.bincount(labels, minlength=classes)
    require(
        bool(counts.all()),
        f"each class needs a sample, got none of {np.flatnonzero(counts == 0)[:10].tolist()}",
    )
    own = (features[labels == k] for k in range(classes))
    return np.stack([rows.mean(axis=0, dtype=np.float64) for rows in own]).astype(
        features.dtype  # (NCM.1)
    )


def nearest_mean_scores(features: Array, means: Array) -> Array:
    """Score of each class, the logits of its probability.

    s_ik = -||f_i - c_k||^2;  p_i = softmax(s_i)

    Parameters
    ----------
    features : (samples, units) float32 or float64
    means : (classes, units) same dtype

    Returns
    -------
    (samples, classes) same dtype; 0 at a mean, below elsewhere

    Examples
    --------
    >>> import numpy as np
    >>> nearest_mean_scores(np.array([[1.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 3.0]]))
    array([[-0., -5.]])
    """
    check_matrix(features, "features")
    check_matrix(means, "means")
    require(
        features.shape[1] == means.shape[1],
        f"features and means must have as many units, got {features.shape[1]} and "
        f"{means.shape[1]}",
    )
    columns = [-np.square(features - mean).sum(axis=1) for mean in means]  # (NCM.2)
    return np.stack(columns, axis=1)
