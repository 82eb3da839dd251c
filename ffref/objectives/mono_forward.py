"""Mono-Forward: each layer classifies by a learned projection of its own activity.

Paper: Gong, Li, Abdulla, "Mono-Forward: Backpropagation-Free Algorithm for Efficient Neural
Network Training Harnessing Local Errors", arXiv:2501.09238.
Derivation: docs/derivations/mono_forward.md, equations MONO.1 to MONO.5.
"""

from dataclasses import dataclass

import numpy as np

from ffref._checks import check_matrix
from ffref.formulas import softmax_cross_entropy, softmax_cross_entropy_grad
from ffref.formulas.softmax import check_label_smoothing
from ffref.kernels import matmul, matmul_nt, matmul_tn
from ffref.method import LayerPlace, Method, OnePass, OwnParams, setting
from ffref.types import Array, Evaluation, Labels, LayerContext, Objective, Params


def mono_forward_class_scores(activity: Array, projection: Array) -> Array:
    """Goodness of each class, G_c = a . m_c.

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        a: after the nonlinearity, before normalisation.
    projection : (classes, units), same dtype
        M: a learned row for each class.

    Returns
    -------
    (batch, classes) same dtype

    Raises
    ------
    ValueError
        If a shape or dtype is another.

    Examples
    --------
    >>> import numpy as np
    >>> mono_forward_class_scores(np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [1.0, 1.0]]))
    array([[3., 3.]])
    """
    check_matrix(activity, "activity")
    shape = (len(projection), activity.shape[1])
    if projection.shape != shape or not len(projection) or projection.dtype != activity.dtype:
        raise ValueError(
            f"projection must be (classes, {activity.shape[1]}) of dtype {activity.dtype} for "
            f"this activity, got shape {projection.shape} of {projection.dtype}"
        )
    return matmul_nt(activity, projection)  # (MONO.1)


def mono_forward_loss(
    activity: Array, labels: Labels, projection: Array, *, label_smoothing: float = 0.0
) -> float:
    """Mean cross-entropy of a softmax over the classes' goodness.

    G_i = a_i M^T
    L = mean_i cross_entropy(softmax(G_i), label_i)

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        a: after the nonlinearity, before normalisation.
    labels : (batch,) whole numbers in 0 .. classes - 1
    projection : (classes, units), same dtype
        M: a learned row for each class.
    label_smoothing : float in [0, 1)
        Share of each label that is spread evenly over all classes; the paper has none.

    Returns
    -------
    float
        Mean over the batch; 0 for one class.

    Raises
    ------
    ValueError
        If a shape, dtype, label or `label_smoothing` is out of range.

    See Also
    --------
    mono_forward_loss_grads : its derivatives.

    References
    ----------
    Gong, Li, Abdulla (2025), arXiv:2501.09238; see docs/derivations/mono_forward.md.

    Examples
    --------
    >>> import numpy as np
    >>> a, m = np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [1.0, 1.0]])
    >>> round(mono_forward_loss(a, np.array([0]), m), 6)  # two equal scores: log 2
    0.693147
    """
    scores = mono_forward_class_scores(activity, projection)
    return _loss(scores, labels, label_smoothing)


def mono_forward_loss_grads(
    activity: Array, labels: Labels, projection: Array, *, label_smoothing: float = 0.0
) -> tuple[Array, Array]:
    """Derivatives of `mono_forward_loss` in `activity` and `projection`, same shapes and dtype."""
    scores = mono_forward_class_scores(activity, projection)
    return _backward(scores, activity, labels, projection, label_smoothing)


def mono_forward_initial_projection(
    rng: np.random.Generator, *, classes: int, units: int
) -> Array:
    """Draw from N(0, 1 / units): scores about as large as activities; (classes, units) float64."""
    return rng.standard_normal((classes, units)) / np.sqrt(units)


def mono_forward(*, label_smoothing: float = 0.0) -> Objective:
    """Bind the choices of one layer. Its params are `(projection,)`, learned."""
    check_label_smoothing(label_smoothing)

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        labels, (projection,) = context.labels, params
        scores = mono_forward_class_scores(activity, projection)
        d_activity, d_projection = _backward(scores, activity, labels, projection, label_smoothing)
        return Evaluation(
            _loss(scores, labels, label_smoothing),
            d_activity,
            (d_projection,),
            goodness=scores[np.arange(len(labels)), labels],
            accuracy=float((scores.argmax(axis=1) == labels).mean()),
        )

    return Objective(evaluate)


def _loss(scores: Array, labels: Labels, label_smoothing: float) -> float:
    return softmax_cross_entropy(scores, labels, label_smoothing=label_smoothing)  # (MONO.2)


def _backward(
    scores: Array, activity: Array, labels: Labels, projection: Array, label_smoothing: float
) -> tuple[Array, Array]:
    d_scores = softmax_cross_entropy_grad(
        scores, labels, label_smoothing=label_smoothing
    )  # (MONO.3)
    d_activity = matmul(d_scores, projection)  # (MONO.4)
    d_projection = matmul_tn(d_scores, activity)  # (MONO.5)
    return d_activity, d_projection


@dataclass(frozen=True)
class Choices:
    """What a user of Mono-Forward may choose."""

    label_smoothing: float = setting(
        default=0.0, help="share of each label that is spread over all classes"
    )


def _objective(choices: Choices, place: LayerPlace) -> Objective:
    return mono_forward(label_smoothing=choices.label_smoothing)


def _initial_params(choices: Choices, place: LayerPlace, rng: np.random.Generator) -> OwnParams:
    projection = mono_forward_initial_projection(rng, classes=place.classes, units=place.units)
    return OwnParams(learned=(projection,))


def _class_scores(choices: Choices, place: LayerPlace, activity: Array, params: Params) -> Array:
    return mono_forward_class_scores(activity, params[0])


METHOD = Method(
    name="mono-forward",
    title="MonoForward",
    summary="Mono-Forward: each layer classifies by a learned projection of its own activity.",
    source="Gong, Li, Abdulla (2025), arXiv:2501.09238",
    family=OnePass(_class_scores),
    objective=_objective,
    choices=Choices,
    initial_params=_initial_params,
    defaults={"between_norm": "none"},
)
