"""Mono-Forward: values by hand, 50 digits, differences, wrong versions, extremes, digits."""

from typing import NamedTuple

import numpy as np
import pytest

import ffref
from ffref.layers import Dense
from ffref.negatives import labelled_context
from ffref.objectives.hff import hff_loss, hff_loss_grads
from ffref.objectives.mono_forward import (
    mono_forward,
    mono_forward_class_scores,
    mono_forward_initial_projection,
    mono_forward_loss,
    mono_forward_loss_grads,
)
from ffref.training import LocalLayer, local_grads
from tests.independent import scalar_mono_forward as scalar
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import exact, rounded

LN2, LN3, LN4 = 0.6931471805599453, 1.0986122886681098, 1.3862943611198906


class Case(NamedTuple):
    name: str
    batch: int
    classes: int
    units: int
    smoothing: float
    seed: int


CASES = [
    Case("plain", 3, 4, 5, 0.0, 601),
    Case("square", 4, 4, 4, 0.0, 602),
    Case("smoothed", 5, 3, 4, 0.2, 603),
    Case("one sample", 1, 3, 4, 0.0, 604),
    Case("one unit", 4, 3, 1, 0.1, 605),
    Case("two classes", 5, 2, 3, 0.0, 606),
    Case("more classes than samples", 2, 9, 3, 0.1, 607),
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def arrays(case):
    rng = np.random.default_rng(case.seed)
    activity = rng.normal(size=(case.batch, case.units)) * 1.3
    labels = rng.integers(case.classes, size=case.batch)
    return activity, labels, rng.normal(size=(case.classes, case.units))


def only_right_passes(close, gradient, expected):
    assert close(gradient, expected)
    for name, wrong in wrong_versions(gradient):
        assert not close(wrong, expected), name


# -- values by hand ------------------------------------------------------------------------------


def test_two_equal_scores():
    # G = (1 3 + 2 0, 1 1 + 2 1) = (3, 3), p = (1/2, 1/2), label 0: d_G = (-1/2, 1/2)
    activity, projection = np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [1.0, 1.0]])
    labels = np.array([0])
    assert mono_forward_class_scores(activity, projection).tolist() == [[3, 3]]
    assert mono_forward_loss(activity, labels, projection) == pytest.approx(LN2, rel=1e-15)
    # the activity is pulled by -1/2 (3, 0) + 1/2 (1, 1), the projection by -a / 2 and a / 2
    d_activity, d_projection = mono_forward_loss_grads(activity, labels, projection)
    np.testing.assert_allclose(d_activity, [[-1, 0.5]], rtol=1e-14)
    np.testing.assert_allclose(d_projection, [[-0.5, -1], [0.5, 1]], rtol=1e-14)
    # smoothing 0.2: t = (0.9, 0.1), the loss of equal scores stays, d_G = (-0.4, 0.4)
    smoothed = mono_forward_loss(activity, labels, projection, label_smoothing=0.2)
    assert smoothed == pytest.approx(LN2, rel=1e-14)
    d_activity, _ = mono_forward_loss_grads(activity, labels, projection, label_smoothing=0.2)
    np.testing.assert_allclose(d_activity, [[-0.8, 0.4]], rtol=1e-14)


def test_a_mean_over_samples():
    # G = (0, ln 3) and (0, -ln 3): p = (1/4, 3/4) and (3/4, 1/4); labels 1: -ln 3/4 and ln 4
    activity, projection = np.eye(2), np.array([[0.0, 0.0], [LN3, -LN3]])
    labels = np.array([1, 1])
    loss = mono_forward_loss(activity, labels, projection)
    assert loss == pytest.approx((LN4 - LN3 + LN4) / 2, rel=1e-14)
    # d_G = (1/4, -1/4) / 2 and (3/4, -3/4) / 2; d_a its second entry times (ln 3, -ln 3)
    d_activity, d_projection = mono_forward_loss_grads(activity, labels, projection)
    np.testing.assert_allclose(d_activity, np.array([[-1, 1], [-3, 3]]) * LN3 / 8, rtol=1e-14)
    np.testing.assert_allclose(d_projection, [[0.125, 0.375], [-0.125, -0.375]], rtol=1e-14)


# -- a second formulation, and differences -------------------------------------------------------


@each_case
def test_against_50_digits(case):
    activity, labels, projection = arrays(case)
    nested = exact(activity), labels, exact(projection), exact(case.smoothing)
    loss = mono_forward_loss(activity, labels, projection, label_smoothing=case.smoothing)
    assert isinstance(loss, float)
    assert scaled_close(loss, rounded(scalar.loss(*nested)))
    found = mono_forward_loss_grads(activity, labels, projection, label_smoothing=case.smoothing)
    for gradient, expected in zip(found, scalar.grads(*nested), strict=True):
        only_right_passes(scaled_close, gradient, rounded(expected))


@each_case
def test_against_differences(case):
    activity, labels, projection = arrays(case)
    smoothing = {"label_smoothing": case.smoothing}
    found = mono_forward_loss_grads(activity, labels, projection, **smoothing)
    by_activity = central_difference(
        lambda a: mono_forward_loss(a, labels, projection, **smoothing), activity
    )
    only_right_passes(difference_close, found[0], by_activity)
    by_projection = central_difference(
        lambda m: mono_forward_loss(activity, labels, m, **smoothing), projection
    )
    only_right_passes(difference_close, found[1], by_projection)


def test_layer_under_it():
    rng = np.random.default_rng(608)
    x, weight, bias = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=5)
    projection, labels = rng.normal(size=(3, 5)), np.array([0, 2, 1, 2])
    context, objective = labelled_context(labels, x.dtype), mono_forward()

    def layer_loss(weight):
        activity = np.maximum(x @ weight + bias, 0)
        return objective.loss(activity, context, (projection,))

    layer = LocalLayer(Dense(weight, bias), (projection,))
    grads, activity, evaluation = local_grads(layer, x, context, objective)
    only_right_passes(difference_close, grads.d_weight, central_difference(layer_loss, weight))
    expected = scalar.layer_weight_grad(*map(exact, (x, weight, bias)), labels, exact(projection))
    only_right_passes(scaled_close, grads.d_weight, rounded(expected))
    d_activity, (d_projection,) = objective.grads(activity, context, (projection,))
    assert np.array_equal(evaluation.d_activity, d_activity)
    assert np.array_equal(grads.d_params[0], d_projection)
    assert evaluation.loss == layer_loss(weight)
    scores = activity @ projection.T
    np.testing.assert_allclose(evaluation.goodness, scores[np.arange(4), labels], rtol=1e-12)
    assert evaluation.accuracy == (scores.argmax(axis=1) == labels).mean()
    assert objective.advance(activity, context, (projection,))[0] is projection


# -- identities and extremes ---------------------------------------------------------------------


def test_hff_on_the_sphere_is_mono_forward():
    activity, labels, projection = arrays(CASES[0])
    activity /= np.linalg.norm(activity, axis=1, keepdims=True)
    projection /= np.linalg.norm(projection, axis=1, keepdims=True)
    loss = mono_forward_loss(activity, labels, projection)
    assert loss == pytest.approx(hff_loss(activity, labels, projection, temperature=1.0))
    for ours, theirs, point in zip(
        mono_forward_loss_grads(activity, labels, projection),
        hff_loss_grads(activity, labels, projection, temperature=1.0),
        (activity, projection),
        strict=True,
    ):
        along = (ours * point).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(ours - along * point, theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_margins(dtype):
    # G = (1e4, -1e4) twice, labels 1 and 0: losses 2e4 and 0, no slope left in the second
    activity = np.full((2, 1), 100, dtype)
    projection = np.array([[100], [-100]], dtype)
    labels = np.array([1, 0])
    assert mono_forward_loss(activity, labels, projection) == 1e4
    d_activity, d_projection = mono_forward_loss_grads(activity, labels, projection)
    assert d_activity.dtype == d_projection.dtype == dtype
    assert d_activity.tolist() == [[100], [0]]
    assert d_projection.tolist() == [[50], [-50]]


def test_zero_activity():
    # all scores 0: p = 1/3; the activity is pulled, the projection is not
    activity, projection = np.zeros((1, 2)), np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]])
    labels = np.array([2])
    assert mono_forward_loss(activity, labels, projection) == pytest.approx(LN3)
    d_activity, d_projection = mono_forward_loss_grads(activity, labels, projection)
    np.testing.assert_allclose(d_activity, [[1, -1]], rtol=1e-14)  # (1, 0)/3 + (0, 1)/3 - 2/3 m_2
    assert not d_projection.any()


def test_one_class_costs_nothing():
    activity, labels, projection = np.ones((3, 2)), np.zeros(3, np.int64), np.ones((1, 2))
    assert mono_forward_loss(activity, labels, projection) == 0
    for gradient in mono_forward_loss_grads(activity, labels, projection):
        assert not gradient.any()


def test_inputs_stay_and_rows_may_be_in_any_order():
    activity, labels, projection = arrays(CASES[2])
    before = activity.copy(), projection.copy()
    d_activity, d_projection = mono_forward_loss_grads(activity, labels, projection)
    assert np.array_equal(activity, before[0])
    assert np.array_equal(projection, before[1])
    order = np.array([3, 0, 4, 1, 2])
    moved = mono_forward_loss_grads(activity[order], labels[order], projection)
    np.testing.assert_allclose(moved[0], d_activity[order], rtol=1e-14)
    np.testing.assert_allclose(moved[1], d_projection, rtol=1e-12)


def test_start_is_as_large_as_the_activity():
    drawn = mono_forward_initial_projection(np.random.default_rng(0), classes=200, units=100)
    assert drawn.shape == (200, 100)
    assert drawn.std() == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize(
    ("projection", "labels", "smoothing", "says"),
    [
        (np.ones((2, 4)), [0, 1], 0.0, r"projection must be \(classes, 3\)"),
        (np.ones(3), [0, 1], 0.0, "projection must be"),
        (np.ones((0, 3)), [0, 1], 0.0, "projection must be"),
        (np.ones((2, 3), np.float32), [0, 1], 0.0, "of dtype float64"),
        (np.ones((2, 3)), [0, 2], 0.0, "labels must lie in"),
        (np.ones((2, 3)), [0], 0.0, "labels must have shape"),
        (np.ones((2, 3)), [0, 1], 1.0, "label_smoothing"),
    ],
)
def test_bad_inputs(projection, labels, smoothing, says):
    with pytest.raises(ValueError, match=says):
        mono_forward_loss(np.ones((2, 3)), np.array(labels), projection, label_smoothing=smoothing)


# -- the classifier ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_learns_the_digits(seed):
    X, y = ffref.data.load("digits")
    test = ffref.data.load("digits", split="test")
    model = ffref.MonoForwardClassifier(
        (64, 64), max_iter=10, learning_rate_init=0.003, random_state=seed
    ).fit(X, y)
    assert model.score(*test) > 0.93
    assert model.set_params(readout="last").score(*test) > 0.93


def test_probabilities_are_those_of_the_mean_goodness():
    X, y = ffref.data.load("digits", split="test")
    model = ffref.MonoForwardClassifier((16, 8), max_iter=1, random_state=0).fit(X, y)
    mean = model.layer_goodness(X).mean(axis=0, dtype=np.float64)
    expected = np.exp(mean) / np.exp(mean).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-4)
    last = model.layer_goodness(X)[-1].astype(np.float64)
    expected = np.exp(last) / np.exp(last).sum(axis=1, keepdims=True)
    probabilities = model.set_params(readout="last").predict_proba(X)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-4)
