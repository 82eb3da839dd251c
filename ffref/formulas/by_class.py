"""What belongs to a class: units of a layer, in groups of equal size, and rows of a batch.

Derivation: docs/derivations/formulas.md, equations CLASS.1 to CLASS.4.
"""

import numpy as np

from ffref._checks import check_count, check_labels, check_matrix, require
from ffref.kernels import matmul_tn
from ffref.types import Array, Labels


def group_mean(x: Array, *, classes: int, places: int = 1) -> Array:
    """Mean over the units of each class, (batch, units) -> (batch, classes).

    Parameters
    ----------
    x : (batch, places * channels) float32 or float64
        Flat rows: of a dense layer one place, whose channels are its units; of a convolution every
        place in row-major order, its channels beside each other.
    classes : int
        The channels are split into so many groups of neighbours, one a class.
    places : int

    Returns
    -------
    (batch, classes) same dtype

    Raises
    ------
    ValueError
        If the channels cannot be split into groups of equal size.

    Examples
    --------
    >>> import numpy as np
    >>> group_mean(np.array([[1.0, 3.0, 5.0, 9.0]]), classes=2)
    array([[2., 7.]])
    >>> group_mean(np.array([[1.0, 3.0, 5.0, 9.0]]), classes=2, places=2)  # two channels
    array([[3., 6.]])
    """
    check_matrix(x, "activity")
    group = check_groups(x.shape[1], classes=classes, places=places)
    return x.reshape(len(x), places, classes, group).mean(axis=(1, 3))  # (CLASS.1)


def group_mean_vjp(d_out: Array, *, units: int, places: int = 1) -> Array:
    """Pull-back of `group_mean`, d_out (batch, classes) -> d_x (batch, units)."""
    batch, classes = d_out.shape
    group = units // (places * classes)
    each = (d_out / (places * group))[:, None, :, None]  # (CLASS.2)
    return np.broadcast_to(each, (batch, places, classes, group)).reshape(batch, units)


def check_groups(units: int, *, classes: int, places: int) -> int:
    """Return the channels of each class, if the units of a layer can be split evenly."""
    check_count(classes, "classes")
    check_count(places, "places")
    group = units // (places * classes)
    if units != places * classes * group:
        at = f"{units} units at {places} places" if places > 1 else f"{units} units"
        raise ValueError(
            f"the units of a layer are split evenly among the classes, and {at} cannot be split "
            f"among {classes}; take a multiple of {places * classes}, as "
            f"{places * classes * (group + 1)}"
        )
    return group


def class_sums(x: Array, labels: Labels, *, classes: int) -> tuple[Array, Labels]:
    """Sum of the rows of each class in float64, and how many rows there are.

    Sums of parts of the rows can be added up to that of all.

    Parameters
    ----------
    x : (batch, units) float32 or float64
    labels : (batch,) whole numbers in 0 .. classes - 1
    classes : int

    Returns
    -------
    sums : (classes, units) float64
    counts : (classes,) int64

    Examples
    --------
    >>> import numpy as np
    >>> class_sums(np.array([[1.0], [2.0], [4.0]]), np.array([0, 2, 0]), classes=3)
    (array([[5.],
           [0.],
           [2.]]), array([2, 0, 1]))
    """
    check_matrix(x, "activity")
    check_count(classes, "classes")
    check_labels(labels, len(x), classes)
    own = (np.asarray(labels)[:, None] == np.arange(classes)).astype(np.float64)
    sums = matmul_tn(own, x.astype(np.float64))  # (CLASS.3)
    return sums, np.bincount(labels, minlength=classes)


def class_means(sums: Array, counts: Labels | Array, dtype: np.dtype) -> Array:
    """Mean of the rows of each class, rounded to `dtype` once; 0 for a class without rows.

    Examples
    --------
    >>> import numpy as np
    >>> class_means(np.array([[6.0], [0.0]]), np.array([4, 0]), np.dtype("float32"))
    array([[1.5],
           [0. ]], dtype=float32)
    """
    require(
        sums.ndim == 2 and counts.shape == sums.shape[:1],
        f"sums must be (classes, units) and counts (classes,), got shapes {sums.shape} and "
        f"{counts.shape}",
    )
    means = sums / np.maximum(counts, 1)[:, None]  # (CLASS.4)
    return means.astype(dtype)
