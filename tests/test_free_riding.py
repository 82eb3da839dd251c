"""Free-riding: its measures by hand and with 50 digits, the corollary as a property."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffref.formulas.free_riding import (
    REMEDIES,
    free_riding_coverage,
    free_riding_index,
    log_gradient_ratio,
    log_local_slope,
    remedy_weights,
    separation,
)
from tests.independent import scalar_pairs
from tests.independent.compare import SCALED, scaled_close
from tests.independent.precision import exact, mp, rounded

SLACK = 1e-12
MARGINS = st.floats(0, 1e5) | st.floats(0, 3)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@settings(max_examples=300, deadline=None)
@given(margin=MARGINS, prior=MARGINS, steepness=st.floats(0.01, 50), weight=st.floats(0, 2))
def test_the_ratio_lies_between_its_bounds(margin, prior, steepness, weight):
    (log_ratio,) = log_gradient_ratio(
        np.array([margin]), np.array([prior]), steepness=steepness, carried_weight=weight
    )
    lower = -steepness * weight * prior
    slack = SLACK * max(1, -lower)  # of rounding, in a product of this size
    assert lower - slack <= log_ratio <= lower + math.log(2) + slack


@settings(max_examples=100, deadline=None)
@given(
    margin=st.floats(-50, 50), prior=st.floats(-50, 50), steepness=st.floats(0.1, 8),
    weight=st.floats(0, 1.5),
)  # fmt: skip
def test_ratio_and_slope_against_50_digits(margin, prior, steepness, weight):
    how = {"steepness": steepness, "carried_weight": weight}
    m, p, beta, gamma = map(exact, (margin, prior, steepness, weight))
    with mp.workdps(500):  # 1 + e^-800 is not 1
        pull = scalar_pairs.pull(beta, m + gamma * p)
        ratio = mp.log(pull / scalar_pairs.pull(beta, m))
        slope = mp.log(beta * pull)
    arrays = np.array([margin]), np.array([prior])
    # rounding of the margins themselves is part of every answer
    close = {"rel": SLACK, "abs": SLACK * (1 + steepness * (abs(margin) + weight * abs(prior)))}
    assert log_gradient_ratio(*arrays, **how)[0] == pytest.approx(float(ratio), **close)
    assert log_local_slope(*arrays, **how)[0] == pytest.approx(float(slope), **close)
    # Theorem 3.1: exponential decay
    bound = math.log(steepness) - steepness * (margin + weight * prior)
    assert log_local_slope(*arrays, **how)[0] <= bound + close["abs"]


def test_the_bounds_are_reached_and_can_fail():
    how = {"steepness": 4.0, "carried_weight": 0.7}
    prior = np.array([5.0, 5.0, 5.0])
    log_ratio = log_gradient_ratio(np.array([0.0, 3.0, 1e4]), prior, **how)
    assert np.all(np.diff(log_ratio) < 0)
    assert log_ratio[0] + 14 == pytest.approx(math.log(2), abs=2e-6)  # 4 * 0.7 * 5 = 14
    assert log_ratio[2] + 14 == pytest.approx(0, abs=1e-9)
    # outside m >= 0 the upper bound does not hold
    assert log_gradient_ratio(np.array([-3.0]), prior[:1], **how)[0] > -14 + math.log(2)


def test_ratio_by_hand():
    # beta 4, gamma 0.7, P 1.5, m 0.1: (1 + e^0.4) / (1 + e^4.6) = 2.49182 / 100.48432
    how = {"steepness": 4.0, "carried_weight": 0.7}
    (log_ratio,) = log_gradient_ratio(np.array([0.1]), np.array([1.5]), **how)
    assert math.exp(log_ratio) == pytest.approx(0.024798, abs=1e-6)
    assert log_gradient_ratio(np.array([2.0]), np.zeros(1), **how)[0] == 0


def test_slope_by_hand():
    # beta 2, M = 0: log(2 * 1/2) = 0; with lambda 1 and m = 0: log(2 * (1/2 + 1/2)) = log 2
    zero, how = np.zeros(1), {"steepness": 2.0, "carried_weight": 1.0}
    assert log_local_slope(zero, zero, **how)[0] == pytest.approx(0, abs=1e-15)
    both = log_local_slope(zero, zero, own_weight=1.0, **how)
    assert both[0] == pytest.approx(math.log(2), rel=1e-15)
    # m = 0, P = 1e4: nothing of M is left, lambda 1/2 of sigmoid(0): log(2 / 4)
    own = log_local_slope(zero, np.array([1e4]), own_weight=np.array([0.5]), **how)
    assert own[0] == pytest.approx(math.log(0.5), rel=1e-15)


def test_index_and_coverage_by_hand():
    log_ratio = np.log([0.5, 0.25, 3.0, 1.0])
    assert free_riding_index(log_ratio) == pytest.approx((0.5 + 0.75) / 4, rel=1e-15)
    given_back = np.array([0.25, 1.0, 0.0, 0.0])
    index = free_riding_index(log_ratio, own_weight=given_back)
    assert index == pytest.approx(0.25 / 4, rel=1e-15)
    assert free_riding_index(np.array([-1e9])) == 1
    assert free_riding_index(np.array([1e9])) == 0
    margin, prior = np.array([1.0, 0.0, -1.0, 1.0]), np.array([0.0, 0.0, 1.0, -1.0])
    assert free_riding_coverage(margin, prior) == 0.5


def test_separation_by_hand():
    # mean 2, squares of deviations 1, 0, 1: variance 1, error 1 / sqrt 3
    mean, error = separation(np.array([1.0, 2.0, 3.0]))
    assert (mean, error) == (2, pytest.approx(3**-0.5, rel=1e-15))
    mean, error = separation(np.array([5.0]))
    assert mean == 5
    assert math.isnan(error)


@pytest.mark.parametrize("remedy", REMEDIES)
def test_slope_is_that_of_the_ratio_and_the_own_weight(remedy):
    rng = np.random.default_rng(3)
    margin, prior = rng.normal(size=(2, 9))
    how = {"steepness": 3.0, "carried_weight": 0.7}
    gamma, own = remedy_weights(margin, prior, remedy=remedy, depth=1, layers=3, **how)
    log_slope = log_local_slope(margin, prior, steepness=3.0, carried_weight=gamma, own_weight=own)
    log_ratio = log_gradient_ratio(margin, prior, steepness=3.0, carried_weight=gamma)
    gammas, lambdas = (np.broadcast_to(one, 9) for one in (gamma, own))
    expected = [
        exact(3.0) * (scalar_pairs.pull(exact(3.0), m + g * p) + w * scalar_pairs.pull(3, m))
        for m, p, g, w in zip(*map(exact, (margin, prior, gammas, lambdas)), strict=True)
    ]
    assert scaled_close(np.exp(log_slope), rounded(expected))
    alone = log_local_slope(margin, prior, steepness=3.0, carried_weight=0.0)
    assert scaled_close(np.exp(log_slope - alone), np.exp(log_ratio) + own, SCALED)


def test_remedies_by_name():
    margin, prior = np.array([0.5, -0.5]), np.array([2.0, -1.0])
    how = {"depth": 1, "layers": 2, "carried_weight": 0.7}
    assert remedy_weights(margin, prior, remedy="none", **how) == (0.7, 0.0)
    assert remedy_weights(margin, prior, remedy="per-block", **how) == (0.0, 0.0)
    gamma, own = remedy_weights(margin, prior, remedy="gated", **how)
    assert gamma[0] < 0.35 < gamma[1] < 0.7
    assert own == 0
    gamma, own = remedy_weights(margin, prior, remedy="depth-scaled", **how)
    assert gamma == 0.7
    assert own[0] < 1 < own[1]  # the pair that is lost below counts more
    gamma, own = remedy_weights(margin, prior, remedy="calibrated", **how)
    assert gamma == 0.7
    assert own[0] > 0 == own[1]


@each_dtype
def test_dtype_is_kept_and_far_margins_are_finite(dtype):
    far = np.array([1e4, -1e4, 0, 1e4, -1e4], dtype)
    prior = np.array([1e4, 1e4, -1e4, -1e4, -1e4], dtype)
    how = {"steepness": 4.0, "carried_weight": 0.7}
    for array in (
        log_gradient_ratio(far, prior, **how),
        log_local_slope(far, prior, **how),
        log_local_slope(far, prior, own_weight=np.ones(5, dtype), **how),
    ):
        assert array.dtype == dtype
        assert np.isfinite(array).all()
    index = free_riding_index(log_gradient_ratio(far, prior, **how))
    assert 0 <= index <= 1
