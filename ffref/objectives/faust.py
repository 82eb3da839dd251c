"""FAUST: each layer pulls an anchor to a sample of its class, away from one of each other class.

Paper: Gong et al., "Reshaping the Forward-Forward Algorithm with a Similarity-Based Objective",
arXiv:2509.08697v1. Its equations were not readable; this is a reconstruction from its abstract
and from the tuplet loss that it names (docs/derivations/faust.md says which).
Derivation: docs/derivations/faust.md, equations FAUST.1 to FAUST.11.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ffref._checks import check_count, check_matrix, check_positive, require
from ffref.formulas import class_means, class_sums, log_sum_exp, softmax
from ffref.formulas.norms import NORMS
from ffref.formulas.similarity import COSINE, SIMILARITIES, Similarity
from ffref.method import LayerPlace, Method, OnePass, OwnParams, setting
from ffref.types import (
    Array,
    Census,
    Evaluation,
    Labels,
    LayerContext,
    Norm,
    Objective,
    Params,
    Tuples,
)

L2 = NORMS["l2"]


class _Bound(NamedTuple):
    """What `faust` binds."""

    scale: float
    similarity: Similarity
    norm: Norm


class _Forward(NamedTuple):
    """What loss, gradients and accuracy are made of."""

    direction: Array
    """(batch, units) z"""
    anchors: np.ndarray
    """row numbers of the A anchors"""
    members: np.ndarray
    """(A, members, rows) row numbers, positive first; 0 where there is none"""
    shares: Array
    """(A, members, rows) of each row in its member's mean; 0 where there is none"""
    similar: Array
    """(A, members) similarity of anchor and member, -inf where there is none"""
    logits: Array
    """(A, members) u, scaled and less that of the positive"""


def faust_loss(
    activity: Array,
    tuples: Tuples,
    params: Params = (),
    *,
    scale: float,
    similarity: Similarity = COSINE,
    norm: Norm = L2,
) -> float:
    """Mean tuplet loss: the positive of each anchor against its negatives.

    z = N(y)
    L = mean_i log(1 + sum_n exp(s S(z_i, z_n) - s S(z_i, z_p)))
    over the anchors i, with their positive p and negatives n; for a member of several rows, S
    stands for the mean over them

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        y: after the nonlinearity, before normalisation.
    tuples : (batch, members) or (batch, members, rows) whole numbers
        Row i: the row numbers of anchor i's positive, then of its negatives; -1: there is none.
        A row without a positive is no anchor. `ffref.negatives.class_tuples` draws them.
    params : tuple of arrays
        What the similarity learns: `(factor,)` for the Mahalanobis one, `()` for the others.
    scale : float
        s > 0: factor on the similarities.
    similarity : Similarity
        S, one of `ffref.formulas.SIMILARITIES`.
    norm : Norm
        N, one of `ffref.formulas.NORMS`.

    Returns
    -------
    float
        Mean over the anchors; 0 if there is none, or no negative.

    Raises
    ------
    ValueError
        If `tuples` holds no row numbers of this batch, or an anchor in its own tuple.

    See Also
    --------
    faust_loss_grads : its derivatives.

    References
    ----------
    Gong et al. (2025), arXiv:2509.08697v1, at second hand; Sohn (2016), "Improved deep metric
    learning with multi-class N-pair loss objective", equation 6.

    Examples
    --------
    One anchor at cosine 0.8 to its positive, 0.6 to its negative:

    >>> import numpy as np
    >>> y = np.array([[3.0, 4.0], [0.0, 2.0], [5.0, 0.0]])
    >>> tuples = np.array([[1, 2], [-1, -1], [-1, -1]])
    >>> round(faust_loss(y, tuples, scale=10.0), 6)  # softplus(10 (0.6 - 0.8))
    0.126928
    """
    return _loss(_forward(activity, tuples, params, _Bound(scale, similarity, norm)))


def faust_loss_grads(
    activity: Array,
    tuples: Tuples,
    params: Params = (),
    *,
    scale: float,
    similarity: Similarity = COSINE,
    norm: Norm = L2,
) -> tuple[Array, Params]:
    """Derivatives of `faust_loss` in `activity` and `params`, same shapes and dtype.

    A row gets its share as anchor, as positive and as negative of others.
    """
    bound = _Bound(scale, similarity, norm)
    return _backward(_forward(activity, tuples, params, bound), activity, params, bound)


def faust_centroids(
    activity: Array, labels: Labels, *, classes: int, norm: Norm = L2
) -> tuple[Array, Array]:
    """Mean of each class's normalised activity, and how many rows it is made of.

    Parameters
    ----------
    activity : (batch, units) float32 or float64
        Of training samples alone: a centroid that saw test labels reports them back.
    labels : (batch,) whole numbers in 0 .. classes - 1
    classes : int
    norm : Norm
        As in the loss.

    Returns
    -------
    centroids : (classes, units) same dtype
        0 for a class without rows.
    counts : (classes,) same dtype

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[2.0, 0.0], [0.0, 3.0], [0.0, 5.0]])
    >>> faust_centroids(y, np.array([0, 0, 2]), classes=3)[0]
    array([[0.5, 0.5],
           [0. , 0. ],
           [0. , 1. ]])
    """
    sums, counts = class_sums(norm.value(activity), labels, classes=classes)
    centroids = class_means(sums, counts, activity.dtype)  # (FAUST.8)
    return centroids, counts.astype(activity.dtype)


def faust_class_scores(
    activity: Array,
    centroids: Array,
    counts: Array,
    params: Params = (),
    *,
    similarity: Similarity = COSINE,
    norm: Norm = L2,
) -> Array:
    """Similarity of each row to each class's centroid, -inf for a class that has none.

    Parameters
    ----------
    activity : (batch, units)
    centroids, counts : (classes, units), (classes,)
        As `faust_centroids` returns them.
    params, similarity, norm
        As in the loss.

    Returns
    -------
    (batch, classes) same dtype

    Examples
    --------
    >>> import numpy as np
    >>> centroids, counts = np.eye(2), np.ones(2)
    >>> faust_class_scores(np.array([[3.0, 4.0]]), centroids, counts)
    array([[0.6, 0.8]])
    """
    scores = similarity.value(norm.value(activity), centroids, params)  # (FAUST.9)
    scores[:, counts == 0] = -np.inf
    return scores


def faust(
    *, scale: float, similarity: Similarity = COSINE, norm: Norm = L2, member_rows: int = 1
) -> Objective:
    """Bind the choices of one layer, and how many rows a member of its tuples has.

    Its params are what the similarity learns, then `(centroids, counts)`: state, which the loss
    does not see and no step moves; its census takes them from the training samples.

    Examples
    --------
    >>> import numpy as np
    >>> faust(scale=10.0).advance(None, None, (np.zeros((2, 3)), np.zeros(2)))[1]
    array([0., 0.])
    """
    check_positive(scale, "scale")
    check_count(member_rows, "member_rows")
    bound = _Bound(scale, similarity, norm)

    def evaluate(activity: Array, context: LayerContext, params: Params) -> Evaluation:
        learned = params[: similarity.learned]
        forward = _forward(activity, context.tuples, learned, bound)
        d_activity, d_params = _backward(forward, activity, learned, bound)
        goodness = np.zeros(len(activity), activity.dtype)
        goodness[forward.anchors] = forward.similar[:, 0]
        right = forward.logits.argmax(axis=1) == 0
        accuracy = float(right.mean()) if len(right) else 0.0
        return Evaluation(_loss(forward), d_activity, d_params, goodness, accuracy)

    def sums(activity: Array, labels: Labels, params: Params) -> tuple[Array, ...]:
        total, counts = class_sums(norm.value(activity), labels, classes=len(params[-1]))
        return total, counts.astype(total.dtype)

    census = Census(sums, _with_centroids)
    return Objective(evaluate, compared_rows=member_rows, census=census)


def _with_centroids(params: Params, sums: tuple[Array, ...]) -> Params:
    """Params with new centroids; a class without samples keeps what it has."""
    *learned, centroids, counts = params
    total, rows = sums
    seen = rows > 0
    means = class_means(total, rows, centroids.dtype)  # (FAUST.8)
    rows = np.where(seen, rows, counts).astype(counts.dtype)
    return (*learned, np.where(seen[:, None], means, centroids), rows)


def _forward(activity: Array, tuples: Tuples | None, params: Params, bound: _Bound) -> _Forward:
    check_matrix(activity, "activity")
    tuples = _checked_tuples(tuples, len(activity))
    scale = check_positive(bound.scale, "scale")
    anchors = np.flatnonzero((tuples[:, 0] >= 0).any(axis=1))
    members = np.maximum(tuples[anchors], 0)
    present = tuples[anchors] >= 0
    rows = present.sum(axis=2)
    shares = (present / np.maximum(rows, 1)[:, :, None]).astype(activity.dtype)
    direction = bound.norm.value(activity)  # (FAUST.1)
    matrix = bound.similarity.value(direction, direction, params)
    similar = (shares * matrix[anchors[:, None, None], members]).sum(axis=2)  # (FAUST.10)
    similar[rows == 0] = -np.inf
    logits = scale * (similar - similar[:, :1])  # (FAUST.2)
    return _Forward(direction, anchors, members, shares, similar, logits)


def _loss(forward: _Forward) -> float:
    if not len(forward.anchors):
        return 0.0
    return float(log_sum_exp(forward.logits).mean())  # (FAUST.3)


def _backward(
    forward: _Forward, activity: Array, params: Params, bound: _Bound
) -> tuple[Array, Params]:
    direction, anchors, members, shares, _, logits = forward
    d_similar = np.zeros((len(direction), len(direction)), direction.dtype)
    if len(anchors):
        d_logits = softmax(logits)
        d_logits[:, 0] = -d_logits[:, 1:].sum(axis=1)
        d_logits /= len(anchors)  # (FAUST.4)
        scaled = float(bound.scale) * d_logits[:, :, None] * shares  # (FAUST.11)
        np.add.at(d_similar, (anchors[:, None, None], members), scaled)  # (FAUST.5)
    as_anchor, as_member, d_params = bound.similarity.vjp(d_similar, direction, direction, params)
    d_activity = bound.norm.vjp(as_anchor + as_member, activity)  # (FAUST.6), (FAUST.7)
    return d_activity, d_params


def _checked_tuples(drawn: Tuples | None, batch: int) -> Tuples:
    tuples = np.asarray(drawn)
    require(
        tuples.ndim in (2, 3) and len(tuples) == batch and tuples.size > 0,
        f"tuples must be ({batch}, members) or ({batch}, members, rows), one entry for each row "
        f"of activity, got shape {tuples.shape}; draw them with class_tuples",
    )
    tuples = tuples.reshape(batch, tuples.shape[1], -1)
    require(
        tuples.dtype.kind in "iu" and tuples.min() >= -1 and tuples.max() < batch,
        f"tuples must hold row numbers 0 .. {batch - 1} of this batch, or -1 where there is none",
    )
    own = np.flatnonzero((tuples == np.arange(batch)[:, None, None]).any(axis=(1, 2)))
    require(
        not len(own),
        f"no row may stand in its own tuple, and {len(own)} do, row {own[:1]} first; draw tuples "
        f"with class_tuples",
    )
    return tuples


@dataclass(frozen=True)
class Choices:
    """What a user of FAUST may choose."""

    similarity: str = setting(
        default="cosine",
        help="of an anchor and its members",
        more="On activities of one length the first three are one, but for the scale.",
        choices=tuple(SIMILARITIES),
        shapes=True,
    )
    scale: float = setting(default=10.0, help="factor on similarities", check=check_positive)
    member_rows: int = setting(
        default=1,
        help="samples of a class that make a member of a tuple, by their mean similarity",
        more="Where the batch has as many.",
        check=check_count,
    )
    activity_norm: str = setting(
        default="l2",
        help="of the activity that is compared",
        choices=tuple(NORMS),
        shapes=True,
    )
    rank: int = setting(
        default=64,
        help="columns of the learned metric's factor",
        check=check_count,
        shapes=True,
        needs=("similarity", ("mahalanobis",)),
    )


def faust_initial_factor(rng: np.random.Generator, *, units: int, rank: int) -> Array:
    """Draw from N(0, 1 / rank): a metric that keeps squared distances in the mean; float64."""
    return rng.standard_normal((units, rank)) / np.sqrt(rank)


def _objective(choices: Choices, place: LayerPlace) -> Objective:
    return faust(
        scale=choices.scale,
        similarity=SIMILARITIES[choices.similarity],
        norm=NORMS[choices.activity_norm],
        member_rows=choices.member_rows,
    )


def _initial_params(choices: Choices, place: LayerPlace, rng: np.random.Generator) -> OwnParams:
    learned: Params = ()
    if SIMILARITIES[choices.similarity].learned:
        learned = (faust_initial_factor(rng, units=place.units, rank=choices.rank),)
    return OwnParams(learned, (np.zeros((place.classes, place.units)), np.zeros(place.classes)))


def _class_scores(choices: Choices, place: LayerPlace, activity: Array, params: Params) -> Array:
    *learned, centroids, counts = params
    return faust_class_scores(
        activity,
        centroids,
        counts,
        tuple(learned),
        similarity=SIMILARITIES[choices.similarity],
        norm=NORMS[choices.activity_norm],
    )


def _logits(choices: Choices, goodness: Array, read: Sequence[LayerPlace]) -> Array:
    return goodness * (choices.scale / len(read))


METHOD = Method(
    name="faust",
    title="FAUST",
    summary="FAUST: each layer pulls an anchor to its class, away from one of each other class.",
    source="Gong et al. (2025), arXiv:2509.08697; a reconstruction",
    family=OnePass(_class_scores),
    objective=_objective,
    choices=Choices,
    initial_params=_initial_params,
    logits=_logits,
)
