"""The objective of one layer: the choices of HFF, bound."""

import math

import numpy as np

from ffref._checks import require
from ffref.formulas.softmax import check_label_smoothing
from ffref.objectives.hff.kinds import MARGINS
from ffref.objectives.hff.passes import (
    Choices,
    Margin,
    check_temperature,
    pull_logits,
    pull_scores,
    pull_temperature,
    run,
)
from ffref.objectives.hff.prototypes import hff_fault, hff_prototypes_ema_rule
from ffref.objectives.hff.sphere import on_sphere
from ffref.types import Array, Evaluation, LayerContext, Objective, Params


def hff(
    *,
    temperature: float,
    sharpness: float | None = None,
    margin: float = 0.0,
    label_smoothing: float = 0.0,
    prototype_update: str = "gradient",
    ema_decay: float = 0.99,
    margin_kind: str = "additive-cosine",
    learn_temperature: bool = False,
) -> Objective:
    """Bind the choices of one layer. Its params are `hff_params(prototypes, ...)`.

    Parameters
    ----------
    temperature : float
        T > 0; with `learn_temperature` only where it starts, see `hff_params`.
    sharpness : float, optional
        None means 1 / temperature, of the temperature that is learned where one is.
    margin : float
        In the units of its kind: a cosine, radians, or a whole factor.
    label_smoothing : float
        0 for the kinds "pairwise" and "hardest", which have no targets to smooth.
    prototype_update : {"gradient", "ema"}
        Prototypes that are learned and return to the sphere after each step; or state that
        follows the class means.
    ema_decay : float in [0, 1)
    margin_kind : str
        A name in `ffref.objectives.hff.kinds.MARGINS`.
    learn_temperature : bool
        The logarithm of the temperature is learned by gradient, so that it stays positive.

    Examples
    --------
    >>> import numpy as np
    >>> from ffref.negatives import labelled_context
    >>> params = hff_params(np.eye(2), temperature=0.1, learn_temperature=True)
    >>> objective = hff(temperature=0.1, learn_temperature=True)
    >>> context = labelled_context(np.array([1]), np.dtype("float64"))
    >>> d_log_temperature, _ = objective.grads(np.array([[3.0, 4.0]]), context, params)[1]
    >>> d_log_temperature.round(6)  # T dL/dT = 2 / (1 + e^2)
    array([0.238406])
    """
    kind = _checked_kind(margin_kind, margin, label_smoothing)
    require(
        prototype_update in ("gradient", "ema"),
        f'prototype_update must be "gradient" or "ema", got {prototype_update!r}',
    )
    require(0 <= ema_decay < 1, f"ema_decay must lie in [0, 1), got {ema_decay!r}")
    check_temperature(temperature, sharpness)
    bound = Choices(temperature, sharpness, margin, label_smoothing)
    by_gradient = prototype_update == "gradient"

    def choices(params: Params) -> Choices:
        return bound._replace(temperature=hff_temperature(params)) if learn_temperature else bound

    def advance(activity: Array, context: LayerContext, params: Params) -> Params:
        *others, prototypes = params
        if by_gradient:
            return (*others, on_sphere(prototypes))
        _, beta = check_temperature(choices(params).temperature, sharpness)
        moved = hff_prototypes_ema_rule(
            activity, context.labels, prototypes, sharpness=beta, decay=ema_decay
        )
        return (*others, moved)

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        labels, own = context.labels, choices(params)
        seen = run(kind, own, activity, labels, params[-1])
        back = pull_logits(kind, own, seen, labels)
        d_activity, d_prototypes = pull_scores(seen, labels, back)
        d_params = (d_prototypes.reshape(params[-1].shape),) if by_gradient else ()
        if learn_temperature:
            slope = pull_temperature(seen, labels, back, sharpness_follows=sharpness is None)
            d_log = np.array([slope * seen.temperature], activity.dtype)  # (HFF.32)
            d_params = (d_log, *d_params)
        return Evaluation(
            kind.loss(seen.logits, labels, label_smoothing),
            d_activity,
            d_params,
            goodness=seen.score[np.arange(len(labels)), labels],
            accuracy=float((seen.score.argmax(axis=1) == labels).mean()),
        )

    return Objective(evaluate, advance, fault=lambda params: hff_fault(params[-1]))


def hff_params(prototypes: Array, *, temperature: float, learn_temperature: bool) -> Params:
    """Arrays of a layer: the prototypes, before them the logarithm of a learned temperature.

    Examples
    --------
    >>> import numpy as np
    >>> hff_params(np.eye(2), temperature=1.0, learn_temperature=True)[0]
    array([0.])
    """
    if not learn_temperature:
        return (prototypes,)
    return (np.log([temperature], dtype=prototypes.dtype), prototypes)


def hff_temperature(params: Params) -> float:
    """Learned temperature of a layer; ArithmeticError if learning has driven it out of range."""
    log_temperature = float(params[0][0])
    if not -60 < log_temperature < 60:
        raise ArithmeticError(
            f"the logarithm of a learned temperature became {log_temperature:.3g}; try a lower "
            f"learning rate, or a fixed temperature"
        )
    return math.exp(log_temperature)


def _checked_kind(margin_kind: str, margin: float, label_smoothing: float) -> Margin:
    require(
        margin_kind in MARGINS,
        f"margin_kind must be one of {', '.join(MARGINS)}, got {margin_kind!r}",
    )
    kind = MARGINS[margin_kind]
    kind.check(margin)
    check_label_smoothing(label_smoothing)
    require(
        kind.smooths or label_smoothing == 0,
        f"margin_kind {margin_kind!r} knows no label_smoothing, got {label_smoothing!r}; set it "
        f"to 0",
    )
    return kind
