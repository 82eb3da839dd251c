"""FF, HFF and the layer under them against 50 digits, differences, and wrong versions."""

import numpy as np
import pytest

from ffref import formulas
from ffref.layers.dense import Dense, dense_forward, dense_grads
from ffref.objectives.ff import ff_loss, ff_loss_grad, probability_positive
from ffref.objectives.hff import hff_class_scores, hff_loss, hff_loss_grads
from tests.independent import scalar_dense, scalar_ff, scalar_hff
from tests.independent.cases import (
    FF_CASES,
    HFF_CASES,
    HFF_REGULAR,
    exact_settings,
    ff_arrays,
    hff_arrays,
    hff_options,
)
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import exact, rounded

RECORDS = {
    "sum": formulas.SUM_OF_SQUARES,
    "mean": formulas.MEAN_OF_SQUARES,
    "negative_sum": formulas.NEGATIVE_SUM_OF_SQUARES,
    "negative_mean": formulas.NEGATIVE_MEAN_OF_SQUARES,
}


def named(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def assert_only_right_passes(close, gradient, expected):
    """`gradient` passes the comparison, and none of its wrong versions does."""
    assert close(gradient, expected)
    for name, wrong in wrong_versions(gradient):
        assert not close(wrong, expected), name


def ff_options(case):
    return {"threshold": case.threshold, "goodness": RECORDS[case.kind]}


@named(FF_CASES)
def test_ff_against_50_digits(case):
    activity, polarity = ff_arrays(case)
    scalar = exact(activity), polarity, exact(case.threshold), case.kind
    loss = ff_loss(activity, polarity, **ff_options(case))
    assert isinstance(loss, float)
    assert scaled_close(loss, rounded(scalar_ff.ff_loss(*scalar)))
    gradient = ff_loss_grad(activity, polarity, **ff_options(case))
    expected = rounded(scalar_ff.ff_loss_grad(*scalar))
    assert_only_right_passes(scaled_close, gradient, expected)


@named(FF_CASES)
def test_ff_against_differences(case):
    activity, polarity = ff_arrays(case)
    options = ff_options(case)
    differences = central_difference(lambda y: ff_loss(y, polarity, **options), activity)
    gradient = ff_loss_grad(activity, polarity, **options)
    assert_only_right_passes(difference_close, gradient, differences)


@named(FF_CASES)
def test_probability_positive(case):
    activity, _ = ff_arrays(case)
    goodness = RECORDS[case.kind].value(activity)
    rows, threshold = exact(activity), exact(case.threshold)
    expected = [scalar_ff.probability(row, threshold, case.kind) for row in rows]
    assert scaled_close(
        probability_positive(goodness, threshold=case.threshold), rounded(expected)
    )


def test_ff_is_the_mean_surprise_of_probability_positive():
    activity, polarity = ff_arrays(FF_CASES[0])
    p = probability_positive(formulas.sum_of_squares(activity), threshold=2.0)
    surprise = -np.log(np.where(polarity > 0, p, 1 - p))
    assert scaled_close(ff_loss(activity, polarity, threshold=2.0), surprise.mean())


@named(HFF_CASES)
def test_hff_scores_against_50_digits(case):
    activity, _, prototypes = hff_arrays(case)
    sharpness = case.sharpness or 1 / case.temperature
    rows, groups = exact(activity), exact(prototypes)
    expected = [scalar_hff.class_scores(row, groups, exact(sharpness)) for row in rows]
    scores = hff_class_scores(activity, prototypes, sharpness=sharpness)
    assert scaled_close(scores, rounded(expected))


@named(HFF_CASES)
def test_hff_loss_against_50_digits(case):
    activity, labels, prototypes = hff_arrays(case)
    loss = hff_loss(activity, labels, prototypes, **hff_options(case))
    assert isinstance(loss, float)
    expected = scalar_hff.hff_loss(
        exact(activity), labels, exact(prototypes), **exact_settings(case)
    )
    if case.classes == 1:
        assert loss == 0
    else:
        assert scaled_close(loss, rounded(expected))


@named(HFF_REGULAR)
def test_hff_gradients_against_50_digits(case):
    activity, labels, prototypes = hff_arrays(case)
    gradients = hff_loss_grads(activity, labels, prototypes, **hff_options(case))
    expected = scalar_hff.hff_loss_grads(
        exact(activity), labels, exact(prototypes), **exact_settings(case)
    )
    for gradient, wanted in zip(gradients, map(rounded, expected), strict=True):
        assert_only_right_passes(scaled_close, gradient, wanted)


@named(HFF_REGULAR)
def test_hff_gradients_against_differences(case):
    activity, labels, prototypes = hff_arrays(case)
    options = hff_options(case)
    d_activity, d_prototypes = hff_loss_grads(activity, labels, prototypes, **options)
    differences = central_difference(
        lambda h: hff_loss(h, labels, prototypes, **options), activity
    )
    assert_only_right_passes(difference_close, d_activity, differences)
    differences = central_difference(
        lambda p: hff_loss(activity, labels, p, **options), prototypes
    )
    assert_only_right_passes(difference_close, d_prototypes, differences)


@named([case for case in HFF_CASES if case.degenerate])
def test_hff_gradients_that_are_zero(case):
    activity, labels, prototypes = hff_arrays(case)
    gradients = hff_loss_grads(activity, labels, prototypes, **hff_options(case))
    for gradient, array in zip(gradients, (activity, prototypes), strict=True):
        assert gradient.shape == array.shape
        if case.classes == 1:
            assert np.all(gradient == 0)
        else:
            assert np.allclose(gradient, 0, atol=1e-13)


def layer_arrays(units_in, units_out, batch, seed):
    rng = np.random.default_rng(seed)
    x, weight = rng.normal(size=(batch, units_in)), rng.normal(size=(units_in, units_out))
    return x, weight, rng.normal(size=units_out) * 0.5


def layer_grads(x, weight, bias, activity_grad):
    """The chain of one layer, from the package's pieces."""
    preactivation = dense_forward(Dense(weight, bias), x)
    d_activity = activity_grad(formulas.relu(preactivation))
    return dense_grads(x, d_activity * formulas.relu_grad(preactivation))


def check_layer(x, weight, bias, grads, loss, expected):
    def layer_loss(w, b):
        return loss(formulas.relu(dense_forward(Dense(w, b), x)))

    for gradient, wanted in zip(grads, map(rounded, expected), strict=True):
        assert_only_right_passes(scaled_close, gradient, wanted)
    d_weight, d_bias = grads
    differences = central_difference(lambda w: layer_loss(w, bias), weight)
    assert_only_right_passes(difference_close, d_weight, differences)
    differences = central_difference(lambda b: layer_loss(weight, b), bias)
    assert_only_right_passes(difference_close, d_bias, differences)


@pytest.mark.parametrize(("sizes", "kind"), [((3, 5, 4), "sum"), ((4, 4, 4), "mean")])
def test_ff_layer(sizes, kind):
    arrays = layer_arrays(*sizes, seed=501)
    polarity = np.array([1.0, -1.0, -1.0, 1.0])
    options = {"threshold": 2.0, "goodness": RECORDS[kind]}
    grads = layer_grads(*arrays, lambda y: ff_loss_grad(y, polarity, **options))
    rows, weight, bias = map(exact, arrays)
    activity = scalar_dense.activity(rows, weight, bias)
    upstream = scalar_ff.ff_loss_grad(activity, polarity, exact(2.0), kind)
    expected = scalar_dense.layer_grads(rows, weight, bias, upstream)
    check_layer(*arrays, grads, lambda y: ff_loss(y, polarity, **options), expected)


@named(HFF_REGULAR[9:14])
def test_hff_layer(case):
    arrays = layer_arrays(6, case.units, case.batch, case.seed + 320)
    _, labels, prototypes = hff_arrays(case)
    options = hff_options(case)
    grads = layer_grads(*arrays, lambda h: hff_loss_grads(h, labels, prototypes, **options)[0])
    rows, weight, bias = map(exact, arrays)
    activity = scalar_dense.activity(rows, weight, bias)
    upstream, _ = scalar_hff.hff_loss_grads(
        activity, labels, exact(prototypes), **exact_settings(case)
    )
    expected = scalar_dense.layer_grads(rows, weight, bias, upstream)
    check_layer(*arrays, grads, lambda h: hff_loss(h, labels, prototypes, **options), expected)
