"""FAUST: by hand, against 50 digits, differences and wrong versions; tuples; centroids."""

import math

import numpy as np
import pytest

from ffref.formulas import NORMS, SIMILARITIES, dot_similarity, l2_normalize, softmax_cross_entropy
from ffref.negatives import class_tuples, labelled_context
from ffref.objectives.faust import (
    faust,
    faust_centroids,
    faust_class_scores,
    faust_loss,
    faust_loss_grads,
)
from tests.gradient_checks import assert_gradients, assert_kept
from tests.independent import scalar_similarity
from tests.independent.compare import scaled_close
from tests.independent.precision import exact, rounded

# labels, units, similarity, norm, scale, rank, seed, rows of a member
CASES = [
    ([0, 1, 0, 1], 3, "cosine", "l2", 5.0, 0, 1, 1),
    ([0, 1, 2, 0, 1, 2], 4, "cosine", "none", 2.0, 0, 2, 1),
    ([0, 0, 2, 2, 2], 3, "dot", "l2", 3.0, 0, 3, 1),
    ([1, 1, 0, 2, 0], 4, "dot", "none", 0.5, 0, 4, 1),
    ([0, 1, 0, 1, 2], 3, "euclidean", "rms", 0.7, 0, 5, 1),
    ([0, 1, 1, 0], 4, "euclidean", "none", 0.3, 0, 6, 1),
    ([0, 1, 0, 1], 4, "mahalanobis", "l2", 1.5, 2, 7, 1),
    ([0, 2, 0, 1, 2, 1], 4, "mahalanobis", "layer", 0.4, 4, 8, 1),
    ([0, 1, 0, 1, 0, 2], 4, "cosine", "l2", 5.0, 0, 9, 2),
    ([0, 1, 1, 0, 1], 3, "euclidean", "none", 0.3, 0, 10, 4),
    ([0, 1, 0, 1, 1], 4, "mahalanobis", "rms", 0.4, 2, 11, 2),
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[2]} {c[3]} {c[7]}")


def arrays(case):
    labels, units, name, _, _, rank, seed, members = case
    rng = np.random.default_rng(seed)
    labels = np.array(labels)
    activity = rng.normal(size=(len(labels), units))
    params = (rng.normal(size=(units, rank)),) if name == "mahalanobis" else ()
    return activity, class_tuples(labels, classes=labels.max() + 1, rng=rng, rows=members), params


def options(case):
    return {
        "scale": case[4],
        "similarity": SIMILARITIES[case[2]],
        "norm": NORMS[case[3]],
    }


# an anchor at cosine 0.8 to its positive and 0.6 to its negative; nobody else is an anchor
Y = np.array([[3.0, 4.0], [0.0, 2.0], [5.0, 0.0]])
ONE = np.array([[1, 2], [-1, -1], [-1, -1]])
W = 1 / (1 + math.exp(2))  # sigmoid(10 (0.6 - 0.8)) = 0.1192


def test_loss_and_gradient_by_hand():
    assert faust_loss(Y, ONE, scale=10.0) == pytest.approx(math.log1p(math.exp(-2)), rel=1e-13)
    # dz_a = 10 W (n - p) = 10 W (1, -1), less its part along z_a = (0.6, 0.8), over length 5:
    # 10 W (1 + 0.12, -1 + 0.16) / 5; dz_p = -10 W z_a, dz_n = 10 W z_a, tangent parts over 2, 5
    d_activity, d_params = faust_loss_grads(Y, ONE, scale=10.0)
    expected = 10 * W * np.array([[1.12 / 5, -0.84 / 5], [-0.6 / 2, 0], [0, 0.8 / 5]])
    np.testing.assert_allclose(d_activity, expected, rtol=1e-12, atol=1e-16)
    assert d_params == ()


def test_members_of_several_rows_by_hand():
    # row 0 at cosines 0.6, 0.8 to its positive's rows and 0, -0.6 to its negative's
    rows = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, 1.0], [-0.6, 0.8]])
    tuples = np.full((5, 2, 2), -1)
    tuples[0] = [[1, 2], [3, 4]]
    assert faust_loss(rows, tuples, scale=2.0) == pytest.approx(
        math.log1p(math.exp(-2)), rel=1e-13
    )
    # dz_0 = 2 W ((z_3 + z_4) - (z_1 + z_2)) / 2 = W (-2, 0.4), dz_1 = dz_2 = -W z_0 and
    # dz_3 = dz_4 = W z_0, less their parts along the rows themselves
    gradient, _ = faust_loss_grads(rows, tuples, scale=2.0)
    expected = W * np.array([[0, 0.4], [-0.64, 0.48], [-0.36, 0.48], [1, 0], [0.64, 0.48]])
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-16)
    # alone in its member, a row has all of its share
    tuples[0] = [[1, -1], [3, -1]]
    same = faust_loss(rows, tuples[:, :, 0], scale=2.0)
    assert (
        faust_loss(rows, tuples, scale=2.0)
        == same
        == faust_loss(rows, tuples[:, :, ::-1], scale=2.0)
    )


def test_mean_runs_over_anchors_alone():
    # the second anchor: positive (3, 4) at 0.8, negative (5, 0) at 0
    two = np.array([[1, 2], [0, 2], [-1, -1]])
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-8))) / 2
    assert faust_loss(Y, two, scale=10.0) == pytest.approx(expected, rel=1e-13)


@each_case
def test_gradients(case):
    activity, tuples, params = arrays(case)
    d_activity, d_params = faust_loss_grads(activity, tuples, params, **options(case))

    def loss(activity, *params):
        return faust_loss(activity, tuples, params, **options(case))

    def scalar_loss(rows, factor=None):
        return scalar_similarity.faust_loss(
            rows, tuples.tolist(), factor, scale=exact(case[4]), similarity=case[2], norm=case[3]
        )

    assert_gradients((d_activity, *d_params), (activity, *params), loss, scalar_loss)


def test_a_row_that_is_asked_for_twice_learns_twice():
    activity = np.random.default_rng(1).normal(size=(3, 4))
    twice = np.array([[1, 2, 2], [-1, -1, -1], [-1, -1, -1]])
    gradient, _ = faust_loss_grads(activity, twice, scale=2.0)

    def loss(activity):
        return faust_loss(activity, twice, scale=2.0)

    def scalar_loss(rows):
        return scalar_similarity.faust_loss(
            rows, twice.tolist(), None, scale=2, similarity="cosine", norm="l2"
        )

    assert_gradients((gradient,), (activity,), loss, scalar_loss)


def test_on_the_sphere_the_similarities_are_one_objective():
    activity, tuples, _ = arrays(CASES[1])
    reference = faust_loss_grads(activity, tuples, scale=4.0)[0]
    factor = (np.eye(activity.shape[1]),)
    for name, scale, params in (
        ("dot", 4.0, ()),
        ("euclidean", 2.0, ()),
        ("mahalanobis", 2.0, factor),
    ):
        same = {"scale": scale, "similarity": SIMILARITIES[name]}
        gradient, _ = faust_loss_grads(activity, tuples, params, **same)
        assert scaled_close(gradient, reference)
        assert not scaled_close(
            faust_loss_grads(activity, tuples, params, scale=4.1, similarity=SIMILARITIES[name])[
                0
            ],
            reference,
        )


def test_n_pair_loss_is_the_softmax_over_similarities():
    # rows 0, 1, 2 are anchors, 3, 4, 5 their positives; the others' positives are negatives
    activity = np.random.default_rng(4).normal(size=(6, 4))
    tuples = np.full((6, 3), -1)
    tuples[:3] = [[3, 4, 5], [4, 3, 5], [5, 3, 4]]
    raw = {"scale": 1.0, "similarity": SIMILARITIES["dot"], "norm": NORMS["none"]}
    loss = faust_loss(activity, tuples, **raw)
    matrix = dot_similarity(activity[:3], activity[3:])
    assert scaled_close(loss, softmax_cross_entropy(matrix, np.arange(3)))
    rows = exact(activity)
    assert scaled_close(loss, rounded(scalar_similarity.n_pair_loss(rows[:3], rows[3:])))


def test_equal_members_cost_the_log_of_their_number():
    activity = np.ones((5, 3))
    tuples = np.array([[1, 2, 3, 4]] + [[-1] * 4] * 4)
    assert faust_loss(activity, tuples, scale=7.0) == pytest.approx(math.log(4), rel=1e-14)


@pytest.mark.parametrize("case", [c for c in CASES if c[2] == "cosine" or c[3] != "none"])
def test_length_of_a_normalised_row_does_not_matter(case):
    activity, tuples, params = arrays(case)
    loss = faust_loss(activity, tuples, params, **options(case))
    scaled = activity * np.arange(1, len(activity) + 1)[:, None]
    assert faust_loss(scaled, tuples, params, **options(case)) == pytest.approx(loss, rel=1e-12)
    gradient, _ = faust_loss_grads(activity, tuples, params, **options(case))
    assert abs((gradient * activity).sum(axis=1)).max() < 1e-14 * len(activity)


@pytest.mark.parametrize(
    ("labels", "classes"), [([0, 0, 0], 1), ([0, 1, 2], 3), ([0], 1), ([0], 4), ([2, 2], 5)]
)
@pytest.mark.parametrize("rows", [1, 3])
def test_batches_with_nothing_to_tell_apart(labels, classes, rows):
    labels = np.array(labels)
    tuples = class_tuples(labels, classes=classes, rng=np.random.default_rng(0), rows=rows)
    activity = np.random.default_rng(1).normal(size=(len(labels), 3))
    assert faust_loss(activity, tuples, scale=5.0) == 0
    gradient, _ = faust_loss_grads(activity, tuples, scale=5.0)
    np.testing.assert_array_equal(gradient, np.zeros_like(activity))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["cosine", "euclidean"])
def test_extremes_stay_finite(name, dtype):
    choices = {"similarity": SIMILARITIES[name]}
    worst = np.array([[[1, -1], [2, 2]], [[-1, -1], [-1, -1]], [[-1, -1], [-1, -1]]])
    activity = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 1e-3]], dtype)
    loss = faust_loss(activity, worst, scale=1e4, **choices)
    assert loss == pytest.approx({"cosine": 2e4, "euclidean": 4e4}[name], rel=1e-3)
    for rows in (activity, np.zeros((3, 2), dtype), activity * dtype(1e15)):
        assert np.isfinite(faust_loss(rows, worst, scale=1e4, **choices))
        gradient, _ = faust_loss_grads(rows, worst, scale=1e4, **choices)
        assert gradient.dtype == dtype
        assert np.isfinite(gradient).all()


def test_a_confident_anchor_keeps_its_digits():
    # log(1 + exp(-40)) is exp(-40), far below the spacing of numbers near 40
    assert faust_loss(Y, ONE, scale=200.0) == pytest.approx(math.exp(-40), rel=1e-10)


def test_dtype_layout_and_inputs_are_kept():
    activity, tuples, params = arrays(CASES[6])
    choices = options(CASES[6])
    for k in (0, 1):

        def gradient(activity, factor, k=k):
            d_activity, d_params = faust_loss_grads(activity, tuples, (factor,), **choices)
            return (d_activity, *d_params)[k]

        assert_kept(gradient, activity, *params)


@pytest.mark.parametrize(
    ("tuples", "message"),
    [
        (ONE[:2], r"\(3, members\)"),
        (ONE + 1, "row numbers"),
        (ONE.astype(float), "row numbers"),
        (np.array([[0, 2], [-1, -1], [-1, -1]]), "own tuple"),
        (np.array([[1, 0], [-1, -1], [-1, -1]]), "own tuple"),
        (np.zeros((3, 0), int), "members"),
    ],
)
def test_bad_tuples_are_refused(tuples, message):
    with pytest.raises(ValueError, match=message):
        faust_loss(Y, tuples, scale=1.0)


def test_bad_scale_and_missing_tuples_are_refused():
    with pytest.raises(ValueError, match="scale"):
        faust_loss(Y, ONE, scale=0.0)
    with pytest.raises(ValueError, match="scale"):
        faust(scale=-1.0)
    context = labelled_context(np.array([0, 0, 1]), Y.dtype)
    with pytest.raises(ValueError, match="class_tuples"):
        faust(scale=1.0).loss(Y, context, ())


# -- tuples -----------------------------------------------------------------------------------


def test_tuples_hold_one_row_of_each_class():
    labels = np.random.default_rng(0).integers(4, size=40)
    tuples = class_tuples(labels, classes=4, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(labels[tuples], (labels[:, None] + np.arange(4)) % 4)
    assert (tuples != np.arange(40)[:, None]).all()
    again = class_tuples(labels, classes=4, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(tuples, again)


def test_tuples_of_several_rows():
    labels = np.array([0, 1, 0, 0, 1, 3, 0])  # class 2 is absent, class 3 has one row
    rng = np.random.default_rng(2)
    tuples = class_tuples(labels, classes=4, rng=rng, rows=3)
    assert tuples.shape == (7, 4, 3)
    for row, members in enumerate(tuples.tolist()):
        for k, drawn in enumerate(members):
            there = set(np.flatnonzero(labels == (labels[row] + k) % 4)) - {row}
            found = [other for other in drawn if other >= 0]
            assert len(found) == len(set(found)) == min(3, len(there))
            assert set(found) <= there
            assert drawn == [*found, *[-1] * (3 - len(found))]
    # of four rows of class 0, row 1 gets each as often: three of four times
    draws = [class_tuples(labels, classes=4, rng=rng, rows=3)[1, 3] for _ in range(2000)]
    share = np.bincount(np.ravel(draws), minlength=7) / 2000
    assert abs(share[[0, 2, 3, 6]] - 0.75).max() < 0.05  # over 5 standard deviations


def test_tuples_of_lonely_and_absent_classes():
    labels = np.array([3, 0, 3, 1])  # class 2 is absent, 0 and 1 have one row
    tuples = class_tuples(labels, classes=4, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(tuples[1], [-1, 3, -1, tuples[1, 3]])
    np.testing.assert_array_equal(tuples[3, :2], [-1, -1])
    assert tuples[1, 3] in (0, 2)
    np.testing.assert_array_equal(tuples[[0, 2]], [[2, 1, 3, -1], [0, 1, 3, -1]])


def test_tuples_take_all_rows_of_a_class_alike():
    labels = np.array([0, 1, 0, 0, 1])
    rng = np.random.default_rng(5)
    drawn = np.stack([class_tuples(labels, classes=2, rng=rng) for _ in range(3000)])
    for anchor, column, rows in (
        (0, 0, [2, 3]),
        (2, 0, [0, 3]),
        (0, 1, [1, 4]),
        (1, 1, [0, 2, 3]),
    ):
        share = np.bincount(drawn[:, anchor, column], minlength=5) / 3000
        expected = np.where(np.isin(np.arange(5), rows), 1 / len(rows), 0)
        assert abs(share - expected).max() < 0.04  # over 4 standard deviations of a fair draw


# -- centroids --------------------------------------------------------------------------------


def test_centroids_by_hand():
    # directions (0.6, 0.8), (0, 1); (1, 0): means (0.3, 0.9) and (1, 0)
    centroids, counts = faust_centroids(Y, np.array([0, 0, 2]), classes=3)
    np.testing.assert_allclose(centroids, [[0.3, 0.9], [0, 0], [1, 0]], rtol=1e-15)
    np.testing.assert_array_equal(counts, [2, 0, 1])


def test_scores_by_hand_and_a_class_without_centroid():
    # nearness of (0, 1): cosine 0.9 / sqrt(0.9), 0; the class without samples is never chosen
    centroids, counts = faust_centroids(Y, np.array([0, 0, 2]), classes=3)
    scores = faust_class_scores(np.array([[0.0, 7.0]]), centroids, counts)
    np.testing.assert_allclose(scores, [[math.sqrt(0.9), -np.inf, 0]], rtol=1e-15)
    euclidean = faust_class_scores(
        np.array([[0.0, 7.0]]), centroids, counts, similarity=SIMILARITIES["euclidean"]
    )
    np.testing.assert_allclose(euclidean, [[-0.1, -np.inf, -2]], rtol=1e-14)


def test_a_silent_layer_scores_all_classes_alike():
    centroids, counts = faust_centroids(np.zeros((2, 3)), np.array([0, 1]), classes=2)
    np.testing.assert_array_equal(faust_class_scores(np.ones((1, 3)), centroids, counts), [[0, 0]])


# -- the record -------------------------------------------------------------------------------


def test_bound_objective_says_what_the_functions_say():
    case = CASES[6]
    activity, tuples, params = arrays(case)
    labels = np.array(case[0])
    context = labelled_context(labels, activity.dtype)._replace(tuples=tuples)
    objective = faust(**options(case))
    state = (*params, np.ones((2, 4)), np.ones(2))
    loss = faust_loss(activity, tuples, params, **options(case))
    d_activity, d_params = faust_loss_grads(activity, tuples, params, **options(case))
    assert objective.loss(activity, context, state) == loss
    grads = objective.grads(activity, context, state)
    evaluation = objective.evaluate(activity, context, state)
    assert evaluation.loss == loss
    for got in (grads, (evaluation.d_activity, evaluation.d_params)):
        np.testing.assert_array_equal(got[0], d_activity)
        assert len(got[1]) == 1
        np.testing.assert_array_equal(got[1][0], d_params[0])
    assert objective.advance(activity, context, state) is state
    point = l2_normalize(activity) @ params[0]
    near = -((point[:, None] - point) ** 2).sum(axis=2)
    best = [near[i, t[0]] >= near[i, t].max() for i, t in enumerate(tuples)]
    assert evaluation.accuracy == np.mean(best)
    np.testing.assert_allclose(evaluation.goodness, near[np.arange(4), tuples[:, 0]], rtol=1e-12)


def test_bound_objective_without_anchors():
    context = labelled_context(np.arange(3), Y.dtype)._replace(tuples=np.full((3, 2), -1))
    evaluation = faust(scale=1.0).evaluate(Y, context, ())
    assert (evaluation.loss, evaluation.accuracy) == (0, 0)
    np.testing.assert_array_equal(evaluation.goodness, 0)
