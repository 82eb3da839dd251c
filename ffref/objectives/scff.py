"""Self-Contrastive Forward-Forward: a layer tells a sample beside itself from a mixed pair.

Paper: Chen et al., "Self-Contrastive Forward-Forward Algorithm", arXiv:2409.11593 (Nature
Communications 2025), after the authors' code.
Derivation: docs/derivations/scff.md, equations SCFF.1 to SCFF.4.
"""

from dataclasses import dataclass

import numpy as np

from ffref._checks import check_number, check_polarity
from ffref.formulas import MEAN_OF_SQUARES, sigmoid, softplus
from ffref.method import LayerPlace, Method, SelfContrastive, setting
from ffref.types import Array, Evaluation, Goodness, LayerContext, Objective, Params


def scff_loss(
    activity: Array,
    polarity: Array,
    *,
    positive_threshold: float,
    negative_threshold: float,
    penalty: float = 0.0,
    goodness: Goodness = MEAN_OF_SQUARES,
) -> float:
    """Mean logistic loss with a threshold for each side, and a price of positive goodness.

    L = mean_i+ (softplus(theta+ - g_i) + lambda g_i) + mean_i- softplus(g_i - theta-)

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        y: after the relu.
    polarity : (batch,) of +1 (a sample beside itself) and -1 (beside another one)
    positive_threshold, negative_threshold : float
        theta+ and theta-.
    penalty : float
        lambda.
    goodness : Goodness
        Maps activity to g; the authors' code takes the mean of squares.

    Returns
    -------
    float
        Sum of the mean over positive and of the mean over negative rows; a side without rows
        adds 0.

    Raises
    ------
    ValueError
        If `polarity` is not (batch,) of +1 and -1, or a number is not finite.

    References
    ----------
    Chen et al. (2025), arXiv:2409.11593; code neurophysics-cnrsthales/contrastive-forward-forward
    2d91618, `SCFF_MNIST.py`.

    Examples
    --------
    >>> import numpy as np
    >>> y, s = np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([1.0, -1.0])  # goodness 2 and 1
    >>> loss = scff_loss(y, s, positive_threshold=2.0, negative_threshold=3.0, penalty=0.5)
    >>> round(loss, 6)  # softplus 0 + 0.5 * 2 + softplus -2
    1.820075
    """
    polarity = check_polarity(activity, polarity)
    scored = goodness.value(activity)
    return _evaluate(scored, polarity, positive_threshold, negative_threshold, penalty)[0]


def scff_loss_grad(
    activity: Array,
    polarity: Array,
    *,
    positive_threshold: float,
    negative_threshold: float,
    penalty: float = 0.0,
    goodness: Goodness = MEAN_OF_SQUARES,
) -> Array:
    """Derivative of `scff_loss` in `activity`, (batch, units) -> (batch, units)."""
    polarity = check_polarity(activity, polarity)
    _, d_goodness = _evaluate(
        goodness.value(activity), polarity, positive_threshold, negative_threshold, penalty
    )
    return _chain(d_goodness, activity, goodness)


def scff(
    *,
    positive_threshold: float,
    negative_threshold: float,
    penalty: float = 0.0,
    goodness: Goodness = MEAN_OF_SQUARES,
) -> Objective:
    """Bind the choices of one layer; it has no parameters besides the layer's.

    Examples
    --------
    >>> scff(positive_threshold=4.0, negative_threshold=6.0).advance(None, None, ())
    ()
    """
    thresholds = (
        check_number(positive_threshold, "positive_threshold"),
        check_number(negative_threshold, "negative_threshold"),
        check_number(penalty, "penalty"),
    )

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        polarity = check_polarity(activity, context.polarity)
        scored = goodness.value(activity)
        value, d_goodness = _evaluate(scored, polarity, *thresholds)
        positive = polarity > 0
        won = scored[positive] > scored[context.partner[positive]]
        return Evaluation(
            value,
            _chain(d_goodness, activity, goodness),
            (),
            goodness=scored,
            accuracy=float(won.mean()),
        )

    return Objective(evaluate)


def _evaluate(
    goodness: Array,
    polarity: Array,
    positive_threshold: float,
    negative_threshold: float,
    penalty: float,
) -> tuple[float, Array]:
    """Loss, and its derivative in the goodness of each row."""
    theta_positive = check_number(positive_threshold, "positive_threshold")
    theta_negative = check_number(negative_threshold, "negative_threshold")
    price = check_number(penalty, "penalty")
    positive = polarity > 0
    lacking, surplus = theta_positive - goodness, goodness - theta_negative
    cost = np.where(positive, softplus(lacking) + price * goodness, softplus(surplus))
    rows = np.where(positive, positive.sum(), (~positive).sum()).astype(goodness.dtype)
    loss = float((cost / rows).sum())  # (SCFF.2)
    d_goodness = np.where(positive, price - sigmoid(lacking), sigmoid(surplus)) / rows  # (SCFF.3)
    return loss, d_goodness


def _chain(d_goodness: Array, activity: Array, goodness: Goodness) -> Array:
    return d_goodness[:, None] * goodness.grad(activity)  # (SCFF.4)


@dataclass(frozen=True)
class Choices:
    """What a user of self-contrast may choose."""

    positive_threshold: float = setting(
        default=4.0, help="of the goodness of a sample beside itself", check=check_number
    )
    negative_threshold: float = setting(
        default=6.0, help="of the goodness of a sample beside another one", check=check_number
    )
    penalty: float = setting(
        default=0.0001, help="price of the goodness of a sample beside itself", check=check_number
    )


def _objective(choices: Choices, place: LayerPlace) -> Objective:
    return scff(
        positive_threshold=choices.positive_threshold,
        negative_threshold=choices.negative_threshold,
        penalty=choices.penalty,
    )


METHOD = Method(
    name="scff",
    title="SCFF",
    summary="Self-contrast: a sample beside itself against a sample beside another one.",
    source="Chen et al. (2025), arXiv:2409.11593",
    family=SelfContrastive(),
    objective=_objective,
    choices=Choices,
    defaults={"input_norm": "layer", "between_norm": "layer"},
)
