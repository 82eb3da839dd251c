"""SymBa: softplus loss on the margin between the positive and the negative row of a pair.

Paper: Lee & Song, "SymBa: Symmetric Backpropagation-Free Contrastive Learning with
Forward-Forward Algorithm for Optimizing Convergence", arXiv:2303.08418v1.
Derivation: docs/derivations/symba.md, equations SB.1 to SB.3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffref._checks import check_polarity, check_positive
from ffref.formulas import MEAN_OF_SQUARES, sigmoid, softplus
from ffref.formulas.pairs import Pairs, pair_margin, pair_margin_vjp, pair_rows
from ffref.method import Contrastive, LayerPlace, Method, setting
from ffref.types import Array, Evaluation, Goodness, LayerContext, Objective, Params

STEEPNESS = 4.0
"""alpha of the paper."""


def symba_loss(
    activity: Array,
    polarity: Array,
    partner: NDArray[np.int64],
    *,
    steepness: float = STEEPNESS,
    goodness: Goodness = MEAN_OF_SQUARES,
) -> float:
    """Mean softplus loss of the margins of pairs; there is no threshold.

    m_p = g+_p - g-_p
    L = mean_p softplus(-alpha m_p)

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        y: after the nonlinearity, before normalisation.
    polarity : (batch,)
        +1 for a positive row, -1 for a negative one.
    partner : (batch,) whole numbers
        The other row of the pair; -1 for a row in no pair, which costs nothing.
    steepness : float
        alpha > 0. It belongs to the *mean* of squares; for their sum divide it by the units.
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
    symba_loss_grad : its derivative.

    References
    ----------
    Lee & Song (2023), arXiv:2303.08418v1.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[2.0, 0.0], [1.0, 1.0]])  # mean of squares 2 and 1
    >>> s, partner = np.array([1.0, -1.0]), np.array([1, 0])
    >>> round(symba_loss(y, s, partner, steepness=2.0), 6)  # softplus(-2)
    0.126928
    """
    pairs = pair_rows(check_polarity(activity, polarity), partner)
    margin = pair_margin(goodness.value(activity), pairs)
    return _loss(margin, check_positive(steepness, "steepness"))


def symba_loss_grad(
    activity: Array,
    polarity: Array,
    partner: NDArray[np.int64],
    *,
    steepness: float = STEEPNESS,
    goodness: Goodness = MEAN_OF_SQUARES,
) -> Array:
    """Derivative of `symba_loss` in `activity`, (batch, units) -> (batch, units)."""
    pairs = pair_rows(check_polarity(activity, polarity), partner)
    margin = pair_margin(goodness.value(activity), pairs)
    return _grad(margin, check_positive(steepness, "steepness"), pairs, goodness.grad(activity))


def symba(*, steepness: float = STEEPNESS, goodness: Goodness = MEAN_OF_SQUARES) -> Objective:
    """Bind the choices of one layer; SymBa has no parameters besides the layer's.

    Examples
    --------
    >>> symba().advance(None, None, ())
    ()
    """
    alpha = check_positive(steepness, "steepness")

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        pairs = pair_rows(check_polarity(activity, context.polarity), context.partner)
        scored = goodness.value(activity)
        margin = pair_margin(scored, pairs)
        return Evaluation(
            _loss(margin, alpha),
            _grad(margin, alpha, pairs, goodness.grad(activity)),
            (),
            goodness=scored,
            accuracy=float((margin > 0).mean()),
        )

    return Objective(evaluate)


def _loss(margin: Array, alpha: float) -> float:
    return float(softplus(-alpha * margin).mean())  # (SB.1)


def _grad(margin: Array, alpha: float, pairs: Pairs, goodness_grad: Array) -> Array:
    """d_activity, written over `goodness_grad`."""
    d_margin = -alpha * sigmoid(-alpha * margin) / len(margin)  # (SB.2)
    goodness_grad *= pair_margin_vjp(d_margin, pairs, len(goodness_grad))[:, None]  # (SB.3)
    return goodness_grad


@dataclass(frozen=True)
class Choices:
    """What a user of SymBa may choose."""

    steepness: float = setting(
        default=STEEPNESS, help="of the loss in the margin of a pair", check=check_positive
    )


def _objective(choices: Choices, place: LayerPlace) -> Objective:
    return symba(steepness=choices.steepness)


def _goodness(choices: Choices) -> Goodness:
    return MEAN_OF_SQUARES


METHOD = Method(
    name="symba",
    title="SymBa",
    summary="SymBa: the true label's goodness above the wrong one's, by a loss without threshold.",
    source="Lee, Song (2023), arXiv:2303.08418",
    family=Contrastive(_goodness),
    objective=_objective,
    choices=Choices,
    example="(64,), max_iter=10, learning_rate_init=0.003, label_strength=4.0, random_state=0",
)
