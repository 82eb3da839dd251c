"""Hyperspherical Forward-Forward: each layer classifies by cosines to learned prototypes.

Paper: Sarode, Moser et al., "Hyperspherical Forward-Forward with Prototypical Representations",
arXiv:2605.00082v1. The exact loss was not readable; this is a reconstruction that fits every
fact known of it (docs/derivations/hff.md says which).
Derivation: docs/derivations/hff.md, equations HFF.1 to HFF.14.
"""

from typing import NamedTuple, TypedDict

import numpy as np

from ffref._checks import check_labels, check_matrix, check_number, check_positive, require
from ffref.formulas import (
    l2_normalize,
    log_mean_exp,
    log_mean_exp_grad,
    softmax_cross_entropy,
    softmax_cross_entropy_grad,
)
from ffref.formulas.norms import l2_direction, l2_direction_vjp
from ffref.formulas.softmax import check_label_smoothing
from ffref.kernels import matmul, matmul_nt, matmul_tn
from ffref.types import Array, Evaluation, Labels, LayerContext, Objective, Params


class _Choices(TypedDict):
    """The hyperparameters that `hff` binds."""

    temperature: float
    sharpness: float | None
    margin: float
    label_smoothing: float


class _Sphere(NamedTuple):
    """Activity and prototypes on the unit sphere, and how far they agree."""

    direction: Array
    """(batch, units) z"""
    length: Array
    """(batch, 1) of the activity"""
    prototype_direction: Array
    """(classes * per_class, units) q"""
    prototype_length: Array
    """(classes * per_class, 1)"""
    cosine: Array
    """(batch, classes, per_class)"""


class _Forward(NamedTuple):
    """What loss, gradients and accuracy are made of."""

    sphere: _Sphere
    score: Array
    """(batch, classes) S"""
    logits: Array
    """(batch, classes)"""


def hff_loss(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    sharpness: float | None = None,
    margin: float = 0.0,
    label_smoothing: float = 0.0,
) -> float:
    """Mean cross-entropy of a softmax over the classes' prototype scores.

    z = y / ||y||,  q_ck = p_ck / ||p_ck||
    S_c = (1 / beta) log mean_k exp(beta z . q_ck)
    L = mean_i cross_entropy(softmax((S_i - m onehot(label_i)) / T), label_i)

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        y: after the nonlinearity, before normalisation. A zero row has cosine 0 to all.
    labels : (batch,) whole numbers in 0 .. classes - 1
    prototypes : (classes, units) or (classes, prototypes_per_class, units), same dtype
        p: of any length but zero, divided by it inside.
    temperature : float
        T > 0: divides the class scores.
    sharpness : float, optional
        beta > 0: how sharply the score of a class follows its nearest prototype;
        None means 1 / temperature.
    margin : float
        m: subtracted from the true class's score, in units of a cosine.
    label_smoothing : float in [0, 1)
        Share of each label that is spread evenly over all classes.

    Returns
    -------
    float
        Mean over the batch; 0 for one class.

    Raises
    ------
    ValueError
        If a shape, dtype, label or hyperparameter is out of range, or a prototype is zero.

    See Also
    --------
    hff_loss_grads : its derivatives.

    References
    ----------
    Sarode, Moser et al. (2026), arXiv:2605.00082v1; reconstruction, see docs/derivations/hff.md.

    Examples
    --------
    Two classes along the axes, one sample in between at cosines 0.6 and 0.8:

    >>> import numpy as np
    >>> y, p = np.array([[3.0, 4.0]]), np.eye(2)
    >>> round(hff_loss(y, np.array([1]), p, temperature=0.1), 6)  # softplus((0.6 - 0.8) / 0.1)
    0.126928
    """
    forward = _forward(
        activity, labels, prototypes, temperature=temperature, sharpness=sharpness, margin=margin
    )
    return _loss(forward, labels, label_smoothing)


def hff_loss_grads(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    sharpness: float | None = None,
    margin: float = 0.0,
    label_smoothing: float = 0.0,
) -> tuple[Array, Array]:
    """Derivatives of `hff_loss` in `activity` and `prototypes`, same shapes and dtype.

    Each is orthogonal to what it is the derivative in: the loss does not see lengths.
    """
    forward = _forward(
        activity, labels, prototypes, temperature=temperature, sharpness=sharpness, margin=margin
    )
    d_activity, d_prototypes = _backward(
        forward,
        labels,
        temperature=float(temperature),
        sharpness=_sharpness(temperature, sharpness),
        label_smoothing=label_smoothing,
    )
    return d_activity, d_prototypes.reshape(prototypes.shape)


def hff_class_scores(activity: Array, prototypes: Array, *, sharpness: float) -> Array:
    """Score of each class, S_c = (1 / beta) log mean_k exp(beta cos_ck), at most 1.

    Parameters
    ----------
    activity : (batch, units) float32 or float64
    prototypes : (classes, units) or (classes, prototypes_per_class, units), same dtype
    sharpness : float
        beta > 0.

    Returns
    -------
    (batch, classes) same dtype

    Examples
    --------
    >>> import numpy as np
    >>> hff_class_scores(np.array([[3.0, 4.0]]), np.eye(2), sharpness=10.0)
    array([[0.6, 0.8]])
    """
    beta = check_positive(sharpness, "sharpness")
    return _scores(_sphere(activity, prototypes), beta)


def hff_initial_prototypes(
    rng: np.random.Generator, *, classes: int, prototypes_per_class: int, units: int
) -> Array:
    """Random unit vectors, (classes, prototypes_per_class, units) float64."""
    return _on_sphere(rng.standard_normal((classes, prototypes_per_class, units)))


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
    sphere = _sphere(activity, prototypes)
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
    return _on_sphere(np.where(kept, prototype_direction, moved))  # (HFF.14)


def hff(
    *,
    temperature: float,
    sharpness: float | None = None,
    margin: float = 0.0,
    label_smoothing: float = 0.0,
    prototype_update: str = "gradient",
    ema_decay: float = 0.99,
) -> Objective:
    """Bind the choices of one layer. Its params are `(prototypes,)`.

    With `prototype_update="gradient"` the prototypes are learned and return to the sphere after
    each step; with "ema" they are state that follows the class means.
    """
    require(
        prototype_update in ("gradient", "ema"),
        f'prototype_update must be "gradient" or "ema", got {prototype_update!r}',
    )
    require(0 <= ema_decay < 1, f"ema_decay must lie in [0, 1), got {ema_decay!r}")
    check_number(margin, "margin")
    check_label_smoothing(label_smoothing)
    choices: _Choices = {
        "temperature": temperature,
        "sharpness": sharpness,
        "margin": margin,
        "label_smoothing": label_smoothing,
    }
    beta = _sharpness(temperature, sharpness)

    def loss(activity: Array, context: LayerContext, params: Params) -> float:
        return hff_loss(activity, context.labels, params[0], **choices)

    def grads(activity: Array, context: LayerContext, params: Params) -> tuple[Array, Params]:
        d_activity, d_prototypes = hff_loss_grads(activity, context.labels, params[0], **choices)
        return d_activity, (d_prototypes,) if prototype_update == "gradient" else ()

    def advance(activity: Array, context: LayerContext, params: Params) -> Params:
        if prototype_update == "gradient":
            return (_on_sphere(params[0]),)
        moved = hff_prototypes_ema_rule(
            activity, context.labels, params[0], sharpness=beta, decay=ema_decay
        )
        return (moved,)

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        labels = context.labels
        forward = _forward(
            activity,
            labels,
            params[0],
            temperature=temperature,
            sharpness=sharpness,
            margin=margin,
        )
        d_activity, d_prototypes = _backward(
            forward,
            labels,
            temperature=float(temperature),
            sharpness=beta,
            label_smoothing=label_smoothing,
        )
        return Evaluation(
            _loss(forward, labels, label_smoothing),
            d_activity,
            (d_prototypes.reshape(params[0].shape),) if prototype_update == "gradient" else (),
            goodness=forward.score[np.arange(len(labels)), labels],
            accuracy=float((forward.score.argmax(axis=1) == labels).mean()),
        )

    return Objective(loss, grads, advance, evaluate)


def _forward(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    sharpness: float | None,
    margin: float,
) -> _Forward:
    margin = check_number(margin, "margin")
    beta = _sharpness(temperature, sharpness)
    sphere = _sphere(activity, prototypes)
    check_labels(labels, len(activity), len(prototypes))
    score = _scores(sphere, beta)
    handicapped = score.copy()
    handicapped[np.arange(len(labels)), labels] -= margin
    return _Forward(sphere, score, handicapped / float(temperature))  # (HFF.5)


def _loss(forward: _Forward, labels: Labels, label_smoothing: float) -> float:
    return softmax_cross_entropy(
        forward.logits, labels, label_smoothing=label_smoothing
    )  # (HFF.6)


def _backward(
    forward: _Forward,
    labels: Labels,
    *,
    temperature: float,
    sharpness: float,
    label_smoothing: float,
) -> tuple[Array, Array]:
    """d_activity (batch, units), and d_prototypes as rows (classes * per_class, units)."""
    sphere, score, logits = forward
    d_logits = softmax_cross_entropy_grad(logits, labels, label_smoothing=label_smoothing)
    d_score = d_logits / temperature  # (HFF.7)
    share = log_mean_exp_grad(sphere.cosine, scale=sharpness)
    d_cosine = (d_score[:, :, None] * share).reshape(len(score), -1)  # (HFF.8)
    d_direction = matmul(d_cosine, sphere.prototype_direction)  # (HFF.9)
    d_activity = l2_direction_vjp(d_direction, sphere.direction, sphere.length)  # (HFF.10)
    d_prototype_direction = matmul_tn(d_cosine, sphere.direction)  # (HFF.11)
    d_prototypes = l2_direction_vjp(
        d_prototype_direction, sphere.prototype_direction, sphere.prototype_length
    )  # (HFF.12)
    return d_activity, d_prototypes


def _scores(sphere: _Sphere, sharpness: float) -> Array:
    return log_mean_exp(sphere.cosine, scale=sharpness)  # (HFF.4)


def _sphere(activity: Array, prototypes: Array) -> _Sphere:
    check_matrix(activity, "activity")
    _check_prototypes(prototypes, activity)
    direction, length = l2_direction(activity)  # (HFF.1)
    prototype_direction, prototype_length = l2_direction(_rows(prototypes))  # (HFF.2)
    cosine = matmul_nt(direction, prototype_direction)  # (HFF.3)
    cosine = cosine.reshape(len(activity), len(prototypes), -1)
    return _Sphere(direction, length, prototype_direction, prototype_length, cosine)


def _check_prototypes(prototypes: Array, activity: Array) -> None:
    if not (
        prototypes.ndim in (2, 3)
        and prototypes.size > 0
        and prototypes.shape[-1] == activity.shape[1]
        and prototypes.dtype == activity.dtype
    ):
        raise ValueError(
            f"prototypes must be (classes, {activity.shape[1]}) or (classes, "
            f"prototypes_per_class, {activity.shape[1]}) of dtype {activity.dtype} for this "
            f"activity, got shape {prototypes.shape} of {prototypes.dtype}"
        )
    has_direction = np.any(_rows(prototypes), axis=1)
    if not has_direction.all():
        raise ValueError(
            f"prototypes must not be zero: a zero vector has no direction. Row "
            f"{int(has_direction.argmin())} is; draw it at random (hff_initial_prototypes)"
        )


def _rows(prototypes: Array) -> Array:
    return prototypes.reshape(-1, prototypes.shape[-1])


def _on_sphere(prototypes: Array) -> Array:
    return l2_normalize(_rows(prototypes)).reshape(prototypes.shape)


def _sharpness(temperature: float, sharpness: float | None) -> float:
    temperature = check_positive(temperature, "temperature")
    require(
        1e-30 < temperature < 1e30,
        f"temperature must lie between 1e-30 and 1e30, got {temperature!r}",
    )
    return 1 / temperature if sharpness is None else check_positive(sharpness, "sharpness")
