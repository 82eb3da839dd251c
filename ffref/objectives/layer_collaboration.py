"""Layer collaboration: Hinton's loss on a layer's goodness plus that of other layers.

Paper: Lorberbom, Gat, Adi, Schwing & Hazan, "Layer Collaboration in the Forward-Forward
Algorithm", arXiv:2305.12393.
Derivation: docs/derivations/layer_collaboration.md, equations COLLAB.1 to COLLAB.6.
"""

from dataclasses import dataclass

import numpy as np

from ffref._checks import check_number, check_polarity, require
from ffref.formulas import SUM_OF_SQUARES, sigmoid, softplus
from ffref.method import Contrastive, LayerPlace, Method, mean_over_units, setting
from ffref.types import Array, Evaluation, Goodness, LayerContext, Objective, Params

OTHERS = ("below", "all")
"""Layers whose goodness may be added: those below, or all others."""


def goodness_below(layer_goodness: Array) -> Array:
    """Each layer's sum of the goodness of the layers below it, (layers, batch) -> same.

    What a network carries upwards while it is run. Source: the form t < i of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> goodness_below(np.array([[1.0], [2.0], [4.0]])).ravel()
    array([0., 1., 3.])
    """
    below = np.zeros_like(layer_goodness)
    np.cumsum(layer_goodness[:-1], axis=0, out=below[1:])  # (COLLAB.1)
    return below


def goodness_of_others(layer_goodness: Array) -> Array:
    """Each layer's sum of the goodness of all other layers, (layers, batch) -> same.

    It takes a pass through the whole network first. Source: the form t != i of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> goodness_of_others(np.array([[1.0], [2.0], [4.0]])).ravel()
    array([6., 5., 3.])
    """
    above = goodness_below(layer_goodness[::-1])[::-1]
    return goodness_below(layer_goodness) + above  # (COLLAB.2)


def collaboration_loss(
    activity: Array,
    polarity: Array,
    other_goodness: Array,
    *,
    threshold: float,
    goodness: Goodness = SUM_OF_SQUARES,
) -> float:
    """Mean logistic loss on one layer's goodness plus that of other layers, held constant.

    p_i = sigmoid(g_i + gamma_i - theta)
    L = mean_i softplus(-s_i (g_i + gamma_i - theta))

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        y: after the nonlinearity, before normalisation.
    polarity : (batch,)
        s: +1 for a positive row, -1 for a negative one.
    other_goodness : (batch,)
        gamma: `goodness_below` or `goodness_of_others`, a constant in the derivative.
    threshold : float
        theta: of the *summed* goodness.
    goodness : Goodness
        Maps activity to g, (batch, units) -> (batch,).

    Returns
    -------
    float
        Mean over the batch; positive and negative rows weigh the same.

    Raises
    ------
    ValueError
        If a shape or number is out of range.

    See Also
    --------
    collaboration_loss_grad : its derivative.

    References
    ----------
    Lorberbom et al. (2024), arXiv:2305.12393, at second hand.

    Examples
    --------
    >>> import numpy as np
    >>> y, s = np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([1.0, -1.0])  # goodness 2 and 1
    >>> others = np.array([3.0, 1.0])
    >>> round(collaboration_loss(y, s, others, threshold=4.0), 6)  # (softplus -1 + softplus -2)/2
    0.220095
    """
    margin = _margin(goodness.value(activity), activity, polarity, other_goodness, threshold)
    return _loss(margin)


def collaboration_loss_grad(
    activity: Array,
    polarity: Array,
    other_goodness: Array,
    *,
    threshold: float,
    goodness: Goodness = SUM_OF_SQUARES,
) -> Array:
    """Derivative of `collaboration_loss` in `activity`, (batch, units) -> (batch, units)."""
    margin = _margin(goodness.value(activity), activity, polarity, other_goodness, threshold)
    return _grad(margin, check_polarity(activity, polarity), goodness.grad(activity))


def layer_collaboration(
    *, threshold: float, others: str = "below", goodness: Goodness = SUM_OF_SQUARES
) -> Objective:
    """Bind the choices of one layer.

    Parameters
    ----------
    threshold : float
        theta: of the summed goodness.
    others : {"below", "all"}
        Whose goodness is added: of the layers below, which the pass carries upwards; or of all
        other layers, which takes `LayerContext.network_goodness` from a pass before.
    goodness : Goodness

    Examples
    --------
    >>> layer_collaboration(threshold=2.0).advance(None, None, ())
    ()
    """
    check_number(threshold, "threshold")
    require(others in OTHERS, f"others must be one of {', '.join(OTHERS)}, got {others!r}")

    def other_goodness(scored: Array, context: LayerContext) -> Array:
        if others == "below":
            return context.carried_goodness
        if context.network_goodness is None:
            raise ValueError(
                "others='all' needs network_goodness in the context, the summed goodness of all "
                "layers; run the network once before the step"
            )
        return context.network_goodness - scored  # (COLLAB.2)

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        polarity = check_polarity(activity, context.polarity)
        scored = goodness.value(activity)
        margin = _margin(scored, activity, polarity, other_goodness(scored, context), threshold)
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


def _margin(
    scored: Array, activity: Array, polarity: Array, other_goodness: Array, threshold: float
) -> Array:
    """How far each row's summed goodness is on its right side of the threshold."""
    polarity = check_polarity(activity, polarity)
    other_goodness = np.asarray(other_goodness)
    require(
        other_goodness.shape == scored.shape,
        f"other_goodness must be {scored.shape}, one entry for each row of activity, got shape "
        f"{other_goodness.shape}",
    )
    summed = scored + other_goodness.astype(scored.dtype, copy=False)
    return polarity * (summed - check_number(threshold, "threshold"))  # (COLLAB.3)


def _loss(margin: Array) -> float:
    return float(softplus(-margin).mean())  # (COLLAB.4)


def _grad(margin: Array, polarity: Array, goodness_grad: Array) -> Array:
    """d_activity, written over `goodness_grad`."""
    d_goodness = -polarity * sigmoid(-margin) / len(margin)  # (COLLAB.5)
    goodness_grad *= d_goodness[:, None]  # (COLLAB.6)
    return goodness_grad


@dataclass(frozen=True)
class Choices:
    """What a user of layer collaboration may choose."""

    others: str = setting(
        default="below",
        help="layers whose goodness is added",
        more="Of all others: each batch passes through the network once more before the step.",
        choices=OTHERS,
    )
    threshold: float | None = setting(
        default=None,
        help="of the summed goodness; default: the layer's units, times the layers summed",
        check=check_number,
    )


def _objective(choices: Choices, place: LayerPlace) -> Objective:
    summed = place.depth + 1 if choices.others == "below" else place.layers
    threshold = float(summed * place.units) if choices.threshold is None else choices.threshold
    return layer_collaboration(threshold=threshold, others=choices.others)


def _goodness(choices: Choices) -> Goodness:
    return SUM_OF_SQUARES


def _asks_for_network_goodness(choices: Choices) -> bool:
    return choices.others == "all"


METHOD = Method(
    name="layer-collaboration",
    title="LayerCollaboration",
    summary="Layer collaboration: a layer's goodness counts together with that of other layers.",
    source="Lorberbom, Gat, Adi, Schwing, Hazan (2024), arXiv:2305.12393",
    family=Contrastive(_goodness, _asks_for_network_goodness),
    objective=_objective,
    choices=Choices,
    logits=mean_over_units,
    defaults={"readout": "sum"},
    example="(128,), max_iter=20, learning_rate_init=0.003, label_strength=4.0, random_state=0",
)
