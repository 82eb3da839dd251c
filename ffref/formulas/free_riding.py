"""Free-riding: what is left of a layer's gradient once the layers below have won the pair.

Measures of it, and the weights that remedies give a pair's carried and own margin. All in
logarithms or in functions that stay finite: margins of 1e4 and more are in reach of a
trained network. Derivation: docs/derivations/cumulative.md, equations CUM.1, CUM.4 to
CUM.7 and CUM.9 to CUM.13.
Source: Yousefiramandi (2026), arXiv:2605.06240, Theorem 3.1 and its code's statistics, at second
hand.
"""

import math
from typing import NamedTuple

import numpy as np

from ffref._checks import check_count, check_number, check_positive, require
from ffref.formulas.elementwise import sigmoid, softplus
from ffref.types import Array

STEEPNESS = 4.0
"""beta of the paper."""
REMEDIES = ("none", "per-block", "gated", "depth-scaled", "calibrated")
"""What is done against free-riding, by name."""


class PairWeights(NamedTuple):
    """How much carried and own margin count for each pair: constants in every derivative."""

    carried: float | Array
    """gamma, number or (pairs,)"""
    own: float | Array
    """lambda, number or (pairs,)"""


def cumulative_margin(
    margin: Array, carried_margin: Array, *, carried_weight: float | Array
) -> Array:
    """M = m + gamma P: a layer's own margin, and those of the layers below, (pairs,) each.

    Examples
    --------
    >>> import numpy as np
    >>> cumulative_margin(np.array([1.0]), np.array([3.0]), carried_weight=0.5)
    array([2.5])
    """
    return margin + carried_weight * carried_margin  # (CUM.1)


def log_local_slope(
    margin: Array,
    carried_margin: Array,
    *,
    steepness: float,
    carried_weight: float | Array,
    own_weight: float | Array = 0.0,
) -> Array:
    """Logarithm of how steeply each pair's loss falls in the layer's own margin, (pairs,).

    log(beta (sigmoid(-beta (m + gamma P)) + lambda sigmoid(-beta m)))

    With lambda 0 it is what Theorem 3.1 bounds, by log beta - beta (m + gamma P).

    Parameters
    ----------
    margin, carried_margin : (pairs,)
        m and P.
    steepness : float
        beta.
    carried_weight, own_weight : float or (pairs,)
        gamma and lambda, lambda >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> one = {"steepness": 4.0, "carried_weight": 1.0}
    >>> log_local_slope(np.array([0.0, 1.0]), np.array([0.0, 10.0]), **one).round(4)
    array([  0.6931, -42.6137])
    """
    summed = cumulative_margin(margin, carried_margin, carried_weight=carried_weight)
    with np.errstate(divide="ignore"):  # log 0 = -inf adds nothing
        own = np.log(np.asarray(own_weight, margin.dtype)) - softplus(steepness * margin)
    inherited = -softplus(steepness * summed)
    return math.log(steepness) + np.logaddexp(inherited, own)  # (CUM.9)


def log_gradient_ratio(
    margin: Array, carried_margin: Array, *, steepness: float, carried_weight: float | Array
) -> Array:
    """log R, R = sigmoid(-beta (m + gamma P)) / sigmoid(-beta m): what carrying leaves over.

    For m >= 0 and gamma P >= 0: exp(-beta gamma P) <= R <= 2 exp(-beta gamma P).

    Parameters
    ----------
    margin, carried_margin : (pairs,)
        m and P.
    steepness : float
        beta.
    carried_weight : float or (pairs,)
        gamma.

    Examples
    --------
    >>> import numpy as np
    >>> one = {"steepness": 4.0, "carried_weight": 0.7}
    >>> log_gradient_ratio(np.array([0.1]), np.array([1.5]), **one).round(3)  # R = 0.0248
    array([-3.697])
    """
    own = steepness * margin
    added = steepness * (carried_weight * carried_margin)
    # the same number twice: softplus(u) = u + softplus(-u) saves the digits where both are large
    small = softplus(own) - softplus(own + added)  # (CUM.10)
    large = softplus(-own) - softplus(-own - added) - added  # (CUM.10)
    return np.where((own > 0) & (own + added > 0), large, small)


def free_riding_index(log_ratio: Array, *, own_weight: float | Array = 0.0) -> float:
    """F = mean_p (1 - min(1, R_p + lambda_p)): the share of the slope that is missing.

    0: every pair moves the layer as much as it would without what is carried; 1: none does.
    Without `own_weight` this is the paper's statistic.

    Parameters
    ----------
    log_ratio : (pairs,)
        `log_gradient_ratio`.
    own_weight : float or (pairs,)
        lambda: weight of the layer's own loss that a remedy adds.

    Examples
    --------
    >>> import numpy as np
    >>> round(free_riding_index(np.log([0.25, 4.0])), 6)
    0.375
    """
    missing = -np.expm1(np.minimum(log_ratio, 0)) - own_weight
    return float(np.maximum(missing, 0).mean())  # (CUM.11)


def free_riding_coverage(margin: Array, carried_margin: Array) -> float:
    """Share of pairs with m >= 0 and P >= 0, of which the bounds of R speak.

    Examples
    --------
    >>> import numpy as np
    >>> free_riding_coverage(np.array([1.0, -1.0]), np.array([0.0, 2.0]))
    0.5
    """
    return float(((margin >= 0) & (carried_margin >= 0)).mean())  # (CUM.12)


def separation(margin: Array) -> tuple[float, float]:
    """Mean margin of independent pairs, and its standard error; nan for a single pair.

    Examples
    --------
    >>> import numpy as np
    >>> separation(np.array([1.0, 3.0]))
    (2.0, 1.0)
    """
    count = len(margin)
    spread = float(margin.std(ddof=1)) if count > 1 else float("nan")
    return float(margin.mean()), spread / count**0.5  # (CUM.13)


def hardness_gate(
    carried_margin: Array,
    *,
    carried_weight: float = 1.0,
    gate_steepness: float = 1.0,
    gate_center: float = 0.0,
) -> Array:
    """gamma_p = gamma_0 sigmoid(tau (kappa - P_p)): a pair that is won inherits less.

    Parameters
    ----------
    carried_margin : (pairs,)
        P. A constant, so that the gate is one too.
    carried_weight : float
        gamma_0; the paper's runs have 0.7.
    gate_steepness, gate_center : float
        tau and kappa.

    Returns
    -------
    (pairs,) same dtype

    Examples
    --------
    >>> import numpy as np
    >>> hardness_gate(np.array([0.0, 1e4, -1e4]), carried_weight=0.7)
    array([0.35, 0.  , 0.7 ])
    """
    gamma = check_number(carried_weight, "carried_weight")
    tau = check_number(gate_steepness, "gate_steepness")
    kappa = check_number(gate_center, "gate_center")
    return gamma * sigmoid(tau * (kappa - carried_margin))  # (CUM.4)


def depth_weights(
    carried_margin: Array, *, depth: int, layers: int, steepness: float = STEEPNESS
) -> Array:
    """lambda_p = lambda_d w_p: the own loss counts more, the deeper and the harder.

    lambda_d = (1 + 3 d / (layers - 1)) / 4
    w_p = sigmoid(-beta P_p) / mean_q sigmoid(-beta P_q)

    Parameters
    ----------
    carried_margin : (pairs,)
        P. A constant, so that the weights are too.
    depth : int
        d: layers below this one, 0 .. layers - 1.
    layers : int
    steepness : float
        beta > 0.

    Returns
    -------
    (pairs,) same dtype
        Of mean lambda_d: 0.25 at the first layer, 1 at the last of several.

    Examples
    --------
    >>> import numpy as np
    >>> depth_weights(np.array([1e4, -1e4]), depth=1, layers=4)  # all on the pair that is lost
    array([0., 1.])
    """
    check_depth(depth, layers)
    scale = (1 + 3 * depth / max(layers - 1, 1)) / 4  # (CUM.5)
    log_hard = -softplus(check_positive(steepness, "steepness") * carried_margin)
    hard = np.exp(log_hard - log_hard.max())  # one factor for all leaves the quotient as it is
    return scale * (hard / hard.mean())  # (CUM.6)


def calibrated_weights(
    margin: Array,
    carried_margin: Array,
    *,
    target: float = 1.0,
    steepness: float = STEEPNESS,
    carried_weight: float = 1.0,
) -> Array:
    """lambda_p = max(0, c - R_p): what lifts the slope to c times that of the own loss.

    R_p = sigmoid(-beta M_p) / sigmoid(-beta m_p)

    It is made of this layer's margin, and yet held fixed in the derivative: see
    `ffref.objectives.cumulative.calibrated_rule`.

    Parameters
    ----------
    margin, carried_margin : (pairs,)
        m and P.
    target : float
        c > 0.
    steepness : float
        beta > 0.
    carried_weight : float
        gamma.

    Returns
    -------
    (pairs,) same dtype

    Examples
    --------
    >>> import numpy as np
    >>> calibrated_weights(np.zeros(2), np.array([0.0, 1e4]), target=3.0)
    array([2., 3.])
    """
    check_positive(target, "target")
    log_ratio = log_gradient_ratio(
        margin,
        carried_margin,
        steepness=check_positive(steepness, "steepness"),
        carried_weight=check_number(carried_weight, "carried_weight"),
    )
    return -target * np.expm1(np.minimum(log_ratio - math.log(target), 0))  # (CUM.7)


def remedy_weights(
    margin: Array,
    carried_margin: Array,
    *,
    remedy: str,
    depth: int,
    layers: int,
    steepness: float = STEEPNESS,
    carried_weight: float = 1.0,
) -> PairWeights:
    """gamma and lambda of each pair under a remedy of `REMEDIES`.

    Arguments as in `ffref.objectives.cumulative.cumulative`.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> remedy_weights(one, one, remedy="per-block", depth=1, layers=2)
    PairWeights(carried=0.0, own=0.0)
    """
    if remedy == "per-block":
        return PairWeights(0.0, 0.0)
    if remedy == "gated":
        return PairWeights(hardness_gate(carried_margin, carried_weight=carried_weight), 0.0)
    own: float | Array = 0.0
    if remedy == "depth-scaled":
        own = depth_weights(carried_margin, depth=depth, layers=layers, steepness=steepness)
    elif remedy == "calibrated":
        own = calibrated_weights(
            margin, carried_margin, steepness=steepness, carried_weight=carried_weight
        )
    return PairWeights(carried_weight, own)


def check_depth(depth: int, layers: int) -> None:
    """`depth` counts the layers below one of `layers`."""
    check_count(layers, "layers")
    require(
        0 <= depth < layers,
        f"depth must lie in 0 .. {layers - 1}, for it counts the layers below, got {depth!r}",
    )
