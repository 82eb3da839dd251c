"""Other margins than `hff_loss`'s: angular ones, and losses of pairs of classes.

Each is a published margin for one direction a class (ArcFace, SphereFace, ...) carried over to
several prototypes a class. The losses of pairs have no targets that could be smoothed.
Derivation: docs/derivations/hff.md, equations HFF.15 to HFF.27.
"""

from ffref.objectives.hff.kinds import MARGINS
from ffref.objectives.hff.loss import grads_of, loss_of
from ffref.objectives.hff.passes import Choices
from ffref.types import Array, Labels


def hff_additive_angular_margin_loss(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    margin: float,
    sharpness: float | None = None,
    label_smoothing: float = 0.0,
) -> float:
    """`hff_loss`, with every angle to the true class's prototypes enlarged by the margin.

    cos t -> cos(t + m)           for t <= pi - m
             cos t - m sin m      beyond, where cos(t + m) would rise again

    Parameters
    ----------
    margin : float in [0, pi / 2]
        m: an angle in radians. All else as in `hff_loss`.

    Notes
    -----
    At t = pi - m the loss jumps. At t = 0 it has a tip, where the derivative is taken as 0.

    References
    ----------
    Deng et al. (2019), ArcFace, arXiv:1801.07698; on sub-centres as here: hff.md, section 4.

    Examples
    --------
    One sample between two prototypes, at right angles to its own after the margin: cos 0.

    >>> import numpy as np
    >>> y, p = np.array([[1.0, 1.0]]), np.eye(2)
    >>> loss = hff_additive_angular_margin_loss(
    ...     y, np.array([1]), p, temperature=1.0, margin=np.pi / 4
    ... )
    >>> round(loss, 6)  # softplus(cos 45 - cos 90)
    1.10794
    """
    choices = Choices(temperature, sharpness, margin, label_smoothing)
    return loss_of(MARGINS["additive-angular"], choices, activity, labels, prototypes)


def hff_additive_angular_margin_loss_grads(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    margin: float,
    sharpness: float | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Array, Array]:
    """Derivatives of `hff_additive_angular_margin_loss` in `activity` and `prototypes`."""
    choices = Choices(temperature, sharpness, margin, label_smoothing)
    return grads_of(MARGINS["additive-angular"], choices, activity, labels, prototypes)


def hff_multiplicative_angular_margin_loss(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    margin: int,
    sharpness: float | None = None,
    label_smoothing: float = 0.0,
) -> float:
    """`hff_loss`, with every angle to the true class's prototypes multiplied by the margin.

    cos t -> (-1)^j cos(m t) - 2 j,  j = floor(m t / pi): falls steadily from 1 to 1 - 2 m

    Parameters
    ----------
    margin : whole number of at least 1
        m: 1 means no margin. All else as in `hff_loss`.

    References
    ----------
    Liu et al. (2017), SphereFace, arXiv:1704.08063; on sub-centres as here: hff.md, section 4.

    Examples
    --------
    An angle of 45 degrees, twice: cos 90 = 0.

    >>> import numpy as np
    >>> y, p = np.array([[1.0, 1.0]]), np.eye(2)
    >>> loss = hff_multiplicative_angular_margin_loss(
    ...     y, np.array([1]), p, temperature=1.0, margin=2
    ... )
    >>> round(loss, 6)  # softplus(cos 45 - cos 90)
    1.10794
    """
    choices = Choices(temperature, sharpness, margin, label_smoothing)
    return loss_of(MARGINS["multiplicative-angular"], choices, activity, labels, prototypes)


def hff_multiplicative_angular_margin_loss_grads(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    margin: int,
    sharpness: float | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Array, Array]:
    """Derivatives of `hff_multiplicative_angular_margin_loss` in `activity`, `prototypes`."""
    choices = Choices(temperature, sharpness, margin, label_smoothing)
    return grads_of(MARGINS["multiplicative-angular"], choices, activity, labels, prototypes)


def hff_pairwise_margin_loss(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    margin: float,
    sharpness: float | None = None,
) -> float:
    """The true class against each other class by itself, summed over the others.

    L = mean_i sum_(c not label_i) softplus((S_ic - S_i,label + m) / T)

    Parameters
    ----------
    margin : float
        m: lead, in units of a cosine, that the true class should have. All else as in `hff_loss`.

    References
    ----------
    A reconstruction of the paper's smooth margin, form B of hff.md, section 5.

    Examples
    --------
    >>> import numpy as np
    >>> y, p = np.array([[3.0, 4.0]]), np.eye(2)
    >>> loss = hff_pairwise_margin_loss(y, np.array([1]), p, temperature=1.0, margin=0.2)
    >>> round(loss, 6)  # softplus(0.6 - 0.8 + 0.2)
    0.693147
    """
    choices = Choices(temperature, sharpness, margin)
    return loss_of(MARGINS["pairwise"], choices, activity, labels, prototypes)


def hff_pairwise_margin_loss_grads(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    margin: float,
    sharpness: float | None = None,
) -> tuple[Array, Array]:
    """Derivatives of `hff_pairwise_margin_loss` in `activity` and `prototypes`."""
    choices = Choices(temperature, sharpness, margin)
    return grads_of(MARGINS["pairwise"], choices, activity, labels, prototypes)


def hff_hardest_margin_loss(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    margin: float,
    sharpness: float | None = None,
) -> float:
    """The true class against the other class of the highest score.

    L = mean_i softplus((max_(c not label_i) S_ic - S_i,label + m) / T)

    Parameters
    ----------
    margin : float
        m: lead, in units of a cosine, that the true class should have. All else as in `hff_loss`.

    Notes
    -----
    Where several others tie, the gradient is that of the first of them: a subgradient.

    References
    ----------
    A reconstruction of the paper's smooth margin, form C of hff.md, section 5.

    Examples
    --------
    >>> import numpy as np
    >>> y, p = np.array([[3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    >>> loss = hff_hardest_margin_loss(y, np.array([1]), p, temperature=1.0, margin=0.2)
    >>> round(loss, 6)  # softplus(0.6 - 0.8 + 0.2)
    0.693147
    """
    choices = Choices(temperature, sharpness, margin)
    return loss_of(MARGINS["hardest"], choices, activity, labels, prototypes)


def hff_hardest_margin_loss_grads(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    margin: float,
    sharpness: float | None = None,
) -> tuple[Array, Array]:
    """Derivatives of `hff_hardest_margin_loss` in `activity` and `prototypes`."""
    choices = Choices(temperature, sharpness, margin)
    return grads_of(MARGINS["hardest"], choices, activity, labels, prototypes)
