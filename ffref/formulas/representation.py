"""What a layer's activity spans, and how alike two layers' activities are.

Derivation: docs/derivations/formulas.md, equations REPR.1 to REPR.5. Numbers to look at, computed
in float64; nothing is trained by them, and they have no derivatives here.
"""

from typing import NamedTuple

import numpy as np

from ffref._checks import check_matrix, require
from ffref.formulas.by_class import class_means, class_sums
from ffref.formulas.diagnostics import dead_unit_share
from ffref.types import Array, Labels


class RepresentationDiagnostics(NamedTuple):
    """One layer's activity on one set of samples."""

    participation_ratio: float
    effective_rank: float
    dead_units: float
    """share of units that are silent on every sample"""
    saturated_units: float
    """share of units that are active on every sample"""
    class_cosine: float
    """mean cosine between the centroids of two classes; 1: all classes fell together"""


def linear_cka(x: Array, y: Array) -> float:
    """Linear centred kernel alignment of two activities on the same samples, from 0 to 1.

    ||X' Y||^2 / (||X' X|| ||Y' Y||), columns of X and Y centred, Frobenius norms

    It does not change when either is rotated, moved or scaled as a whole.

    Parameters
    ----------
    x, y : (samples, units) float32 or float64
        Their units may differ.

    Returns
    -------
    float
        nan if one of them is constant: it has no kernel to align.

    Raises
    ------
    ValueError
        If the numbers of samples differ.

    References
    ----------
    Kornblith et al. (2019), "Similarity of Neural Network Representations Revisited", eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    >>> round(linear_cka(x, 5 * x[:, ::-1] + 1), 6)
    1.0
    """
    x, y = _centred(x, "x"), _centred(y, "y")
    require(
        len(x) == len(y),
        f"x and y must be activities of the same samples, got {len(x)} and {len(y)} rows",
    )
    size = _kernel_norm(x, x) * _kernel_norm(y, y)
    return float(_kernel_norm(x, y) ** 2 / size) if size > 0 else float("nan")  # (REPR.1)


def participation_ratio(activity: Array) -> float:
    """Dimensions that carry the variance: (sum_k v_k)^2 / sum_k v_k^2, v the eigenvalues.

    Of the covariance of the units, (samples, units) -> from 1 to units; nan without variance.

    Examples
    --------
    >>> import numpy as np
    >>> participation_ratio(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]))
    2.0
    """
    spectrum = _spectrum(activity) ** 2
    total = spectrum.sum()
    return float(total**2 / (spectrum**2).sum()) if total > 0 else float("nan")  # (REPR.2)


def effective_rank(activity: Array) -> float:
    """Exponential of the entropy of the normalised singular values of the centred activity.

    From 1 to the number of units; nan without variance. Source: Roy and Vetterli (2007).

    Examples
    --------
    >>> import numpy as np
    >>> round(effective_rank(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])), 6)
    2.0
    """
    spectrum = _spectrum(activity)
    spectrum = spectrum[spectrum > 0]
    if not len(spectrum):
        return float("nan")
    share = spectrum / spectrum.sum()
    return float(np.exp(-(share * np.log(share)).sum()))  # (REPR.3)


def saturated_unit_share(activity: Array) -> float:
    """Share of relu units that are active on every row: they are linear there, (batch, units).

    Examples
    --------
    >>> import numpy as np
    >>> saturated_unit_share(np.array([[0.5, 1.0], [0.0, 2.0]]))
    0.5
    """
    check_matrix(activity, "activity")
    return float((activity > 0).all(axis=0).mean())  # (REPR.4)


def class_cosine(activity: Array, labels: Labels) -> float:
    """Mean cosine between the mean activities of two classes, over all pairs of classes.

    Parameters
    ----------
    activity : (samples, units) float32 or float64
    labels : (samples,) whole numbers

    Returns
    -------
    float
        nan for a single class. A class that is silent has cosine 0 to all.

    Examples
    --------
    >>> import numpy as np
    >>> class_cosine(np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]]), np.array([0, 0, 1]))
    0.0
    """
    check_matrix(activity, "activity")
    classes = int(np.max(labels, initial=0)) + 1
    sums, counts = class_sums(activity, labels, classes=classes)
    means = class_means(sums, counts, sums.dtype)[counts > 0]
    length = np.linalg.norm(means, axis=1, keepdims=True)
    direction = means / np.where(length > 0, length, 1)
    cosine = direction @ direction.T
    pairs = cosine[np.triu_indices(len(cosine), 1)]
    return float(pairs.mean()) if len(pairs) else float("nan")  # (REPR.5)


def representation_diagnostics(activity: Array, labels: Labels) -> RepresentationDiagnostics:
    """All of the above of one layer, (samples, units) and (samples,).

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0, 0.0], [3.0, 0.0]])
    >>> representation_diagnostics(y, np.array([0, 1])).saturated_units
    0.5
    """
    return RepresentationDiagnostics(
        participation_ratio(activity),
        effective_rank(activity),
        dead_unit_share(activity),
        saturated_unit_share(activity),
        class_cosine(activity, labels),
    )


def _centred(x: Array, name: str) -> Array:
    check_matrix(x, name)
    centred = x.astype(np.float64)
    centred -= centred.mean(axis=0)
    centred[:, np.ptp(x, axis=0) == 0] = 0
    return centred


def _kernel_norm(x: Array, y: Array) -> float:
    return float(np.linalg.norm(x.T @ y))


def _spectrum(activity: Array) -> Array:
    """Singular values of the centred activity."""
    return np.linalg.svd(_centred(activity, "activity"), compute_uv=False)
