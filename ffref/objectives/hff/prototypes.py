"""Prototypes: where they start, and the moving average that they may follow.

Derivation: docs/derivations/hff.md, equations HFF.13, HFF.14, HFF.30 and HFF.31.
"""

import math

import numpy as np
from scipy.linalg import helmert

from ffref._checks import check_count, check_labels, check_matrix, require
from ffref.formulas import l2_normalize, log_mean_exp_grad
from ffref.kernels import matmul_tn
from ffref.objectives.hff.sphere import on_sphere, to_sphere
from ffref.types import Array, Labels


def hff_initial_prototypes(
    rng: np.random.Generator, *, classes: int, prototypes_per_class: int, units: int
) -> Array:
    """Random unit vectors, (classes, prototypes_per_class, units) float64."""
    return on_sphere(rng.standard_normal((classes, prototypes_per_class, units)))


def hff_simplex_prototypes(
    rng: np.random.Generator, *, classes: int, prototypes_per_class: int, units: int
) -> Array:
    """Corners of regular simplices: classes as far from each other as can be.

    q_ck . q_dk = -1 / (classes - 1) for c not d

    The k-th prototypes of all classes form one simplex; each k has a simplex of its own, turned
    at random, since equal prototypes of a class would get equal gradients for ever.

    Parameters
    ----------
    rng : Generator
        Turns each simplex.
    classes, prototypes_per_class : int
    units : int
        At least classes - 1.

    Returns
    -------
    (classes, prototypes_per_class, units) float64 unit vectors

    Raises
    ------
    ValueError
        If so many classes do not fit into so few units.

    Examples
    --------
    >>> import numpy as np
    >>> q = hff_simplex_prototypes(
    ...     np.random.default_rng(0), classes=3, prototypes_per_class=1, units=4
    ... )
    >>> np.allclose(q[:, 0] @ q[:, 0].T, [[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]])
    True
    """
    check_count(prototypes_per_class, "prototypes_per_class")
    require(
        units >= classes - 1,
        f"a regular simplex of {classes} classes needs at least {classes - 1} units, got {units}; "
        f"use random prototypes or more units",
    )
    if classes == 1:
        return hff_initial_prototypes(
            rng, classes=1, prototypes_per_class=prototypes_per_class, units=units
        )
    corners = helmert(classes).T * math.sqrt(classes / (classes - 1))
    turned = [corners @ _frame(rng, units, classes - 1).T for _ in range(prototypes_per_class)]
    return np.stack(turned, axis=1)  # (HFF.30)


def hff_class_mean_prototypes(
    rng: np.random.Generator,
    activity: Array,
    labels: Labels,
    *,
    classes: int,
    prototypes_per_class: int,
) -> Array:
    """Mean directions of each class's activity in some samples.

    The samples of a class are dealt out to its prototypes in turn. A prototype that gets none, a
    mean of 0, and one that equals an earlier one of its class are drawn at random instead.

    Parameters
    ----------
    rng : Generator
        Draws what the samples do not give.
    activity : (batch, units) float32 or float64
    labels : (batch,) whole numbers in 0 .. classes - 1
    classes, prototypes_per_class : int

    Returns
    -------
    (classes, prototypes_per_class, units) unit vectors, same dtype

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    >>> hff_class_mean_prototypes(
    ...     np.random.default_rng(0), y, np.array([1, 0, 0]), classes=2, prototypes_per_class=1
    ... )
    array([[[0., 1.]],
    <BLANKLINE>
           [[1., 0.]]])
    """
    check_matrix(activity, "activity")
    check_labels(labels, len(activity), classes)
    check_count(prototypes_per_class, "prototypes_per_class")
    units = activity.shape[1]
    drawn = hff_initial_prototypes(
        rng, classes=classes, prototypes_per_class=prototypes_per_class, units=units
    ).astype(activity.dtype)
    direction = l2_normalize(activity)
    for c in range(classes):
        own = direction[labels == c]
        for k in range(prototypes_per_class):
            mean = l2_normalize(own[k::prototypes_per_class].sum(axis=0)[None])[0]  # (HFF.31)
            if mean.any() and not (drawn[c, :k] == mean).all(axis=1).any():
                drawn[c, k] = mean
    return drawn


def hff_prototypes_ema_rule(
    activity: Array, labels: Labels, prototypes: Array, *, sharpness: float, decay: float
) -> Array:
    """Move each prototype of a class towards that class's activity, and back onto the sphere.

    p_ck <- normalize(decay q_ck + (1 - decay) mean_i r_ik z_i),
    the mean over the samples of class c, r = softmax_k(beta cos_ck). A class that is absent
    from the batch stays where it is. A rule, not a derivative of the loss (hence its name).

    Parameters
    ----------
    activity : (batch, units)
    labels : (batch,) whole numbers
    prototypes : (classes, prototypes_per_class, units)
    sharpness : float
        beta > 0: how sharply a sample chooses among its class's prototypes.
    decay : float in [0, 1)
        Share of the old prototype that is kept.

    Returns
    -------
    (classes, prototypes_per_class, units) new array of unit vectors

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> y = np.array([[0.0, 5.0]])  # one sample of class 0, halfway turns it by 45 degrees
    >>> hff_prototypes_ema_rule(y, np.array([0]), p, sharpness=1.0, decay=0.5).round(4)[0]
    array([[0.7071, 0.7071]])
    """
    sphere = to_sphere(activity, prototypes)
    classes, per_class, units = prototypes.shape
    prototype_direction = sphere.prototype_direction.reshape(prototypes.shape)
    check_labels(labels, len(activity), classes)
    own = np.zeros((len(activity), classes), activity.dtype)
    own[np.arange(len(labels)), labels] = 1
    weight = own[:, :, None] * log_mean_exp_grad(sphere.cosine, scale=sharpness)  # (HFF.13)
    pulled = matmul_tn(weight.reshape(len(activity), -1), sphere.direction)
    count = np.maximum(own.sum(axis=0), 1)[:, None, None]
    moved = decay * prototype_direction + (1 - decay) * (
        pulled.reshape(classes, per_class, units) / count
    )
    # a class that is absent, or whose samples cancel its prototype exactly, keeps its direction
    kept = (own.sum(axis=0) == 0)[:, None, None] | ~np.any(moved, axis=2, keepdims=True)
    return on_sphere(np.where(kept, prototype_direction, moved))  # (HFF.14)


COLLAPSED = 0.9999
"""Cosine with their common mean above which prototypes are one direction: 0.8 degrees."""


def hff_fault(prototypes: Array) -> str:
    """Say it if the prototypes of all classes point the same way; "" else.

    min_ck q_ck . normalize(mean_ck q_ck) > `COLLAPSED`. No direction tells classes apart then.
    In one unit every direction is the same or the opposite one, and nothing is said.

    Parameters
    ----------
    prototypes : (classes, prototypes_per_class, units)

    Examples
    --------
    >>> import numpy as np
    >>> hff_fault(np.array([[[1.0, 0.0]], [[1.0, 1e-6]]]))
    'prototypes that point the same way for all classes'
    >>> hff_fault(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]))
    ''
    """
    directions = l2_normalize(prototypes.reshape(-1, prototypes.shape[-1]))
    mean = l2_normalize(directions.mean(axis=0, keepdims=True))
    # a nan is no collapse: the loss tells of it
    collapsed = (directions @ mean[0]).min() > COLLAPSED
    judged = min(len(prototypes), prototypes.shape[-1]) > 1
    return "prototypes that point the same way for all classes" if collapsed and judged else ""


def _frame(rng: np.random.Generator, units: int, axes: int) -> Array:
    """Orthogonal unit columns of random direction, (units, axes)."""
    frame, upper = np.linalg.qr(rng.standard_normal((units, axes)))
    return frame * np.sign(np.diag(upper))
