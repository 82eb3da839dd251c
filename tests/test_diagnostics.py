"""Diagnostics of a layer: by hand, and on networks whose state is known."""

import math

import numpy as np
import pytest

from ffref.formulas import sum_of_squares
from ffref.formulas.diagnostics import (
    dead_unit_share,
    layer_diagnostics,
    mean_goodness,
    pairwise_error,
)
from ffref.negatives import labelled_context, paired_context


def test_pairwise_error_by_hand():
    positive, negative = np.array([1.0, 2, 3, 4]), np.array([0.0, 5, 3, 4.5])
    assert pairwise_error(positive, negative) == (0 + 1 + 0.5 + 1) / 4
    assert pairwise_error(negative, positive) == 1 - (0 + 1 + 0.5 + 1) / 4
    assert pairwise_error(positive, positive) == 0.5
    assert pairwise_error(np.array([np.inf, 1]), np.array([np.inf, -np.inf])) == 0.25


def test_pairwise_error_compares_partners_only():
    # each negative is below its own positive, yet above another one
    assert pairwise_error(np.array([1.0, 9.0]), np.array([0.0, 8.0])) == 0


def test_nothing_to_compare_is_nan():
    empty = np.array([])
    assert math.isnan(pairwise_error(empty, empty))
    assert math.isnan(pairwise_error(np.array([np.nan, 1]), np.array([0.0, 0])))
    positive, negative = mean_goodness(np.array([2.0, 4.0]), np.ones(2))
    assert positive == 3
    assert math.isnan(negative)
    assert math.isnan(mean_goodness(np.array([np.nan, 1.0]), np.array([1, -1]))[0])


def test_dead_units_by_hand():
    activity = np.array([[0, 0, 2, 0], [0, 1, 3, np.nan]])
    assert dead_unit_share(activity) == 0.25
    assert dead_unit_share(np.zeros((2, 3))) == 1
    assert dead_unit_share(np.array([[-0.0, 1.0]])) == 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_layer_at_once(dtype):
    rng = np.random.default_rng(0)
    activity = np.abs(rng.normal(size=(8, 5))).astype(dtype)
    activity[:4] *= 3
    activity[:, 2] = 0
    activity.flags.writeable = False
    goodness = sum_of_squares(activity)
    context = paired_context(np.zeros(4, int), activity.dtype)
    found = layer_diagnostics(activity, goodness, context)
    assert found.pairwise_error == sum(goodness[i + 4] > goodness[i] for i in range(4)) / 4
    assert found.positive_goodness == pytest.approx(goodness[:4].mean())
    assert found.negative_goodness == pytest.approx(goodness[4:].mean())
    assert found.dead_units == pytest.approx(0.2)
    assert all(isinstance(value, float) for value in found)


def test_a_layer_without_negatives():
    activity = np.ones((3, 2))
    context = labelled_context(np.zeros(3, int), activity.dtype)
    found = layer_diagnostics(activity, sum_of_squares(activity), context)
    assert math.isnan(found.pairwise_error)
    assert math.isnan(found.negative_goodness)
    assert found.positive_goodness == 2


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match="pairs"):
        pairwise_error(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="polarity"):
        mean_goodness(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="activity"):
        dead_unit_share(np.ones(3))
