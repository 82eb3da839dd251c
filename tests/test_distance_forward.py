"""Distance-Forward: by hand, against 50 digits, differences and wrong versions; its relatives."""

import math

import numpy as np
import pytest

from ffref.formulas import EUCLIDEAN, l2_normalize
from ffref.negatives import labelled_context
from ffref.objectives.distance_forward import (
    distance_forward,
    distance_forward_centroids_rule,
    distance_forward_class_scores,
    distance_forward_initial_centroids,
    distance_forward_loss,
    distance_forward_loss_grad,
)
from ffref.objectives.faust import faust_loss
from ffref.objectives.hff import hff_loss, hff_loss_grads
from tests.gradient_checks import assert_gradients, assert_kept
from tests.independent import scalar_similarity
from tests.independent.compare import scaled_close
from tests.independent.precision import exact

# batch, classes, units, scale, margin, seed
CASES = [
    (3, 2, 3, 1.0, 0.0, 1),
    (4, 3, 4, 3.0, 0.5, 2),
    (1, 4, 3, 0.5, -0.2, 3),
    (3, 3, 3, 2.0, 1.5, 4),
]
each_case = pytest.mark.parametrize("case", CASES)


def arrays(case):
    batch, classes, units, _, _, seed = case
    rng = np.random.default_rng(seed)
    activity, centroids = rng.normal(size=(batch, units)), rng.normal(size=(classes, units)) * 0.6
    return activity, rng.integers(classes, size=batch), centroids


def options(case):
    return {"scale": case[3], "margin": case[4]}


# squared distances 0.8 and 0.4 to the two axes
Y, LABEL, AXES = np.array([[3.0, 4.0]]), np.array([1]), np.eye(2)


def test_loss_and_gradient_by_hand():
    # u = 5 (0.4 - 0.8) = -2; dg = 5 w (1, -1), dz = 2 * 5 w (1, -1), less its part along (0.6,
    # 0.8), over the length 5
    loss = distance_forward_loss(Y, LABEL, AXES, scale=5.0)
    assert loss == pytest.approx(math.log1p(math.exp(-2)), rel=1e-13)
    w = 1 / (1 + math.exp(2))
    expected = 10 * w * np.array([[1.12 / 5, -0.84 / 5]])
    gradient = distance_forward_loss_grad(Y, LABEL, AXES, scale=5.0)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def test_margin_by_hand():
    # 0.4 further off: both weigh the same
    loss = distance_forward_loss(Y, LABEL, AXES, scale=5.0, margin=0.4)
    assert loss == pytest.approx(math.log(2), rel=1e-14)


@each_case
def test_gradients(case):
    activity, labels, centroids = arrays(case)
    constants = exact(centroids), exact(case[3]), exact(case[4])
    assert_gradients(
        (distance_forward_loss_grad(activity, labels, centroids, **options(case)),),
        (activity,),
        lambda y: distance_forward_loss(y, labels, centroids, **options(case)),
        lambda rows: scalar_similarity.distance_forward_loss(rows, labels, *constants),
    )


@each_case
def test_with_unit_centroids_it_is_hff_with_one_prototype(case):
    activity, labels, centroids = arrays(case)
    centroids = l2_normalize(centroids)
    same = {"temperature": 1 / (2 * case[3]), "margin": case[4] / 2}
    # HFF takes its margin off the true class, DF adds it to all others: one softmax
    assert scaled_close(
        distance_forward_loss(activity, labels, centroids, **options(case)),
        hff_loss(activity, labels, centroids, **same),
    )
    assert scaled_close(
        distance_forward_loss_grad(activity, labels, centroids, **options(case)),
        hff_loss_grads(activity, labels, centroids, **same)[0],
        1e-11,
    )


def test_with_samples_as_centroids_it_is_a_tuplet_loss():
    activity = np.random.default_rng(7).normal(size=(4, 3))
    tuples = np.array([[1, 2, 3]] + [[-1] * 3] * 3)
    members = l2_normalize(activity)[1:]
    assert scaled_close(
        distance_forward_loss(activity[:1], np.array([0]), members, scale=1.5),
        faust_loss(activity, tuples, scale=1.5, similarity=EUCLIDEAN),
    )


@each_case
def test_length_does_not_matter(case):
    activity, labels, centroids = arrays(case)
    loss = distance_forward_loss(activity, labels, centroids, **options(case))
    again = distance_forward_loss(7 * activity, labels, centroids, **options(case))
    assert again == pytest.approx(loss, rel=1e-13)
    gradient = distance_forward_loss_grad(activity, labels, centroids, **options(case))
    assert abs((gradient * activity).sum(axis=1)).max() < 1e-14


def test_one_class_has_nothing_to_learn():
    activity, labels = np.ones((2, 3)), np.zeros(2, int)
    assert distance_forward_loss(activity, labels, np.ones((1, 3)), scale=2.0, margin=1.0) == 0
    gradient = distance_forward_loss_grad(activity, labels, np.ones((1, 3)), scale=2.0)
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_stay_finite(dtype):
    labels, centroids = np.array([0, 1]), np.eye(2, dtype=dtype)
    for rows in ([[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [[0.0, 1e15], [1e-15, 0.0]]):
        activity = np.array(rows, dtype)
        loss = distance_forward_loss(activity, labels, centroids, scale=1e4, margin=1.0)
        gradient = distance_forward_loss_grad(activity, labels, centroids, scale=1e4, margin=1.0)
        assert np.isfinite(loss)
        assert gradient.dtype == dtype
        assert np.isfinite(gradient).all()
    # both on the other's axis: (2 + 1) 1e4
    wrong = np.array([[0, 1], [1, 0]], dtype)
    loss = distance_forward_loss(wrong, labels, centroids, scale=1e4, margin=1.0)
    assert loss == pytest.approx(3e4, rel=1e-6)


def test_dtype_layout_and_inputs_are_kept():
    activity, labels, centroids = arrays(CASES[1])
    assert_kept(
        lambda y, m: distance_forward_loss_grad(y, labels, m, scale=2.0, margin=0.1),
        activity,
        centroids,
    )
    assert_kept(
        lambda y, m: distance_forward_centroids_rule(y, labels, m, decay=0.9), activity, centroids
    )


def test_centroids_rule_by_hand():
    # class 0: directions (0, 1) and (1, 0), mean (0.5, 0.5); class 1 is absent
    y = np.array([[0.0, 5.0], [2.0, 0.0]])
    moved = distance_forward_centroids_rule(y, np.array([0, 0]), AXES, decay=0.5)
    np.testing.assert_allclose(moved, [[0.75, 0.25], [0, 1]], rtol=1e-15)
    moved = distance_forward_centroids_rule(y, np.array([0, 0]), AXES, decay=0.0)
    np.testing.assert_allclose(moved, [[0.5, 0.5], [0, 1]], rtol=1e-15)


def test_initial_centroids_are_drawn_from_the_sphere():
    drawn = [
        distance_forward_initial_centroids(np.random.default_rng(seed), classes=3, units=5)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_allclose(np.linalg.norm(drawn[0], axis=1), 1, rtol=1e-15)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distance_forward_loss(Y, LABEL, np.eye(3), scale=1.0), "centroids"),
        (lambda: distance_forward_loss(Y, LABEL, AXES.astype("f"), scale=1.0), "float64"),
        (lambda: distance_forward_loss(Y, np.array([2]), AXES, scale=1.0), r"0 \.\. 1"),
        (lambda: distance_forward_loss(Y, LABEL, AXES, scale=-1.0), "scale"),
        (lambda: distance_forward_loss(Y, LABEL, AXES, scale=1.0, margin=np.nan), "margin"),
        (lambda: distance_forward_centroids_rule(Y, LABEL, AXES, decay=1.0), "decay"),
        (lambda: distance_forward(scale=1.0, decay=-0.1), "decay"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_bound_objective_says_what_the_functions_say():
    activity, labels, centroids = arrays(CASES[1])
    objective = distance_forward(decay=0.9, **options(CASES[1]))
    context = labelled_context(labels, activity.dtype)
    loss = distance_forward_loss(activity, labels, centroids, **options(CASES[1]))
    gradient = distance_forward_loss_grad(activity, labels, centroids, **options(CASES[1]))
    assert objective.loss(activity, context, (centroids,)) == loss
    d_activity, d_params = objective.grads(activity, context, (centroids,))
    np.testing.assert_array_equal(d_activity, gradient)
    assert d_params == ()
    evaluation = objective.evaluate(activity, context, (centroids,))
    assert evaluation.loss == loss
    np.testing.assert_array_equal(evaluation.d_activity, gradient)
    scores = distance_forward_class_scores(activity, centroids)
    gaps = l2_normalize(activity)[:, None] - centroids
    np.testing.assert_allclose(scores, -(gaps**2).sum(axis=2), rtol=1e-12)
    np.testing.assert_array_equal(evaluation.goodness, scores[np.arange(4), labels])
    assert evaluation.accuracy == (scores.argmax(axis=1) == labels).mean()
    (moved,) = objective.advance(activity, context, (centroids,))
    np.testing.assert_array_equal(
        moved, distance_forward_centroids_rule(activity, labels, centroids, decay=0.9)
    )
