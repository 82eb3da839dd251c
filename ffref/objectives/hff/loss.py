"""The loss of HFF: a softmax over classes of smooth maxima of cosines, with a cosine margin.

Derivation: docs/derivations/hff.md, equations HFF.1 to HFF.12, HFF.28 and HFF.29.
"""

from ffref._checks import check_positive
from ffref.formulas import log_mean_exp_grad
from ffref.objectives.hff.kinds import MARGINS
from ffref.objectives.hff.passes import (
    Choices,
    Margin,
    pull_logits,
    pull_scores,
    pull_temperature,
    run,
    scores,
)
from ffref.objectives.hff.sphere import pull_from_sphere, pull_to_sphere, to_sphere
from ffref.types import Array, Labels

_COSINE = MARGINS["additive-cosine"]


def hff_loss(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    sharpness: float | None = None,
    margin: float = 0.0,
    label_smoothing: float = 0.0,
) -> float:
    """Mean cross-entropy of a softmax over the classes' prototype scores.

    z = y / ||y||,  q_ck = p_ck / ||p_ck||
    S_c = (1 / beta) log mean_k exp(beta z . q_ck)
    L = mean_i cross_entropy(softmax((S_i - m onehot(label_i)) / T), label_i)

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        y: after the nonlinearity, before normalisation. A zero row has cosine 0 to all.
    labels : (batch,) whole numbers in 0 .. classes - 1
    prototypes : (classes, units) or (classes, prototypes_per_class, units), same dtype
        p: of any length but zero, divided by it inside.
    temperature : float
        T > 0: divides the class scores.
    sharpness : float, optional
        beta > 0: how sharply the score of a class follows its nearest prototype;
        None means 1 / temperature.
    margin : float
        m: subtracted from the true class's score, in units of a cosine.
    label_smoothing : float in [0, 1)
        Share of each label that is spread evenly over all classes.

    Returns
    -------
    float
        Mean over the batch; 0 for one class.

    Raises
    ------
    ValueError
        If a shape, dtype, label or hyperparameter is out of range, or a prototype is zero.

    See Also
    --------
    hff_loss_grads : its derivatives.
    hff_loss_grads_with_temperature : with the derivative in the temperature.
    ffref.objectives.hff.margins : other margins.

    References
    ----------
    Sarode, Moser et al. (2026), arXiv:2605.00082v1; reconstruction, see docs/derivations/hff.md.

    Examples
    --------
    Two classes along the axes, one sample in between at cosines 0.6 and 0.8:

    >>> import numpy as np
    >>> y, p = np.array([[3.0, 4.0]]), np.eye(2)
    >>> round(hff_loss(y, np.array([1]), p, temperature=0.1), 6)  # softplus((0.6 - 0.8) / 0.1)
    0.126928
    """
    choices = Choices(temperature, sharpness, margin, label_smoothing)
    return loss_of(_COSINE, choices, activity, labels, prototypes)


def hff_loss_grads(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    sharpness: float | None = None,
    margin: float = 0.0,
    label_smoothing: float = 0.0,
) -> tuple[Array, Array]:
    """Derivatives of `hff_loss` in `activity` and `prototypes`, same shapes and dtype.

    Each is orthogonal to what it is the derivative in: the loss does not see lengths.
    """
    choices = Choices(temperature, sharpness, margin, label_smoothing)
    return grads_of(_COSINE, choices, activity, labels, prototypes)


def hff_loss_grads_with_temperature(
    activity: Array,
    labels: Labels,
    prototypes: Array,
    *,
    temperature: float,
    sharpness: float | None = None,
    margin: float = 0.0,
    label_smoothing: float = 0.0,
) -> tuple[Array, Array, float]:
    """Derivatives of `hff_loss` in `activity`, `prototypes` and `temperature`.

    With `sharpness=None` the last one counts both places of the temperature: the divisor of the
    scores, and the sharpness 1 / temperature inside them.

    Examples
    --------
    Logits 0.6 / T and 0.8 / T: L = softplus(-0.2 / T), dL/dT = 0.2 sigmoid(-0.2 / T) / T^2.

    >>> import numpy as np
    >>> y, p = np.array([[3.0, 4.0]]), np.eye(2)
    >>> d_temperature = hff_loss_grads_with_temperature(y, np.array([1]), p, temperature=0.1)[2]
    >>> round(d_temperature, 6)  # 20 / (1 + e^2)
    2.384058
    """
    choices = Choices(temperature, sharpness, margin, label_smoothing)
    seen = run(_COSINE, choices, activity, labels, prototypes)
    grads = pull_logits(_COSINE, choices, seen, labels)
    d_activity, d_prototypes = pull_scores(seen, labels, grads)
    d_temperature = pull_temperature(seen, labels, grads, sharpness_follows=sharpness is None)
    return d_activity, d_prototypes.reshape(prototypes.shape), d_temperature


def hff_class_scores(activity: Array, prototypes: Array, *, sharpness: float) -> Array:
    """Score of each class, S_c = (1 / beta) log mean_k exp(beta cos_ck), at most 1.

    Parameters
    ----------
    activity : (batch, units) float32 or float64
    prototypes : (classes, units) or (classes, prototypes_per_class, units), same dtype
    sharpness : float
        beta > 0.

    Returns
    -------
    (batch, classes) same dtype

    Examples
    --------
    >>> import numpy as np
    >>> hff_class_scores(np.array([[3.0, 4.0]]), np.eye(2), sharpness=10.0)
    array([[0.6, 0.8]])
    """
    beta = check_positive(sharpness, "sharpness")
    return scores(to_sphere(activity, prototypes), beta)


def hff_class_scores_vjp(
    d_scores: Array, activity: Array, prototypes: Array, *, sharpness: float
) -> Array:
    """Pull-back of `hff_class_scores` in `activity`: d_scores (batch, classes) -> as activity.

    For evaluation: how far a sample must be moved for other scores.
    """
    beta = check_positive(sharpness, "sharpness")
    sphere = to_sphere(activity, prototypes)
    share = log_mean_exp_grad(sphere.cosine, scale=beta)
    d_cosine = d_scores[:, :, None] * share  # (HFF.8)
    return pull_from_sphere(sphere, *pull_to_sphere(sphere, d_cosine))[0]


def loss_of(
    margin: Margin, choices: Choices, activity: Array, labels: Labels, prototypes: Array
) -> float:
    """Mean loss of any kind of margin."""
    seen = run(margin, choices, activity, labels, prototypes)
    return margin.loss(seen.logits, labels, choices.label_smoothing)


def grads_of(
    margin: Margin, choices: Choices, activity: Array, labels: Labels, prototypes: Array
) -> tuple[Array, Array]:
    """Derivatives of `loss_of` in `activity` and `prototypes`, same shapes."""
    seen = run(margin, choices, activity, labels, prototypes)
    grads = pull_logits(margin, choices, seen, labels)
    d_activity, d_prototypes = pull_scores(seen, labels, grads)
    return d_activity, d_prototypes.reshape(prototypes.shape)
