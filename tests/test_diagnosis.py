"""Diagnostics of trained layers: what a run and `ffref evaluate` report."""

import numpy as np
import pytest

import ffref
from tests.small_data import blobs

X, Y = blobs(120)


@pytest.fixture(scope="module")
def trained():
    return ffref.FFClassifier(
        (12, 8), max_iter=30, learning_rate_init=0.01, readout="sum", random_state=0
    ).fit(X, Y)


def test_pairs_are_told_apart_and_goodness_has_two_sides(trained):
    found = trained.diagnostics(X, Y)
    assert len(found) == 2
    for layer in found:
        assert layer.pairwise_error < 0.2
        assert layer.positive_goodness > layer.negative_goodness


def test_first_layer_by_hand(trained):
    rng = np.random.default_rng([trained.seed_, 2])
    wrong = (Y + rng.integers(1, 3, size=len(Y))) % 3  # the definition of uniform wrong labels
    x = (X - trained.standardizer_.mean) / trained.standardizer_.std
    dense = trained.state_.network.layers[0].weights

    def activity(labels):
        return np.maximum(np.column_stack([x, np.eye(3)[labels]]) @ dense.weight + dense.bias, 0)

    positive, negative = activity(Y), activity(wrong)
    first = trained.diagnostics(X, Y)[0]
    sums = (positive**2).sum(axis=1), (negative**2).sum(axis=1)
    assert first.pairwise_error == pytest.approx((sums[1] > sums[0]).mean(), abs=1e-9)
    assert first.positive_goodness == pytest.approx(sums[0].mean(), rel=1e-4)
    assert first.negative_goodness == pytest.approx(sums[1].mean(), rel=1e-4)
    silent = ~np.concatenate([positive, negative]).any(axis=0)
    assert first.dead_units == pytest.approx(silent.mean(), abs=1e-9)


def test_a_dead_layer_is_seen(trained):
    bias = trained.state_.network.layers[1].weights.bias
    before = bias.copy()
    bias[:4] = -1e6
    try:
        assert trained.diagnostics(X, Y)[1].dead_units >= 0.5
    finally:
        bias[:] = before


def test_without_negatives_there_are_no_pairs():
    model = ffref.HFFClassifier((8,), max_iter=2, random_state=0).fit(X, Y)
    (layer,) = model.diagnostics(X, Y)
    assert np.isnan([layer.pairwise_error, layer.negative_goodness]).all()
    assert -1 <= layer.positive_goodness <= 1


def test_unknown_classes_are_left_out(trained):
    known = trained.diagnostics(X, Y)
    strange = np.concatenate([Y, np.full(5, 99)])
    assert trained.diagnostics(np.concatenate([X, X[:5]]), strange) == known
