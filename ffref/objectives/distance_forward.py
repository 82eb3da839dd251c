"""Distance-Forward: a row's goodness of a class is its nearness to that class's centroid.

Paper: Wu et al., "Distance-Forward Learning: Enhancing the Forward-Forward Algorithm Towards
High-Performance On-Chip Learning", arXiv:2408.14925v1. Its equations were not readable; this is a
reconstruction from its abstract (docs/derivations/distance_forward.md says which part).
Derivation: docs/derivations/distance_forward.md, equations DF.1 to DF.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ffref._checks import check_labels, check_matrix, check_number, check_positive, require
from ffref.formulas import (
    class_means,
    class_sums,
    l2_normalize,
    l2_normalize_vjp,
    log_sum_exp,
    negative_squared_distance,
    negative_squared_distance_vjp,
    softmax,
)
from ffref.method import LayerPlace, Method, OnePass, OwnParams, setting
from ffref.types import Array, Evaluation, Labels, LayerContext, Objective, Params


class _Forward(NamedTuple):
    """What loss, gradient and accuracy are made of."""

    direction: Array
    """(batch, units) z"""
    goodness: Array
    """(batch, classes) g"""
    logits: Array
    """(batch, classes): scaled excess over the true class, whose own is 0"""


def distance_forward_loss(
    activity: Array, labels: Labels, centroids: Array, *, scale: float, margin: float = 0.0
) -> float:
    """Mean N-pair margin loss of the distances to the classes' centroids.

    z = y / ||y||,  g_ic = -||z_i - m_c||^2
    L = mean_i log(1 + sum_(c not label_i) exp(s (g_ic - g_i,label + m)))

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        y: after the nonlinearity, before normalisation.
    labels : (batch,) whole numbers in 0 .. classes - 1
    centroids : (classes, units) same dtype
        m_c: constants.
    scale : float
        s > 0.
    margin : float
        m: how much nearer, in squared distance, the own centroid is to be.

    Returns
    -------
    float
        Mean over the batch; 0 for one class.

    Raises
    ------
    ValueError
        If a shape, dtype, label or hyperparameter is out of range.

    References
    ----------
    Wu et al. (2024), arXiv:2408.14925v1, reconstruction; Sohn (2016), N-pair loss.

    Examples
    --------
    >>> import numpy as np
    >>> y, m = np.array([[3.0, 4.0]]), np.eye(2)  # squared distances 0.8 and 0.4
    >>> round(distance_forward_loss(y, np.array([1]), m, scale=5.0), 6)  # softplus(5 (0.4 - 0.8))
    0.126928
    """
    return _loss(_forward(activity, labels, centroids, scale=scale, margin=margin))


def distance_forward_loss_grad(
    activity: Array, labels: Labels, centroids: Array, *, scale: float, margin: float = 0.0
) -> Array:
    """Derivative of `distance_forward_loss` in `activity`, same shape and dtype."""
    forward = _forward(activity, labels, centroids, scale=scale, margin=margin)
    return _grad(forward, activity, labels, centroids, scale)


def distance_forward_class_scores(activity: Array, centroids: Array) -> Array:
    """Goodness of each class, -||z - m_c||^2, (batch, units) -> (batch, classes).

    Examples
    --------
    >>> import numpy as np
    >>> distance_forward_class_scores(np.array([[3.0, 4.0]]), np.eye(2)).round(6)
    array([[-0.8, -0.4]])
    """
    _check_centroids(centroids, activity)
    return _goodness(l2_normalize(activity), centroids)


def distance_forward_initial_centroids(
    rng: np.random.Generator, *, classes: int, units: int
) -> Array:
    """Random unit vectors, (classes, units) float64; the first batches replace them."""
    return l2_normalize(rng.standard_normal((classes, units)))


def distance_forward_centroids_rule(
    activity: Array, labels: Labels, centroids: Array, *, decay: float
) -> Array:
    """Move each centroid towards the mean of its class in this batch.

    m_c <- rho m_c + (1 - rho) mean_(i of class c) z_i, a class that is absent stays.
    A rule, not a derivative of the loss (hence its name).

    Parameters
    ----------
    activity : (batch, units)
    labels : (batch,) whole numbers
    centroids : (classes, units) same dtype
    decay : float in [0, 1)
        rho: share of the old centroid that is kept.

    Returns
    -------
    (classes, units) new array

    Examples
    --------
    >>> import numpy as np
    >>> y, m = np.array([[0.0, 5.0]]), np.eye(2)
    >>> distance_forward_centroids_rule(y, np.array([0]), m, decay=0.75)
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    _check_centroids(centroids, activity)
    _check_decay(decay)
    sums, counts = class_sums(l2_normalize(activity), labels, classes=len(centroids))
    means = class_means(sums, counts, activity.dtype)
    moved = decay * centroids + (1 - decay) * means  # (DF.7)
    return np.where((counts > 0)[:, None], moved, centroids)


def distance_forward(*, scale: float, margin: float = 0.0, decay: float = 0.99) -> Objective:
    """Bind the choices of one layer. Its params are `(centroids,)`: state, not learned.

    Examples
    --------
    >>> import numpy as np
    >>> from ffref.negatives import labelled_context
    >>> context = labelled_context(np.array([0]), np.dtype("float64"))
    >>> objective = distance_forward(scale=5.0, decay=0.75)
    >>> objective.advance(np.array([[0.0, 5.0]]), context, (np.eye(2),))[0][0]
    array([0.75, 0.25])
    """
    check_positive(scale, "scale")
    check_number(margin, "margin")
    _check_decay(decay)

    def advance(activity: Array, context: LayerContext, params: Params) -> Params:
        return (distance_forward_centroids_rule(activity, context.labels, params[0], decay=decay),)

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        labels = context.labels
        forward = _forward(activity, labels, params[0], scale=scale, margin=margin)
        return Evaluation(
            _loss(forward),
            _grad(forward, activity, labels, params[0], scale),
            (),
            goodness=forward.goodness[np.arange(len(labels)), labels],
            accuracy=float((forward.goodness.argmax(axis=1) == labels).mean()),
        )

    return Objective(evaluate, advance)


def _forward(
    activity: Array, labels: Labels, centroids: Array, *, scale: float, margin: float
) -> _Forward:
    _check_centroids(centroids, activity)
    check_labels(labels, len(activity), len(centroids))
    scale, margin = check_positive(scale, "scale"), check_number(margin, "margin")
    rows = np.arange(len(labels))
    direction = l2_normalize(activity)  # (DF.1)
    goodness = _goodness(direction, centroids)
    logits = scale * (goodness - goodness[rows, labels][:, None] + margin)  # (DF.3)
    logits[rows, labels] = 0
    return _Forward(direction, goodness, logits)


def _goodness(direction: Array, centroids: Array) -> Array:
    return negative_squared_distance(direction, centroids)  # (DF.2)


def _loss(forward: _Forward) -> float:
    return float(log_sum_exp(forward.logits).mean())  # (DF.4)


def _grad(
    forward: _Forward, activity: Array, labels: Labels, centroids: Array, scale: float
) -> Array:
    rows = np.arange(len(labels))
    d_logits = softmax(forward.logits)
    d_logits[rows, labels] = 0
    d_logits[rows, labels] = -d_logits.sum(axis=1)
    d_goodness = d_logits * (float(scale) / len(labels))  # (DF.5)
    d_direction, _ = negative_squared_distance_vjp(d_goodness, forward.direction, centroids)
    return l2_normalize_vjp(d_direction, activity)  # (DF.6)


def _check_centroids(centroids: Array, activity: Array) -> None:
    check_matrix(activity, "activity")
    check_matrix(centroids, "centroids")
    require(
        centroids.shape[1] == activity.shape[1] and centroids.dtype == activity.dtype,
        f"centroids must be (classes, {activity.shape[1]}) of dtype {activity.dtype} for this "
        f"activity, got shape {centroids.shape} of {centroids.dtype}",
    )


def _check_decay(decay: float, name: str = "decay") -> None:
    require(0 <= decay < 1, f"{name} must lie in [0, 1), got {decay!r}")


@dataclass(frozen=True)
class Choices:
    """What a user of Distance-Forward may choose."""

    scale: float = setting(default=5.0, help="factor on squared distances", check=check_positive)
    margin: float = setting(
        default=0.0,
        help="how much nearer, in squared distance, the own centroid is to be",
        check=check_number,
    )
    decay: float = setting(
        default=0.99, help="share of a centroid that is kept in a step", check=_check_decay
    )


def _objective(choices: Choices, place: LayerPlace) -> Objective:
    return distance_forward(scale=choices.scale, margin=choices.margin, decay=choices.decay)


def _initial_params(choices: Choices, place: LayerPlace, rng: np.random.Generator) -> OwnParams:
    classes, units = place.classes, place.units
    centroids = distance_forward_initial_centroids(rng, classes=classes, units=units)
    return OwnParams(kept=(centroids,))


def _class_scores(choices: Choices, place: LayerPlace, activity: Array, params: Params) -> Array:
    return distance_forward_class_scores(activity, params[0])


def _logits(choices: Choices, goodness: Array, read: Sequence[LayerPlace]) -> Array:
    return goodness * (choices.scale / len(read))


METHOD = Method(
    name="distance-forward",
    title="DistanceForward",
    summary="Distance-Forward: the goodness of a class is the nearness to its centroid.",
    source="Wu et al. (2024), arXiv:2408.14925; a reconstruction",
    family=OnePass(_class_scores),
    objective=_objective,
    choices=Choices,
    initial_params=_initial_params,
    logits=_logits,
)
