"""SymBa, cumulative goodness, layer collaboration: by hand, 50 digits, differences, extremes."""

import numpy as np
import pytest

from ffref.formulas import MEAN_OF_SQUARES, SUM_OF_SQUARES
from ffref.formulas.free_riding import calibrated_weights, depth_weights, hardness_gate
from ffref.objectives.cumulative import calibrated_rule, cumulative_loss, cumulative_loss_grad
from ffref.objectives.layer_collaboration import (
    collaboration_loss,
    collaboration_loss_grad,
    goodness_below,
    goodness_of_others,
)
from ffref.objectives.symba import symba_loss, symba_loss_grad
from tests.independent import scalar_pairs
from tests.independent.compare import (
    SCALED,
    SCALED_FLOAT32,
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import difference_gradient, exact, rounded
from tests.pair_cases import PAIR_CASES, options, pair_batch, per_pair

LN2 = 0.6931471805599453
each_case = pytest.mark.parametrize("case", PAIR_CASES, ids=lambda case: case.name)


def assert_only_right_passes(close, gradient, expected):
    assert close(gradient, expected)
    for name, wrong in wrong_versions(gradient):
        assert not close(wrong, expected), name


# by hand: two pairs, mean of squares 2 and 1, 0.5 and 0.5: margins 1 and 0
Y = np.array([[2.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
S = np.array([1.0, 1.0, -1.0, -1.0])
PARTNER = np.array([2, 3, 0, 1])
SIGMOID_2 = 0.8807970779778823  # 1 / (1 + e^-2)
SOFTPLUS_2 = 2.1269280110429727  # ln (1 + e^2)
SIGMOID_1, SOFTPLUS_1 = 0.7310585786300049, 1.3132616875182228


def test_symba_by_hand():
    # (softplus(-2) + softplus(0)) / 2, softplus(-2) = softplus(2) - 2
    loss = symba_loss(Y, S, PARTNER, steepness=2.0)
    assert loss == pytest.approx((SOFTPLUS_2 - 2 + LN2) / 2, rel=1e-14)
    # slope of margin 1: -2 sigmoid(-2) / 2, of margin 0: -1/2; times dg/dy = y
    first, second = 1 - SIGMOID_2, 0.5
    expected = [[-2 * first, 0], [-second, 0], [first, first], [0, second]]
    np.testing.assert_allclose(
        symba_loss_grad(Y, S, PARTNER, steepness=2.0), expected, rtol=0, atol=1e-15
    )


def test_cumulative_by_hand():
    # P = 2 and -1, gamma 1/2: M = 2 and -1/2; beta 1 and 2, lambda 0 and 1
    carried = np.array([2.0, -1.0, 2.0, -1.0])
    loss = cumulative_loss(Y, S, PARTNER, carried, steepness=1.0, carried_weight=0.5)
    softplus_half = 0.9740769841801067  # ln (1 + e^0.5)
    assert loss == pytest.approx((SOFTPLUS_2 - 2 + softplus_half) / 2, rel=1e-14)
    how = {"steepness": 2.0, "carried_weight": 0.5, "own_weight": np.array([0.0, 1.0])}
    # pair 1: softplus(-4); pair 2: softplus(1) + ln 2
    softplus_minus_4, sigmoid_minus_4 = 0.01814992791780978, 0.01798620996209156
    loss = cumulative_loss(Y, S, PARTNER, carried, **how)
    assert loss == pytest.approx((softplus_minus_4 + SOFTPLUS_1 + LN2) / 2, rel=1e-14)
    # slopes: -sigmoid(-4), -(sigmoid(1) + 1/2); times dg/dy = y
    first, second = sigmoid_minus_4, SIGMOID_1 + 0.5
    expected = [[-2 * first, 0], [-second, 0], [first, first], [0, second]]
    np.testing.assert_allclose(
        cumulative_loss_grad(Y, S, PARTNER, carried, **how), expected, rtol=0, atol=1e-15
    )


def test_remedies_by_hand():
    # 0.7 sigmoid(0), 0.7 sigmoid(-2), 0.7 sigmoid(1)
    gates = hardness_gate(np.array([0.0, 2.0, -1.0]), carried_weight=0.7)
    np.testing.assert_allclose(gates, [0.35, 0.7 * (1 - SIGMOID_2), 0.7 * SIGMOID_1], rtol=1e-14)
    # tau 2, kappa 1: sigmoid(2), sigmoid(-2)
    gates = hardness_gate(np.array([0.0, 2.0]), gate_steepness=2.0, gate_center=1.0)
    np.testing.assert_allclose(gates, [SIGMOID_2, 1 - SIGMOID_2], rtol=1e-14)
    # lambda_d 1/4, 1/2, 3/4, 1 of four layers; s(0) = 1/2 and s(1/2) = sigmoid(-2) at beta 4
    for depth, level in enumerate((0.25, 0.5, 0.75, 1.0)):
        weights = depth_weights(np.array([0.0, 0.5]), depth=depth, layers=4)
        middle = (0.5 + 1 - SIGMOID_2) / 2
        expected = [level * 0.5 / middle, level * (1 - SIGMOID_2) / middle]
        np.testing.assert_allclose(weights, expected, rtol=1e-14)
    np.testing.assert_array_equal(depth_weights(np.zeros(2), depth=0, layers=1), 0.25)
    # m = 0: s(m) = 1/2; M = 1, beta 2: s(M) = sigmoid(-2); R = 2 sigmoid(-2)
    ratio = 2 * (1 - SIGMOID_2)
    weights = calibrated_weights(np.zeros(2), np.array([1.0, -1.0]), steepness=2.0)
    np.testing.assert_allclose(weights, [1 - ratio, 0], rtol=1e-14)
    weights = calibrated_weights(np.zeros(1), np.array([-1.0]), steepness=2.0, target=3.0)
    np.testing.assert_allclose(weights, [3 - 2 * SIGMOID_2], rtol=1e-14)


def test_collaboration_by_hand():
    # sums of squares 4, 1, 2, 1, others 0, 2, 1, 2, theta 3: margins 1, 0, 0, 0
    others = np.array([0.0, 2.0, 1.0, 2.0])
    loss = collaboration_loss(Y, S, others, threshold=3.0)
    assert loss == pytest.approx((SOFTPLUS_1 - 1 + 3 * LN2) / 4, rel=1e-14)
    # -s sigmoid(-margin) / 4 times 2 y
    first = (1 - SIGMOID_1) / 2
    expected = [[-2 * first, 0], [-0.25, 0], [0.25, 0.25], [0, 0.25]]
    gradient = collaboration_loss_grad(Y, S, others, threshold=3.0)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-15)


def test_goodness_of_other_layers_by_hand():
    goodness = np.array([[1.0, 0.0], [2.0, 5.0], [4.0, -1.0]])
    np.testing.assert_array_equal(goodness_below(goodness), [[0, 0], [1, 0], [3, 5]])
    np.testing.assert_array_equal(goodness_of_others(goodness), [[6, 4], [5, -1], [3, 5]])
    for function in (goodness_below, goodness_of_others):
        np.testing.assert_array_equal(function(goodness[:1]), [[0, 0]])
        assert function(goodness.astype(np.float32)).dtype == np.float32


@each_case
def test_symba(case):
    batch = pair_batch(case)
    args = batch.polarity, batch.partner
    rows = exact(batch.activity)
    scalar = scalar_pairs.couples(*args), exact(case.steepness), case.kind
    loss = symba_loss(batch.activity, *args, **options(case))
    assert isinstance(loss, float)
    assert scaled_close(loss, rounded(scalar_pairs.symba(rows, *scalar)))
    gradient = symba_loss_grad(batch.activity, *args, **options(case))
    expected = rounded(scalar_pairs.symba_grad(rows, *scalar))
    assert_only_right_passes(scaled_close, gradient, expected)
    differences = rounded(difference_gradient(lambda y: scalar_pairs.symba(y, *scalar), rows))
    assert_only_right_passes(scaled_close, gradient, differences)
    own = central_difference(lambda y: symba_loss(y, *args, **options(case)), batch.activity)
    assert_only_right_passes(difference_close, gradient, own)


def weights_of(case, batch):
    rng = np.random.default_rng(case.seed + 1)
    return {
        "carried_weight": rng.uniform(0.2, 1.2, case.pairs),
        "own_weight": rng.uniform(0.1, 0.9, case.pairs),
    }


@each_case
@pytest.mark.parametrize("weighted", [False, True])
def test_cumulative(case, weighted):
    batch = pair_batch(case)
    args = batch.polarity, batch.partner, batch.carried_margin
    how = options(case) | {"carried_weight": 0.7}
    gammas, lambdas = [exact(0.7)] * case.pairs, [exact(0.0)] * case.pairs
    if weighted:
        how |= weights_of(case, batch)
        gammas, lambdas = exact(how["carried_weight"]), exact(how["own_weight"])
    rows = exact(batch.activity)
    scalar = (
        scalar_pairs.couples(*args[:2]), exact(batch.carried_goodness), exact(case.steepness),
        gammas, lambdas, case.kind,
    )  # fmt: skip
    loss = cumulative_loss(batch.activity, *args, **how)
    assert isinstance(loss, float)
    assert scaled_close(loss, rounded(scalar_pairs.cumulative(rows, *scalar)))
    gradient = cumulative_loss_grad(batch.activity, *args, **how)
    expected = rounded(scalar_pairs.cumulative_grad(rows, *scalar))
    assert_only_right_passes(scaled_close, gradient, expected)
    differences = rounded(difference_gradient(lambda y: scalar_pairs.cumulative(y, *scalar), rows))
    assert_only_right_passes(scaled_close, gradient, differences)
    own = central_difference(lambda y: cumulative_loss(y, *args, **how), batch.activity)
    assert_only_right_passes(difference_close, gradient, own)


@each_case
def test_weights_of_remedies_against_50_digits(case):
    batch = pair_batch(case)
    prior = per_pair(batch, batch.carried_margin)
    gates = hardness_gate(prior, carried_weight=0.7, gate_steepness=1.3, gate_center=0.2)
    how = exact(0.7), exact(1.3), exact(0.2)
    assert scaled_close(gates, rounded([scalar_pairs.gate(p, *how) for p in exact(prior)]))
    weights = depth_weights(prior, depth=1, layers=3, steepness=case.steepness)
    expected = scalar_pairs.depth_weights(exact(prior), 1, 3, exact(case.steepness))
    assert scaled_close(weights, rounded(expected))
    margin = np.random.default_rng(case.seed).normal(size=case.pairs)
    how = {"target": 1.7, "steepness": case.steepness, "carried_weight": 0.7}
    expected = [
        scalar_pairs.calibrated_weight(m, p, *map(exact, how.values()))
        for m, p in zip(exact(margin), exact(prior), strict=True)
    ]
    assert scaled_close(calibrated_weights(margin, prior, **how), rounded(expected))


@each_case
@pytest.mark.parametrize("target", [1.0, 0.6, 2.5])
def test_calibrated_rule_is_the_difference_of_its_frozen_surrogate(case, target):
    batch = pair_batch(case)
    args = batch.polarity, batch.partner, batch.carried_margin
    how = {"carried_weight": 0.7, **options(case)}
    rule = calibrated_rule(batch.activity, *args, target=target, **how)
    goodness = how["goodness"].value(batch.activity)
    rows = (batch.polarity > 0) & (batch.partner >= 0)
    frozen = calibrated_weights(
        goodness[rows] - goodness[batch.partner[rows]], per_pair(batch, batch.carried_margin),
        target=target, steepness=case.steepness, carried_weight=0.7,
    )  # fmt: skip
    differences = central_difference(
        lambda y: cumulative_loss(y, *args, own_weight=frozen, **how), batch.activity
    )
    assert_only_right_passes(difference_close, rule, differences)
    scalar = scalar_pairs.cumulative_grad(
        exact(batch.activity), scalar_pairs.couples(*args[:2]), exact(batch.carried_goodness),
        exact(case.steepness), [exact(0.7)] * case.pairs, exact(frozen), case.kind,
    )  # fmt: skip
    assert_only_right_passes(scaled_close, rule, rounded(scalar))


@each_case
def test_collaboration(case):
    batch = pair_batch(case)
    args, how = (batch.polarity, batch.carried_goodness), {"goodness": options(case)["goodness"]}
    rows, others = exact(batch.activity), exact(batch.carried_goodness)
    scalar = batch.polarity, others, exact(0.8), case.kind
    loss = collaboration_loss(batch.activity, *args, threshold=0.8, **how)
    assert isinstance(loss, float)
    assert scaled_close(loss, rounded(scalar_pairs.collaboration(rows, *scalar)))
    gradient = collaboration_loss_grad(batch.activity, *args, threshold=0.8, **how)
    expected = rounded(scalar_pairs.collaboration_grad(rows, *scalar))
    assert_only_right_passes(scaled_close, gradient, expected)
    differences = difference_gradient(lambda y: scalar_pairs.collaboration(y, *scalar), rows)
    assert_only_right_passes(scaled_close, gradient, rounded(differences))
    own = central_difference(
        lambda y: collaboration_loss(y, *args, threshold=0.8, **how), batch.activity
    )
    assert_only_right_passes(difference_close, gradient, own)


FAR = 1e4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_margins_cost_their_size_and_stay_finite(dtype):
    # one pair of margin -1e4, one of +1e4: (4e4 + 0) / 2; slopes -4/2 and 0
    y = np.array([[75.0], [125.0], [125.0], [75.0]], dtype)  # 125^2 - 75^2 = 1e4
    how = {"polarity": S.astype(dtype), "partner": PARTNER}
    expected = np.array([2 * -2 * y[0, 0], 0, 2 * 2 * y[2, 0], 0])[:, None]
    close = {"rtol": 1e-3 if dtype == np.float32 else 1e-9, "atol": 1e-30}
    assert symba_loss(y, **how) == pytest.approx(2 * FAR, rel=1e-6)
    np.testing.assert_allclose(symba_loss_grad(y, **how), expected, **close)
    for sign in (-1, 1):
        how["carried_margin"] = np.array([0, sign * FAR, 0, sign * FAR], dtype)
        gradient = cumulative_loss_grad(y, **how)
        assert gradient.dtype == dtype
        np.testing.assert_allclose(gradient[[0, 2]], expected[[0, 2]], **close)
        # 1e4 won by the layer and -1e4 by those below: an even margin, slope -4 / 2 / 2
        even = 1 if sign < 0 else 0
        np.testing.assert_allclose(gradient[1, 0], -even * 2 * y[1, 0], **close)
        rule = calibrated_rule(y, **how)
        np.testing.assert_allclose(rule, gradient, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("far", [FAR, -FAR])
def test_far_carried_goodness(far, dtype):
    y, s = Y.astype(dtype), S.astype(dtype)
    gradient = collaboration_loss_grad(y, s, np.full(4, far, dtype), threshold=3.0)
    assert gradient.dtype == dtype
    # far above the threshold the negative rows are all wrong, far below it the positive ones
    wrong = s < 0 if far > 0 else s > 0
    np.testing.assert_allclose(gradient, -s[:, None] * 2 * y / 4 * wrong[:, None], rtol=1e-6)
    loss = collaboration_loss(y, s, np.full(4, far, dtype), threshold=3.0)
    assert loss == pytest.approx(FAR / 2, rel=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_activity_has_no_gradient(dtype):
    y, zeros = np.zeros((4, 3), dtype), np.zeros(4, dtype)
    for loss, gradient in (
        (symba_loss(y, S, PARTNER), symba_loss_grad(y, S, PARTNER)),
        (
            cumulative_loss(y, S, PARTNER, zeros),
            cumulative_loss_grad(y, S, PARTNER, zeros),
        ),
        (
            collaboration_loss(y, S, zeros, threshold=0.0),
            collaboration_loss_grad(y, S, zeros, threshold=0.0),
        ),
    ):
        assert loss == pytest.approx(LN2, rel=1e-6)
        assert gradient.dtype == dtype
        assert not gradient.any()


def test_weights_of_remedies_far_out():
    for dtype in (np.float32, np.float64):
        prior = np.array([FAR, 1.1 * FAR, 2 * FAR], dtype)
        for sign in (1, -1):
            weights = depth_weights(sign * prior, depth=2, layers=3)
            assert weights.dtype == dtype
            assert weights.mean() == pytest.approx(1, rel=1e-6)
            gates = hardness_gate(sign * prior)
            np.testing.assert_array_equal(gates, [0, 0, 0] if sign > 0 else [1, 1, 1])
            for margin in (prior, -prior):
                weights = calibrated_weights(margin, sign * prior)
                assert weights.dtype == dtype
                assert np.isfinite(weights).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_layout_and_inputs_are_kept(dtype):
    batch = pair_batch(PAIR_CASES[4], dtype)
    spaced = np.repeat(batch.activity[:, ::-1], 2, axis=1)[:, ::-2]
    for array in (*batch, spaced):
        array.flags.writeable = False
    rounding = SCALED_FLOAT32 if dtype == np.float32 else SCALED
    activity, polarity, partner, goodness, margin = batch
    for function, args in (
        (symba_loss_grad, (polarity, partner)),
        (cumulative_loss_grad, (polarity, partner, margin)),
        (calibrated_rule, (polarity, partner, margin)),
    ):
        plain = function(activity, *args, steepness=np.float64(0.5))
        assert plain.dtype == dtype
        np.testing.assert_array_equal(function(spaced, *args, steepness=0.5), plain)
        as_double = [one.astype(np.float64) if one.dtype == dtype else one for one in args]
        assert function(activity, *as_double).dtype == dtype
    plain = collaboration_loss_grad(activity, polarity, goodness, threshold=np.float64(1))
    assert plain.dtype == dtype
    again = collaboration_loss_grad(spaced, polarity, goodness, threshold=1)
    assert scaled_close(again, plain, rounding)


PAIRED = {"activity": Y, "polarity": S, "partner": PARTNER}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"partner": np.array([2, 3, 0])}, "whole numbers"),
        ({"partner": PARTNER.astype(float)}, "whole numbers"),
        ({"partner": np.array([2, 4, 0, 1])}, r"-1 \.\. 3"),
        ({"partner": np.array([2, 3, 1, 0])}, "names this row"),
        ({"partner": np.array([1, 0, 3, 2])}, "other polarity"),
        ({"partner": np.array([2, -1, 0, 1])}, "names this row"),
        ({"partner": np.full(4, -1)}, "no row has a partner"),
        ({"steepness": 0.0}, "above 0"),
        ({"polarity": np.zeros(4)}, r"\+1"),
    ],
)
def test_bad_pairs_are_refused(change, message):
    for function in (symba_loss, symba_loss_grad):
        with pytest.raises(ValueError, match=message):
            function(**(PAIRED | change))
    for function in (cumulative_loss, cumulative_loss_grad, calibrated_rule):
        with pytest.raises(ValueError, match=message):
            function(**(PAIRED | {"carried_margin": np.zeros(4)} | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"carried_margin": np.zeros(2)}, "carried_margin"),
        ({"carried_weight": np.ones(4)}, r"\(2,\)"),
        ({"own_weight": np.nan}, "finite"),
    ],
)
def test_bad_weights_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        cumulative_loss_grad(**(PAIRED | {"carried_margin": np.zeros(4)} | change))


def test_bad_choices_are_refused():
    with pytest.raises(ValueError, match="depth"):
        depth_weights(np.zeros(2), depth=2, layers=2)
    with pytest.raises(ValueError, match="layers"):
        depth_weights(np.zeros(2), depth=0, layers=0)
    with pytest.raises(ValueError, match="target"):
        calibrated_weights(np.zeros(2), np.zeros(2), target=0.0)
    with pytest.raises(ValueError, match="other_goodness"):
        collaboration_loss(Y, S, np.zeros(3), threshold=1.0)


@each_case
def test_the_rows_of_a_pair_are_pulled_alike(case):
    batch = pair_batch(case)
    ones = batch._replace(activity=np.sqrt(np.abs(batch.activity[:, :1])))  # g = y^2
    pull = symba_loss_grad(ones.activity, batch.polarity, batch.partner) / ones.activity
    paired = batch.partner >= 0
    assert scaled_close(pull[paired], -pull[batch.partner[paired]])
    assert not pull[~paired].any()


def test_a_sum_with_its_steepness_over_units_is_the_mean():
    batch = pair_batch(PAIR_CASES[0])
    args = batch.activity, batch.polarity, batch.partner
    by_sum = symba_loss_grad(*args, steepness=4.0 / 4, goodness=SUM_OF_SQUARES)
    assert scaled_close(by_sum, symba_loss_grad(*args, steepness=4.0, goodness=MEAN_OF_SQUARES))
