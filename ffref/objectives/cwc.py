"""Channel-wise competition: a layer's units are split among the classes, which compete.

Paper: Papachristodoulou et al., "Convolutional Channel-wise Competitive Learning for the
Forward-Forward Algorithm", arXiv:2312.12668 (AAAI 2024), after the authors' code.
Derivation: docs/derivations/cwc.md, equations CWC.1 to CWC.7.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ffref._checks import check_labels, check_number
from ffref.formulas import (
    group_mean,
    group_mean_vjp,
    sigmoid,
    softmax_cross_entropy,
    softmax_cross_entropy_grad,
    softplus,
)
from ffref.formulas.by_class import check_groups
from ffref.method import LayerPlace, Method, OnePass, setting
from ffref.types import Array, Evaluation, Labels, LayerContext, Objective, Params


def cwc_goodness(activity: Array, *, classes: int, places: int = 1) -> Array:
    """Mean of squares of each class's units: G_ic = mean_(j of class c) y_ij^2.

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
    >>> cwc_goodness(np.array([[1.0, 2.0, 3.0, 0.0]]), classes=2)
    array([[2.5, 4.5]])
    """
    return group_mean(activity * activity, classes=classes, places=places)  # (CWC.1)


def cwc_loss(activity: Array, labels: Labels, *, classes: int, places: int = 1) -> float:
    """Mean cross-entropy of a softmax over the classes' goodness.

    L = mean_i cross_entropy(softmax(G_i), label_i)

    Parameters
    ----------
    activity : (batch, places * channels) float32 or float64
    labels : (batch,) whole numbers in 0 .. classes - 1
    classes, places : int
        As in `cwc_goodness`.

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
    Papachristodoulou et al. (2024), arXiv:2312.12668; `CwC_CE` of the code andreaspapac/CwComp
    c9c9a17.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0, 0.0, 1.0, 2.0]])  # goodness 0.5 and 2.5
    >>> round(cwc_loss(y, np.array([1]), classes=2), 6)  # softplus(0.5 - 2.5)
    0.126928
    """
    return softmax_cross_entropy(
        cwc_goodness(activity, classes=classes, places=places), labels
    )  # (CWC.2)


def cwc_loss_grad(activity: Array, labels: Labels, *, classes: int, places: int = 1) -> Array:
    """Derivative of `cwc_loss` in `activity`, same shape and dtype."""
    return _grad(_cross_entropy, activity, labels, classes, places)


def cwc_pvn_loss(
    activity: Array, labels: Labels, *, classes: int, threshold: float, places: int = 1
) -> float:
    """Mean logistic loss of the true class's goodness against the mean of the others'.

    G-_i = mean_(c not label_i) G_ic
    L = mean over rows and both sides of softplus(theta - G_i,label), softplus(G-_i - theta)

    Parameters
    ----------
    activity : (batch, places * channels) float32 or float64
    labels : (batch,) whole numbers in 0 .. classes - 1
    classes, places : int
        As in `cwc_goodness`.
    threshold : float
        theta; 2 in the authors' code.

    Returns
    -------
    float
        One class has no others: the mean over its own side.

    References
    ----------
    `PvNLoss` of the code andreaspapac/CwComp c9c9a17.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0, 0.0, 1.0, 2.0]])  # goodness 0.5 and 2.5
    >>> loss = cwc_pvn_loss(y, np.array([1]), classes=2, threshold=2.0)
    >>> round(loss, 6)  # (softplus(2 - 2.5) + softplus(0.5 - 2)) / 2
    0.337745
    """
    goodness = cwc_goodness(activity, classes=classes, places=places)
    return _positive_against_negative(goodness, labels, threshold)[0]


def cwc_pvn_loss_grad(
    activity: Array, labels: Labels, *, classes: int, threshold: float, places: int = 1
) -> Array:
    """Derivative of `cwc_pvn_loss` in `activity`, same shape and dtype."""
    competition = partial(_positive_against_negative, threshold=threshold)
    return _grad(competition, activity, labels, classes, places)


Competition = Callable[[Array, Labels], tuple[float, Array]]
"""(goodness (batch, classes), labels) -> (mean loss, its derivative in the goodness)"""


def cwc(*, classes: int, places: int = 1) -> Objective:
    """Bind the choices of one layer; it has no parameters besides the layer's.

    Examples
    --------
    >>> cwc(classes=10).advance(None, None, ())
    ()
    """
    return _objective(_cross_entropy, classes, places)


def cwc_pvn(*, classes: int, threshold: float, places: int = 1) -> Objective:
    """Bind the choices of one layer for the loss of positive against negative goodness."""
    check_number(threshold, "threshold")
    competition = partial(_positive_against_negative, threshold=threshold)
    return _objective(competition, classes, places)


def _objective(competition: Competition, classes: int, places: int) -> Objective:
    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        labels = context.labels
        goodness = cwc_goodness(activity, classes=classes, places=places)
        value, d_goodness = competition(goodness, labels)
        return Evaluation(
            value,
            _pull_back(d_goodness, activity, places),
            (),
            goodness=goodness[np.arange(len(labels)), labels],
            accuracy=float((goodness.argmax(axis=1) == labels).mean()),
        )

    return Objective(evaluate)


def _grad(
    competition: Competition, activity: Array, labels: Labels, classes: int, places: int
) -> Array:
    goodness = cwc_goodness(activity, classes=classes, places=places)
    return _pull_back(competition(goodness, labels)[1], activity, places)


def _pull_back(d_goodness: Array, activity: Array, places: int) -> Array:
    each = group_mean_vjp(d_goodness, units=activity.shape[1], places=places)
    return 2 * activity * each  # (CWC.4)


def _cross_entropy(goodness: Array, labels: Labels) -> tuple[float, Array]:
    d_goodness = softmax_cross_entropy_grad(goodness, labels)  # (CWC.3)
    return softmax_cross_entropy(goodness, labels), d_goodness


def _positive_against_negative(
    goodness: Array, labels: Labels, threshold: float
) -> tuple[float, Array]:
    theta = check_number(threshold, "threshold")
    batch, classes = goodness.shape
    check_labels(labels, batch, classes)
    rows = np.arange(batch)
    positive = goodness[rows, labels]
    lacking = theta - positive
    if classes == 1:
        d_positive = -sigmoid(lacking) / batch
        return float(softplus(lacking).mean()), d_positive[:, None]
    others = goodness.copy()
    others[rows, labels] = 0
    negative = others.sum(axis=1) / (classes - 1)  # (CWC.5)
    surplus = negative - theta
    loss = (softplus(lacking).mean() + softplus(surplus).mean()) / 2  # (CWC.6)
    d_negative = sigmoid(surplus) / (2 * batch * (classes - 1))
    d_goodness = np.repeat(d_negative[:, None], classes, axis=1)
    d_goodness[rows, labels] = -sigmoid(lacking) / (2 * batch)  # (CWC.7)
    return float(loss), d_goodness


@dataclass(frozen=True)
class Choices:
    """What a user of channel-wise competition may choose."""

    competition: str = setting(
        default="softmax",
        help="of the classes' goodness: cross-entropy, or positive against the mean of the others",
        choices=("softmax", "pvn"),
    )
    pvn_threshold: float = setting(
        default=2.0,
        help="of the goodness",
        check=check_number,
        needs=("competition", ("pvn",)),
    )


def _method_objective(choices: Choices, place: LayerPlace) -> Objective:
    places = place.units // place.channels
    check_groups(place.units, classes=place.classes, places=places)
    if choices.competition == "pvn":
        return cwc_pvn(classes=place.classes, threshold=choices.pvn_threshold, places=places)
    return cwc(classes=place.classes, places=places)


def _class_scores(choices: Choices, place: LayerPlace, activity: Array, params: Params) -> Array:
    places = place.units // place.channels
    return cwc_goodness(activity, classes=place.classes, places=places)


METHOD = Method(
    name="cwc",
    title="CwC",
    summary="Channel-wise competition: a layer's units are split among the classes.",
    source="Papachristodoulou et al. (2024), arXiv:2312.12668",
    family=OnePass(_class_scores),
    objective=_method_objective,
    choices=Choices,
    defaults={"hidden_layer_sizes": (360, 360)},
    example="(60,), max_iter=10, learning_rate_init=0.003, random_state=0",
)
