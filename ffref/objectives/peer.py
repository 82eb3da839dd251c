"""Peer normalisation: units of a layer are kept about equally active on positive samples.

Source: the official Matlab code of Hinton (2022), arXiv:2212.13345; the paper names the method
without a formula. Derivation: docs/derivations/peer.md, equations PEER.1 to PEER.6.

Two forms, each an addition to another objective. `peer_rule` is Hinton's: a push on every unit's
weighted sum, silent units included, so it is the derivative of no loss of the activity.
`peer_loss` is the form that codes with autodiff use; its gradient is the rule's times
2 (1 - momentum) / units, and stops at silent units.
"""

from collections.abc import Callable

import numpy as np

from ffref._checks import check_floating, check_number, check_polarity, require
from ffref.types import Array, Census, Evaluation, Labels, LayerContext, Objective, Params

PEER_STRENGTH = 0.03
"""lambda of Hinton's code."""
PEER_MOMENTUM = 0.9
"""Share of the old running mean that Hinton's code keeps."""
PEER_START = 0.5
"""Running mean of every unit before the first step, in Hinton's code."""


def peer_initial_mean(units: int, dtype: np.dtype) -> Array:
    """Running mean before the first step: 0.5 for each unit, (units,).

    Examples
    --------
    >>> import numpy as np
    >>> peer_initial_mean(2, np.dtype("float64"))
    array([0.5, 0.5])
    """
    return np.full(units, PEER_START, dtype)


def peer_running_mean(
    activity: Array, polarity: Array, running_mean: Array, *, momentum: float
) -> Array:
    """Move the running mean of each unit's activity towards this batch's positive rows.

    m' = rho m + (1 - rho) mean_(i positive) y_i

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        y: after the nonlinearity.
    polarity : (batch,)
        +1 for a positive sample, -1 for a negative one, which is left out.
    running_mean : (units,) same dtype
        m, from before this batch.
    momentum : float in [0, 1)
        rho: share of the old mean that is kept.

    Returns
    -------
    (units,) new array; equal to `running_mean` if no row is positive

    Raises
    ------
    ValueError
        If a shape, dtype or hyperparameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0, 0.0], [7.0, 7.0]])
    >>> peer_running_mean(y, np.array([1.0, -1.0]), np.array([0.5, 0.5]), momentum=0.9)
    array([0.55, 0.45])
    """
    polarity = check_polarity(activity, polarity)
    _check_mean(running_mean, activity)
    momentum = _check_momentum(momentum)
    positive = polarity > 0
    if not positive.any():
        return running_mean.copy()
    batch_mean = activity[positive].mean(axis=0)
    return momentum * running_mean + (1 - momentum) * batch_mean  # (PEER.1)


def peer_rule(
    activity: Array, polarity: Array, running_mean: Array, *, strength: float, momentum: float
) -> Array:
    """Push on each unit's weighted sum, (batch, units), of the sign of a gradient (to descend).

    lambda / P (m'_j - mean_k m'_k) in each of the P positive rows, 0 in negative ones

    m' is `peer_running_mean` of this batch. A rule, not a derivative in the activity: it acts
    behind the relu, so that silent units are pushed too. It is the derivative of
    `peer_surrogate_loss`, in which m' is a constant.

    Parameters
    ----------
    activity, polarity, running_mean, momentum
        As in `peer_running_mean`.
    strength : float
        lambda.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0, 0.0], [7.0, 7.0]])  # m' = (0.55, 0.45)
    >>> s, m = np.array([1.0, -1.0]), np.array([0.5, 0.5])
    >>> peer_rule(y, s, m, strength=2.0, momentum=0.9).round(9)[0]
    array([ 0.1, -0.1])
    """
    moved = peer_running_mean(activity, polarity, running_mean, momentum=momentum)
    weight = check_number(strength, "strength") * _share_of_positives(activity, polarity)
    return weight[:, None] * _deviation(moved)  # (PEER.4)


def peer_surrogate_loss(
    preactivation: Array, polarity: Array, moved_mean: Array, *, strength: float
) -> float:
    """Loss whose derivative in the weighted sums is `peer_rule`, with m' a stored constant.

    L = lambda mean_(i positive) sum_j (m'_j - mean_k m'_k) a_ij

    Parameters
    ----------
    preactivation : (batch, units)
        a: the weighted sums, before the relu.
    polarity : (batch,)
    moved_mean : (units,)
        m': what `peer_running_mean` returned; frozen.
    strength : float

    Examples
    --------
    >>> import numpy as np
    >>> a, s = np.array([[1.0, -2.0]]), np.array([1.0])
    >>> round(peer_surrogate_loss(a, s, np.array([0.55, 0.45]), strength=2.0), 9)
    0.3
    """
    polarity = check_polarity(preactivation, polarity)
    _check_mean(moved_mean, preactivation)
    rows = (preactivation * _deviation(moved_mean)).sum(axis=1)
    share = _share_of_positives(preactivation, polarity)
    return check_number(strength, "strength") * float((share * rows).sum())  # (PEER.3)


def peer_loss(
    activity: Array, polarity: Array, running_mean: Array, *, strength: float, momentum: float
) -> float:
    """Spread of the moved running means over the units, as codes with autodiff have it.

    L = lambda mean_j (m'_j - mean_k m'_k)^2

    Here m' depends on the activity through `peer_running_mean`. Source: loeweX/Forward-Forward
    da516f0.

    Parameters
    ----------
    activity, polarity, running_mean, momentum
        As in `peer_running_mean`.
    strength : float
        lambda.

    Examples
    --------
    >>> import numpy as np
    >>> y, s, m = np.array([[1.0, 0.0]]), np.array([1.0]), np.array([0.5, 0.5])
    >>> round(peer_loss(y, s, m, strength=4.0, momentum=0.9), 9)  # 4 * 0.05^2
    0.01
    """
    moved = peer_running_mean(activity, polarity, running_mean, momentum=momentum)
    spread = float((_deviation(moved) ** 2).mean())
    return check_number(strength, "strength") * spread  # (PEER.5)


def peer_loss_grad(
    activity: Array, polarity: Array, running_mean: Array, *, strength: float, momentum: float
) -> Array:
    """Derivative of `peer_loss` in `activity`, (batch, units) -> (batch, units)."""
    moved = peer_running_mean(activity, polarity, running_mean, momentum=momentum)
    factor = 2 * check_number(strength, "strength") * (1 - float(momentum)) / len(moved)
    weight = factor * _share_of_positives(activity, polarity)
    return weight[:, None] * _deviation(moved)  # (PEER.6)


def with_peer_rule(
    objective: Objective, *, strength: float = PEER_STRENGTH, momentum: float = PEER_MOMENTUM
) -> Objective:
    """`objective` with Hinton's peer normalisation; its params get the running mean behind them.

    `loss` and `grads` stay those of `objective`. `evaluate` brings the rule as
    `Evaluation.d_preactivation`, which a step adds behind the relu's gate.

    Examples
    --------
    >>> import numpy as np
    >>> from ffref.negatives import paired_context
    >>> from ffref.objectives.ff import ff
    >>> objective = with_peer_rule(ff(threshold=1.0))
    >>> context = paired_context(np.array([0]), np.dtype("float64"))
    >>> objective.advance(np.array([[1.0], [3.0]]), context, (np.array([0.5]),))
    (array([0.55]),)
    """
    choices = {
        "strength": check_number(strength, "strength"),
        "momentum": _check_momentum(momentum),
    }

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        evaluation = objective.evaluate(activity, context, params[:-1])
        rule = peer_rule(activity, context.polarity, params[-1], **choices)
        if evaluation.d_preactivation is not None:
            rule += evaluation.d_preactivation
        return evaluation._replace(d_preactivation=rule)

    return _with_mean(objective, evaluate, choices["momentum"])


def with_peer_loss(
    objective: Objective, *, strength: float = PEER_STRENGTH, momentum: float = PEER_MOMENTUM
) -> Objective:
    """`objective` plus `peer_loss`; its params get the running mean behind them."""
    choices = {
        "strength": check_number(strength, "strength"),
        "momentum": _check_momentum(momentum),
    }

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        plain = objective.evaluate(activity, context, params[:-1])
        polarity, running_mean = context.polarity, params[-1]
        return plain._replace(
            loss=plain.loss + peer_loss(activity, polarity, running_mean, **choices),
            d_activity=plain.d_activity
            + peer_loss_grad(activity, polarity, running_mean, **choices),
        )

    return _with_mean(objective, evaluate, choices["momentum"])


def _with_mean(
    objective: Objective,
    evaluate: Callable[[Array, LayerContext, Params], Evaluation],
    momentum: float,
) -> Objective:
    """`objective` with another `evaluate`, whose params have the running mean behind them."""

    def advance(activity: Array, context: LayerContext, params: Params) -> Params:
        moved = peer_running_mean(activity, context.polarity, params[-1], momentum=momentum)
        return (*objective.advance(activity, context, params[:-1]), moved)

    return objective._replace(
        evaluate=evaluate,
        advance=advance,
        census=_before_mean(objective.census),
        fault=lambda params: objective.fault(params[:-1]),
    )


def _before_mean(census: Census | None) -> Census | None:
    """Census of an objective whose params have the running mean behind them."""
    if census is None:
        return None

    def sums(activity: Array, labels: Labels, params: Params) -> tuple[Array, ...]:
        return census.sums(activity, labels, params[:-1])

    def params_after(params: Params, sums: tuple[Array, ...]) -> Params:
        return (*census.params(params[:-1], sums), params[-1])

    return Census(sums, params_after)


def _deviation(moved_mean: Array) -> Array:
    """How much more active each unit is than its peers."""
    return moved_mean - moved_mean.mean()  # (PEER.2)


def _share_of_positives(activity: Array, polarity: Array) -> Array:
    """1 / P in each of the P positive rows, 0 in the others, in the activity's dtype."""
    positive = np.asarray(polarity) > 0
    return positive / activity.dtype.type(max(int(positive.sum()), 1))


def _check_momentum(momentum: float) -> float:
    momentum = check_number(momentum, "momentum")
    require(
        0 <= momentum < 1,
        f"momentum must lie in [0, 1), got {momentum!r}; it is the share of the old mean",
    )
    return momentum


def _check_mean(mean: Array, activity: Array) -> None:
    check_floating(mean, "running_mean")
    require(
        mean.shape == activity.shape[1:] and mean.dtype == activity.dtype,
        f"running_mean must be ({activity.shape[1]},) of {activity.dtype} for this activity, got "
        f"shape {mean.shape} of {mean.dtype}; start with peer_initial_mean",
    )
