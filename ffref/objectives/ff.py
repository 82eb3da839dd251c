"""Forward-Forward: logistic loss on one layer's goodness.

Paper: Hinton, "The Forward-Forward Algorithm: Some Preliminary Investigations",
arXiv:2212.13345v1, section 2.
Derivation: docs/derivations/ff.md, equations FF.1 to FF.4.
"""

from ffref._checks import check_number, check_polarity
from ffref.formulas import SUM_OF_SQUARES, sigmoid, softplus
from ffref.types import Array, Evaluation, Goodness, LayerContext, Objective, Params


def probability_positive(goodness: Array, *, threshold: float) -> Array:
    """Probability that each sample is positive: p_i = sigmoid(g_i - theta).

    Source: Hinton (2022), equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> probability_positive(np.array([2.0]), threshold=2.0)
    array([0.5])
    """
    return sigmoid(goodness - check_number(threshold, "threshold"))  # (FF.1)


def ff_loss(
    activity: Array, polarity: Array, *, threshold: float, goodness: Goodness = SUM_OF_SQUARES
) -> float:
    """Mean logistic loss of one layer.

    L = mean_i softplus(-s_i (g_i - theta))

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        y: after the nonlinearity, before normalisation.
    polarity : (batch,) same dtype
        s: +1 for a positive sample, -1 for a negative one.
    threshold : float
        theta. The paper sets it against a *sum* of squares; code that takes the *mean*
        needs `goodness=MEAN_OF_SQUARES` and a theta of its own (see Notes).
    goodness : Goodness
        Maps activity to g, (batch, units) -> (batch,).

    Returns
    -------
    float
        Mean over the batch; positive and negative samples weigh the same.

    Raises
    ------
    ValueError
        If `polarity` is not (batch,) of +1 and -1, or `activity` is no (batch, units).

    See Also
    --------
    ff_loss_grad : its derivative.

    Notes
    -----
    docs/derivations/ff.md lists how known codes differ (sum or mean, theta, which
    layers count at test time).

    References
    ----------
    Hinton (2022), arXiv:2212.13345v1, section 2, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0, 1.0], [2.0, 0.0]])  # goodness 2 and 4
    >>> s = np.array([1.0, -1.0])
    >>> round(ff_loss(y, s, threshold=2.0), 6)  # (softplus 0 + softplus 2) / 2
    1.410038
    """
    polarity = check_polarity(activity, polarity)
    return _loss(_margin(goodness.value(activity), polarity, threshold))


def ff_loss_grad(
    activity: Array, polarity: Array, *, threshold: float, goodness: Goodness = SUM_OF_SQUARES
) -> Array:
    """Derivative of `ff_loss` in `activity`, (batch, units) -> (batch, units)."""
    polarity = check_polarity(activity, polarity)
    margin = _margin(goodness.value(activity), polarity, threshold)
    return _grad(margin, polarity, goodness.grad(activity))


def ff(*, threshold: float, goodness: Goodness = SUM_OF_SQUARES) -> Objective:
    """Bind the choices of one layer; FF has no parameters besides the layer's.

    Examples
    --------
    >>> ff(threshold=2.0).advance(None, None, ())
    ()
    """
    check_number(threshold, "threshold")

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        polarity = check_polarity(activity, context.polarity)
        scored = goodness.value(activity)
        margin = _margin(scored, polarity, threshold)
        positive = polarity > 0
        won = scored[positive] > scored[context.partner[positive]]
        return Evaluation(
            _loss(margin),
            _grad(margin, polarity, goodness.grad(activity)),
            (),
            goodness=scored,
            accuracy=float(won.mean()),
        )

    return Objective(evaluate)


def _margin(goodness: Array, polarity: Array, threshold: float) -> Array:
    """How far each row is on its right side of the threshold."""
    return polarity * (goodness - check_number(threshold, "threshold"))


def _loss(margin: Array) -> float:
    return float(softplus(-margin).mean())  # (FF.2)


def _grad(margin: Array, polarity: Array, goodness_grad: Array) -> Array:
    """d_activity, written over `goodness_grad`."""
    d_goodness = -polarity * sigmoid(-margin) / len(margin)  # (FF.3)
    goodness_grad *= d_goodness[:, None]  # (FF.4)
    return goodness_grad
