"""Weights over layers and calibration: by hand, differences, scikit-learn, PyTorch, extremes."""

import numpy as np
import pytest

from ffref.formulas import (
    expected_calibration_error,
    score_weights_loss,
    score_weights_loss_grad,
    softmax,
    weighted_scores,
)
from ffref.training import fit_score_weights
from tests.independent.compare import (
    SCALED,
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import exact, mp, rounded

LN2, LN3 = np.log(2), np.log(3)
SHAPES = [(3, 4, 5), (1, 6, 2), (2, 1, 3), (4, 7, 3)]


def drawn(layers, samples, classes, dtype=np.float64):
    rng = np.random.default_rng([51, layers, samples])
    scores = rng.normal(size=(layers, samples, classes)).astype(dtype)
    weights = rng.uniform(0.5, 2, size=layers).astype(dtype)
    return scores, rng.integers(classes, size=samples), weights


def test_loss_and_gradient_by_hand():
    # two layers, one sample: 1 (0, ln 3) + 2 (ln 3, 0) = (2 ln 3, ln 3): p = (3/4, 1/4)
    scores = np.array([[[0.0, LN3]], [[LN3, 0.0]]])
    weights = np.array([1.0, 2.0])
    assert np.allclose(weighted_scores(scores, weights), [[2 * LN3, LN3]], rtol=1e-15)
    # label 1: ln 4, prior of spread 2: (1/4 + 1) / 2
    loss = score_weights_loss(scores, np.array([1]), weights, spread=2.0)
    assert np.isclose(loss, 2 * LN2 + 5 / 8, rtol=1e-15)
    # p - t = (3/4, -3/4): -3/4 ln 3 + 1/4, 3/4 ln 3 + 2/4
    slope = score_weights_loss_grad(scores, np.array([1]), weights, spread=2.0)
    assert np.allclose(slope, [0.25 - 0.75 * LN3, 0.5 + 0.75 * LN3], rtol=1e-14)


def scalar_loss(scores, labels, weights, spread):
    """In 50 digits: minus the mean log of the probabilities, written out."""
    total = mp.mpf(0)
    for i, y in enumerate(labels):
        odds = [
            mp.exp(mp.fsum(w * layer[i][c] for w, layer in zip(weights, scores, strict=True)))
            for c in range(len(scores[0][i]))
        ]
        total -= mp.log(odds[y] / mp.fsum(odds))
    return total / len(labels) + sum((w / spread) ** 2 for w in weights) / (2 * len(labels))


@pytest.mark.parametrize("shape", SHAPES)
def test_against_50_digits_and_differences(shape):
    scores, labels, weights = drawn(*shape)
    loss = score_weights_loss(scores, labels, weights, spread=1.5)
    expected = scalar_loss(exact(scores), labels, exact(weights), exact(1.5))
    assert scaled_close(loss, rounded(expected))
    slope = score_weights_loss_grad(scores, labels, weights, spread=1.5)
    differences = central_difference(
        lambda w: score_weights_loss(scores, labels, w, spread=1.5), weights
    )
    assert difference_close(slope, differences)
    for name, wrong in wrong_versions(slope):
        assert not difference_close(wrong, differences), name


@pytest.mark.torch
@pytest.mark.parametrize("shape", SHAPES)
def test_against_autograd(shape):
    torch = pytest.importorskip("torch")
    scores, labels, weights = drawn(*shape)
    leaf = torch.tensor(weights, requires_grad=True)
    logits = torch.einsum("l,lnc->nc", leaf, torch.tensor(scores))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    (loss + (leaf / 1.5).pow(2).sum() / (2 * len(labels))).backward()
    slope = score_weights_loss_grad(scores, labels, weights, spread=1.5)
    assert scaled_close(slope, leaf.grad.numpy(), SCALED)
    for name, wrong in wrong_versions(slope):
        assert not scaled_close(wrong, leaf.grad.numpy(), SCALED), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_scores_stay_finite(dtype):
    scores, labels, weights = drawn(2, 5, 4, dtype)
    loss = score_weights_loss(1e4 * scores, labels, weights, spread=1.0)
    slope = score_weights_loss_grad(1e4 * scores, labels, weights, spread=1.0)
    assert isinstance(loss, float)
    assert slope.dtype == dtype
    assert np.isfinite([loss, *slope]).all()
    one_class = score_weights_loss(scores[:, :, :1], labels * 0, weights * 0, spread=1.0)
    assert one_class == 0


def confusable(layers, samples=600, classes=4):
    """Scores of layers that know more and more, and say it at odd scales."""
    rng = np.random.default_rng(52)
    labels = rng.integers(classes, size=samples)
    own = np.eye(classes)[labels]
    knows = np.linspace(0.3, 1, layers)[:, None, None]
    return 3 * (knows * own + rng.normal(size=(layers, samples, classes)) * 0.6), labels


def test_the_fit_is_where_the_slope_vanishes_and_nowhere_else():
    scores, labels = confusable(3)
    weights = fit_score_weights(scores, labels, spread=1.0)
    slope = score_weights_loss_grad(scores, labels, weights, spread=1.0)
    assert np.max(np.abs(slope)) < 1e-7
    best = score_weights_loss(scores, labels, weights, spread=1.0)
    for change in (0.99, 1.01):
        assert score_weights_loss(scores, labels, change * weights, spread=1.0) > best
    assert weights[0] < weights[2]  # who knows more counts more
    assert np.array_equal(fit_score_weights(scores, labels, spread=1.0), weights)


def test_two_classes_are_logistic_regression():
    sklearn = pytest.importorskip("sklearn.linear_model")
    scores, labels = confusable(2, classes=2)
    features = (scores[:, :, 1] - scores[:, :, 0]).T
    # sum of losses + |w|^2 / (2 C): C = spread^2
    model = sklearn.LogisticRegression(C=4.0, fit_intercept=False, tol=1e-10).fit(features, labels)
    weights = fit_score_weights(scores, labels, spread=2.0)
    assert np.allclose(weights, model.coef_[0], rtol=1e-5)


def test_scale_and_separable_scores():
    scores, labels = confusable(2)
    weights = fit_score_weights(scores, labels, spread=1.0)
    scaled = fit_score_weights(10 * scores, labels, spread=0.1)
    assert np.allclose(10 * scaled, weights, rtol=1e-5)
    # all right: the prior keeps the weight finite; all wrong: it stays above 0
    right = np.eye(3)[[0, 1, 2, 0]][None]
    assert 1 < fit_score_weights(right, np.array([0, 1, 2, 0]), spread=1.0)[0] < 20
    assert fit_score_weights(right, np.array([1, 2, 0, 1]), spread=1.0)[0] == 1e-4


def test_fitted_weights_calibrate():
    scores, labels = confusable(2, samples=2000)
    half = slice(0, 1000), slice(1000, 2000)
    weights = fit_score_weights(scores[:, half[0]], labels[half[0]], spread=1.0)
    held = scores[:, half[1]]
    before = expected_calibration_error(softmax(3 * held.sum(axis=0)), labels[half[1]])
    after = expected_calibration_error(softmax(weighted_scores(held, weights)), labels[half[1]])
    assert before > 0.15
    assert after < 0.06


def test_calibration_error_by_hand():
    # bins of a half: (0, 1/2] holds 0.5, wrong; (1/2, 1] holds 0.8 right, 0.9 wrong, 1.0 right
    p = np.array([[0.5, 0.5, 0.0], [0.1, 0.8, 0.1], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]])
    labels = np.array([1, 1, 2, 2])
    # |0 - 0.5| / 4 + 3/4 |2/3 - 0.9|
    assert np.isclose(expected_calibration_error(p, labels, bins=2), 0.125 + 0.175)
    # in one bin: |2/4 - 3.2/4|
    assert np.isclose(expected_calibration_error(p, labels, bins=1), 0.3)
    assert expected_calibration_error(np.eye(3), np.arange(3)) == 0


def test_calibration_error_of_honest_and_boastful_numbers():
    rng = np.random.default_rng(53)
    p = softmax(2 * rng.normal(size=(20000, 5)))
    labels = (rng.random((20000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    assert expected_calibration_error(p, labels) < 0.02
    boastful = p**3 / (p**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(boastful, labels) > 0.15


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (weighted_scores, (np.ones((2, 3, 4)), np.ones(3)), "weights"),
        (weighted_scores, (np.ones((3, 4)), np.ones(3)), "scores must be"),
        (expected_calibration_error, (np.full((2, 2), 3.0), np.array([0, 1])), "predict_proba"),
        (expected_calibration_error, (np.full((2, 2), np.nan), np.array([0, 1])), "predict_proba"),
        (expected_calibration_error, (np.full((2, 2), 0.5), np.array([0, 2])), "labels"),
    ],
)
def test_bad_arguments(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        function(*arguments)


@pytest.mark.parametrize("spread", [0.0, -1.0, np.nan])
def test_bad_prior(spread):
    scores, labels, weights = drawn(2, 3, 4)
    for function in (score_weights_loss, score_weights_loss_grad):
        with pytest.raises(ValueError, match="spread"):
            function(scores, labels, weights, spread=spread)
