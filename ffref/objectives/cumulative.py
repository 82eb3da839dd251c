"""Cumulative goodness: a layer is judged by its own margin and that of the layers below.

Paper: Yousefiramandi, "Cumulative-Goodness Free-Riding in Forward-Forward Networks: Real,
Repairable, but Not Accuracy-Dominant", arXiv:2605.06240v1, at second hand.
Derivation: docs/derivations/cumulative.md, equations CUM.1 to CUM.13. What counts how much, and
how much of a layer's gradient is left, is in `ffref.formulas.free_riding`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffref._checks import check_number, check_polarity, check_positive, require
from ffref.formulas import MEAN_OF_SQUARES, sigmoid, softplus
from ffref.formulas.free_riding import (
    REMEDIES,
    STEEPNESS,
    PairWeights,
    calibrated_weights,
    check_depth,
    cumulative_margin,
    remedy_weights,
)
from ffref.formulas.pairs import Pairs, pair_margin, pair_margin_vjp, pair_rows
from ffref.method import Contrastive, LayerPlace, Method, setting
from ffref.types import Array, Evaluation, Goodness, LayerContext, Objective, Params


def cumulative_loss(
    activity: Array,
    polarity: Array,
    partner: NDArray[np.int64],
    carried_margin: Array,
    *,
    steepness: float = STEEPNESS,
    carried_weight: float | Array = 1.0,
    own_weight: float | Array = 0.0,
    goodness: Goodness = MEAN_OF_SQUARES,
) -> float:
    """Mean softplus loss of the margins of pairs, with those of the layers below added.

    m_p = g+_p - g-_p,  M_p = m_p + gamma_p P_p
    L = mean_p (softplus(-beta M_p) + lambda_p softplus(-beta m_p))

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        y: after the nonlinearity, before normalisation.
    polarity : (batch,)
        +1 for a positive row, -1 for a negative one.
    partner : (batch,) whole numbers
        The other row of the pair; -1 for a row in no pair, which costs nothing.
    carried_margin : (batch,)
        P, in both rows of a pair, as in `LayerContext`: summed over the layers below, a constant.
    steepness : float
        beta > 0. It belongs to the *mean* of squares; for their sum divide it by the units.
    carried_weight : float or (pairs,)
        gamma: how much of P is inherited; 0 leaves each layer to itself. A constant.
    own_weight : float or (pairs,)
        lambda: weight of the layer's own loss beside it. A constant. Remedies against
        free-riding make these two: `hardness_gate`, `depth_weights`, `calibrated_weights`.
    goodness : Goodness
        Maps activity to g, (batch, units) -> (batch,).

    Returns
    -------
    float
        Mean over the pairs.

    Raises
    ------
    ValueError
        If there is no pair, partners are not mutual, or a shape or number is out of range.

    See Also
    --------
    cumulative_loss_grad : its derivative.

    References
    ----------
    Yousefiramandi (2026), arXiv:2605.06240v1, at second hand.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[2.0, 0.0], [1.0, 1.0]])  # mean of squares 2 and 1: margin 1
    >>> s, partner, carried = np.array([1.0, -1.0]), np.array([1, 0]), np.array([3.0, 3.0])
    >>> round(cumulative_loss(y, s, partner, carried, steepness=0.5), 6)  # softplus(-(1 + 3) / 2)
    0.126928
    """
    pairs, carried = _pairs_and_carried(activity, polarity, partner, carried_margin)
    margin = pair_margin(goodness.value(activity), pairs)
    weights = _check_weights(carried_weight, own_weight, margin)
    return _loss(margin, carried, check_positive(steepness, "steepness"), weights)


def cumulative_loss_grad(
    activity: Array,
    polarity: Array,
    partner: NDArray[np.int64],
    carried_margin: Array,
    *,
    steepness: float = STEEPNESS,
    carried_weight: float | Array = 1.0,
    own_weight: float | Array = 0.0,
    goodness: Goodness = MEAN_OF_SQUARES,
) -> Array:
    """Derivative of `cumulative_loss` in `activity`, (batch, units) -> (batch, units)."""
    pairs, carried = _pairs_and_carried(activity, polarity, partner, carried_margin)
    margin = pair_margin(goodness.value(activity), pairs)
    weights = _check_weights(carried_weight, own_weight, margin)
    beta = check_positive(steepness, "steepness")
    return _grad(margin, carried, beta, weights, pairs, goodness.grad(activity))


def calibrated_rule(
    activity: Array,
    polarity: Array,
    partner: NDArray[np.int64],
    carried_margin: Array,
    *,
    target: float = 1.0,
    steepness: float = STEEPNESS,
    carried_weight: float = 1.0,
    goodness: Goodness = MEAN_OF_SQUARES,
) -> Array:
    """Push of `cumulative_loss` with `calibrated_weights`, these held fixed.

    It is the derivative of that loss with its weights stored, not with its weights computed
    anew. Its slope in a pair's margin is -(beta / P) max(sigmoid(-beta M), c sigmoid(-beta m)).

    Parameters
    ----------
    activity, polarity, partner, carried_margin, steepness, goodness
        As in `cumulative_loss`.
    target, carried_weight
        As in `calibrated_weights`.

    Returns
    -------
    (batch, units) same dtype
    """
    pairs, carried = _pairs_and_carried(activity, polarity, partner, carried_margin)
    margin = pair_margin(goodness.value(activity), pairs)
    beta = check_positive(steepness, "steepness")
    own = calibrated_weights(
        margin, carried, target=target, steepness=beta, carried_weight=carried_weight
    )
    weights = PairWeights(carried_weight, own)
    return _grad(margin, carried, beta, weights, pairs, goodness.grad(activity))  # (CUM.8)


def cumulative(
    *,
    depth: int,
    layers: int,
    remedy: str = "none",
    steepness: float = STEEPNESS,
    carried_weight: float = 1.0,
    goodness: Goodness = MEAN_OF_SQUARES,
) -> Objective:
    """Bind the choices of one layer; it has no parameters besides the layer's.

    Parameters
    ----------
    depth, layers : int
        Layers below this one, and in all.
    remedy : {"none", "per-block", "gated", "depth-scaled", "calibrated"}
        None; nothing carried; `hardness_gate`; `depth_weights`; `calibrated_weights`, with which
        `grads` is `calibrated_rule` instead of the derivative of `loss`.
    steepness : float
        beta > 0.
    carried_weight : float
        gamma, of the gate gamma_0; without effect on "per-block".
    goodness : Goodness

    Examples
    --------
    >>> cumulative(depth=0, layers=1).advance(None, None, ())
    ()
    """
    require(remedy in REMEDIES, f"remedy must be one of {', '.join(REMEDIES)}, got {remedy!r}")
    check_depth(depth, layers)
    beta = check_positive(steepness, "steepness")
    gamma = check_number(carried_weight, "carried_weight")

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        pairs, carried = _pairs_and_carried(
            activity, context.polarity, context.partner, context.carried_margin
        )
        scored = goodness.value(activity)
        margin = pair_margin(scored, pairs)
        weights = remedy_weights(
            margin, carried, remedy=remedy, depth=depth, layers=layers, steepness=beta,
            carried_weight=gamma,
        )  # fmt: skip
        return Evaluation(
            _loss(margin, carried, beta, weights),
            _grad(margin, carried, beta, weights, pairs, goodness.grad(activity)),
            (),
            goodness=scored,
            accuracy=float((margin > 0).mean()),
        )

    return Objective(evaluate)


def _loss(margin: Array, carried: Array, beta: float, weights: PairWeights) -> float:
    summed = cumulative_margin(margin, carried, carried_weight=weights.carried)
    losses = softplus(-beta * summed) + weights.own * softplus(-beta * margin)
    return float(losses.mean())  # (CUM.2)


def _grad(
    margin: Array,
    carried: Array,
    beta: float,
    weights: PairWeights,
    pairs: Pairs,
    goodness_grad: Array,
) -> Array:
    """d_activity, written over `goodness_grad`."""
    summed = cumulative_margin(margin, carried, carried_weight=weights.carried)
    slope = beta * (sigmoid(-beta * summed) + weights.own * sigmoid(-beta * margin))
    d_margin = -slope / len(margin)  # (CUM.3)
    goodness_grad *= pair_margin_vjp(d_margin, pairs, len(goodness_grad))[:, None]
    return goodness_grad


def _pairs_and_carried(
    activity: Array, polarity: Array, partner: NDArray[np.int64], carried_margin: Array
) -> tuple[Pairs, Array]:
    """The pairs of a batch, and P of each."""
    pairs = pair_rows(check_polarity(activity, polarity), partner)
    carried_margin = np.asarray(carried_margin)
    require(
        carried_margin.shape == (len(activity),),
        f"carried_margin must have shape ({len(activity)},), one entry for each row of activity, "
        f"got shape {carried_margin.shape}",
    )
    return pairs, carried_margin[pairs.positive].astype(activity.dtype, copy=False)


def _check_weights(carried: float | Array, own: float | Array, margin: Array) -> PairWeights:
    """Both weights as plain numbers, or as (pairs,) in the dtype of the margins."""
    return PairWeights(
        _check_weight(carried, "carried_weight", margin),
        _check_weight(own, "own_weight", margin),
    )


def _check_weight(weight: float | Array, name: str, margin: Array) -> float | Array:
    if not isinstance(weight, np.ndarray):
        return check_number(weight, name)
    require(
        weight.shape == margin.shape,
        f"{name} must be one number or {margin.shape}, one for each pair, got shape "
        f"{weight.shape}",
    )
    return weight.astype(margin.dtype, copy=False)


@dataclass(frozen=True)
class Choices:
    """What a user of cumulative goodness may choose."""

    remedy: str = setting(
        default="none",
        help="against free-riding of layers on those below",
        more="With per-block nothing is carried; gated carries less of a pair that is won; "
        "depth-scaled and calibrated add the layer's own loss.",
        choices=REMEDIES,
    )
    carried_weight: float = setting(
        default=1.0,
        help="how much of the margin of the layers below counts",
        check=check_number,
        needs=("remedy", ("none", "gated", "depth-scaled", "calibrated")),
    )
    steepness: float = setting(
        default=STEEPNESS, help="of the loss in the margin of a pair", check=check_positive
    )


def _objective(choices: Choices, place: LayerPlace) -> Objective:
    return cumulative(
        depth=place.depth,
        layers=place.layers,
        remedy=choices.remedy,
        steepness=choices.steepness,
        carried_weight=choices.carried_weight,
    )


def _goodness(choices: Choices) -> Goodness:
    return MEAN_OF_SQUARES


METHOD = Method(
    name="cumulative",
    title="CumulativeFF",
    summary="Cumulative goodness: a layer is judged by its own margin and those below it.",
    source="Yousefiramandi (2026), arXiv:2605.06240",
    family=Contrastive(_goodness),
    objective=_objective,
    choices=Choices,
    defaults={"readout": "sum"},
    example="(64,), max_iter=10, learning_rate_init=0.003, label_strength=4.0, random_state=0",
)
