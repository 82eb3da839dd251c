"""DeeperForward: the goodness of a class is the mean activity of its units, not squared.

Paper: Sun et al., "DeeperForward: Enhanced Forward-Forward Training for Deeper and Better
Performance", ICLR 2025; its abstract and second-hand notes of its equations.
Derivation: docs/derivations/deeper_forward.md, equations DEEP.1 to DEEP.4.
"""

import numpy as np

from ffref.formulas import (
    group_mean,
    group_mean_vjp,
    softmax_cross_entropy,
    softmax_cross_entropy_grad,
)
from ffref.formulas.by_class import check_groups
from ffref.method import LayerPlace, Method, NoChoices, OnePass
from ffref.types import Array, Evaluation, Labels, LayerContext, Objective, Params


def deeper_forward_goodness(activity: Array, *, classes: int, places: int = 1) -> Array:
    """Mean activity of each class's units: g_ic = mean_(j of class c) y_ij.

    Parameters
    ----------
    activity : (batch, places * channels) float32 or float64
        y: of a dense layer one place, of a convolution all of them.
    classes : int
        The channels are split into so many groups of neighbours.
    places : int

    Returns
    -------
    (batch, classes) same dtype

    Raises
    ------
    ValueError
        If the channels cannot be split evenly.

    Examples
    --------
    >>> import numpy as np
    >>> deeper_forward_goodness(np.array([[1.0, 2.0, 3.0, 0.0]]), classes=2)
    array([[1.5, 1.5]])
    """
    return group_mean(activity, classes=classes, places=places)  # (DEEP.1)


def deeper_forward_loss(
    activity: Array, labels: Labels, *, classes: int, places: int = 1
) -> float:
    """Mean cross-entropy of a softmax over the classes' mean activities.

    L = mean_i cross_entropy(softmax(g_i), label_i)

    Parameters
    ----------
    activity : (batch, places * channels) float32 or float64
        After the relu, before the layer normalisation that feeds the next layer.
    labels : (batch,) whole numbers in 0 .. classes - 1
    classes, places : int
        As in `deeper_forward_goodness`.

    Returns
    -------
    float
        Mean over the batch; 0 for one class.

    Raises
    ------
    ValueError
        If a label is out of range or the channels cannot be split evenly.

    References
    ----------
    Sun et al. (2025), ICLR 2025, at second hand.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0, 0.0, 3.0, 2.0]])  # goodness 0.5 and 2.5
    >>> round(deeper_forward_loss(y, np.array([1]), classes=2), 6)  # softplus(0.5 - 2.5)
    0.126928
    """
    goodness = deeper_forward_goodness(activity, classes=classes, places=places)
    return softmax_cross_entropy(goodness, labels)  # (DEEP.2)


def deeper_forward_loss_grad(
    activity: Array, labels: Labels, *, classes: int, places: int = 1
) -> Array:
    """Derivative of `deeper_forward_loss` in `activity`: the same in all units of a class."""
    goodness = deeper_forward_goodness(activity, classes=classes, places=places)
    return _grad(goodness, labels, activity.shape[1], places)


def deeper_forward(*, classes: int, places: int = 1) -> Objective:
    """Bind the choices of one layer; it has no parameters besides the layer's.

    Examples
    --------
    >>> deeper_forward(classes=10).advance(None, None, ())
    ()
    """

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        labels = context.labels
        goodness = deeper_forward_goodness(activity, classes=classes, places=places)
        return Evaluation(
            softmax_cross_entropy(goodness, labels),
            _grad(goodness, labels, activity.shape[1], places),
            (),
            goodness=goodness[np.arange(len(labels)), labels],
            accuracy=float((goodness.argmax(axis=1) == labels).mean()),
        )

    return Objective(evaluate)


def _grad(goodness: Array, labels: Labels, units: int, places: int) -> Array:
    d_goodness = softmax_cross_entropy_grad(goodness, labels)  # (DEEP.3)
    return group_mean_vjp(d_goodness, units=units, places=places)  # (DEEP.4)


def _objective(choices: NoChoices, place: LayerPlace) -> Objective:
    places = place.units // place.channels
    check_groups(place.units, classes=place.classes, places=places)
    return deeper_forward(classes=place.classes, places=places)


def _class_scores(choices: NoChoices, place: LayerPlace, activity: Array, params: Params) -> Array:
    places = place.units // place.channels
    return deeper_forward_goodness(activity, classes=place.classes, places=places)


METHOD = Method(
    name="deeper-forward",
    title="DeeperForward",
    summary="DeeperForward: the goodness of a class is the mean activity of its units.",
    source="Sun et al. (2025), ICLR; in part at second hand",
    family=OnePass(_class_scores),
    objective=_objective,
    defaults={"hidden_layer_sizes": (360, 360), "between_norm": "layer"},
    example="(60,), max_iter=10, learning_rate_init=0.003, random_state=0",
)
