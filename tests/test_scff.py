"""Self-contrast: pairs, loss and gradient by hand, against 50 digits, differences, wrong ones."""

import math

import numpy as np
import pytest

from ffref.formulas import MEAN_OF_SQUARES, SUM_OF_SQUARES
from ffref.negatives import other_row, paired_context, self_contrast
from ffref.objectives.ff import ff_loss, ff_loss_grad
from ffref.objectives.scff import scff, scff_loss, scff_loss_grad
from tests.gradient_checks import assert_gradients, assert_kept
from tests.independent import scalar_similarity
from tests.independent.compare import scaled_close
from tests.independent.precision import exact

# polarity, units, positive threshold, negative threshold, penalty, seed
CASES = [
    ([1, 1, -1, -1], 3, 1.0, 2.0, 0.0, 1),
    ([1, -1, 1, 1, -1], 4, 0.5, 0.3, 0.25, 2),
    ([1, 1], 2, 1.5, 9.0, 0.1, 3),
    ([-1, -1, -1], 3, 9.0, 0.7, 0.1, 4),
    ([-1, 1], 1, 0.2, -0.4, -0.3, 5),
]
each_case = pytest.mark.parametrize("case", CASES)


def arrays(case):
    polarity = np.array(case[0], float)
    rng = np.random.default_rng(case[5])
    return rng.normal(size=(len(polarity), case[1])) * 1.4, polarity


def options(case):
    return {"positive_threshold": case[2], "negative_threshold": case[3], "penalty": case[4]}


# goodness 2 and 1, thresholds 2 and 3, price 1/4
Y, S = np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([1.0, -1.0])
HOW = {"positive_threshold": 2.0, "negative_threshold": 3.0, "penalty": 0.25}


def test_loss_and_gradient_by_hand():
    # softplus 0 + 0.25 * 2 + softplus -2; dg+ = 0.25 - 0.5, dg- = sigmoid(-2); dy = 2 y / 2 dg
    expected = math.log(2) + 0.5 + math.log1p(math.exp(-2))
    assert scff_loss(Y, S, **HOW) == pytest.approx(expected, rel=1e-14)
    w = 1 / (1 + math.exp(2))
    np.testing.assert_allclose(scff_loss_grad(Y, S, **HOW), [[-0.5, 0], [w, w]], rtol=1e-13)


@each_case
def test_gradients(case):
    activity, polarity = arrays(case)
    assert_gradients(
        (scff_loss_grad(activity, polarity, **options(case)),),
        (activity,),
        lambda y: scff_loss(y, polarity, **options(case)),
        lambda rows: scalar_similarity.scff_loss(rows, case[0], *map(exact, case[2:5])),
    )


def test_one_threshold_without_price_is_twice_hintons_loss():
    activity, polarity = arrays(CASES[0])
    for goodness in (MEAN_OF_SQUARES, SUM_OF_SQUARES):
        how = {"positive_threshold": 1.2, "negative_threshold": 1.2, "goodness": goodness}
        loss = ff_loss(activity, polarity, threshold=1.2, goodness=goodness)
        assert scaled_close(scff_loss(activity, polarity, **how), 2 * loss)
        gradient = ff_loss_grad(activity, polarity, threshold=1.2, goodness=goodness)
        assert scaled_close(scff_loss_grad(activity, polarity, **how), 2 * gradient)


def test_a_positive_rests_where_its_price_is_its_pull():
    # sigmoid(theta - g) = 1/4 at g = theta + log 3
    y = np.array([[math.sqrt(2 + math.log(3))]])
    assert abs(scff_loss_grad(y, np.ones(1), **HOW)).max() < 1e-15


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_stay_finite(dtype):
    for size in (0, 1e2, 1e4):
        y = np.full((2, 3), size, dtype)
        loss = scff_loss(y, S.astype(dtype), **HOW)
        gradient = scff_loss_grad(y, S.astype(dtype), **HOW)
        assert np.isfinite(loss)
        assert gradient.dtype == dtype
        assert np.isfinite(gradient).all()
    far = {**HOW, "negative_threshold": -1e4}
    expected = math.log1p(math.exp(2)) + math.log1p(math.exp(-1e4)) + 1e4
    assert scff_loss(np.zeros((2, 1), dtype), S.astype(dtype), **far) == pytest.approx(expected)


def test_dtype_layout_and_inputs_are_kept():
    activity, polarity = arrays(CASES[1])
    assert_kept(lambda y, s: scff_loss_grad(y, s, **HOW), activity, polarity)


@pytest.mark.parametrize(
    "change", [{"positive_threshold": np.nan}, {"negative_threshold": np.inf}, {"penalty": "1"}]
)
def test_bad_numbers_are_refused(change):
    for call in (lambda: scff_loss(Y, S, **{**HOW, **change}), lambda: scff(**{**HOW, **change})):
        with pytest.raises(ValueError, match=next(iter(change))):
            call()


def test_bad_polarity_is_refused():
    with pytest.raises(ValueError, match="polarity"):
        scff_loss(Y, np.array([1.0, 0.0]), **HOW)


def test_bound_objective_says_what_the_functions_say():
    activity = arrays(CASES[0])[0]
    context = paired_context(np.zeros(2, int), activity.dtype)
    objective = scff(**HOW)
    loss = scff_loss(activity, context.polarity, **HOW)
    gradient = scff_loss_grad(activity, context.polarity, **HOW)
    assert objective.loss(activity, context, ()) == loss
    np.testing.assert_array_equal(objective.grads(activity, context, ())[0], gradient)
    evaluation = objective.evaluate(activity, context, ())
    assert evaluation.loss == loss
    np.testing.assert_array_equal(evaluation.d_activity, gradient)
    squares = (activity**2).mean(axis=1)
    np.testing.assert_allclose(evaluation.goodness, squares, rtol=1e-14)
    assert evaluation.accuracy == (squares[:2] > squares[2:]).mean()


# -- pairs --------------------------------------------------------------------------------------


def test_pairs_are_what_one_weight_sees_of_both_halves():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
    others = other_row(5, rng=rng)
    beside = np.concatenate(
        [np.concatenate([x, x], axis=1), np.concatenate([x, x[others]], axis=1)]
    )
    both = np.concatenate([weight, weight])
    assert scaled_close(self_contrast(x, others) @ weight, beside @ both)


def test_pairs_match_their_context():
    x = np.array([[1.0], [2.0], [4.0]])
    pairs = self_contrast(x, np.array([2, 0, 1]))
    np.testing.assert_array_equal(pairs[:, 0], [2, 4, 8, 5, 3, 6])
    context = paired_context(np.zeros(3, int), x.dtype)
    np.testing.assert_array_equal(context.polarity, [1, 1, 1, -1, -1, -1])
    np.testing.assert_array_equal(context.partner[:3], [3, 4, 5])


@pytest.mark.parametrize(
    "others", [np.array([0, 0]), np.array([1, 2]), np.array([1, -2]), np.array([1.0, 0.0]), [1]]
)
def test_a_row_beside_itself_is_no_negative(others):
    with pytest.raises(ValueError, match="others"):
        self_contrast(np.ones((2, 3)), others)
