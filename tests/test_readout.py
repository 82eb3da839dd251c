"""The softmax readout: by hand, against 50 digits, differences, autograd and wrong versions."""

import math

import numpy as np
import pytest

from ffref.formulas import NORMS
from ffref.layers import (
    Readout,
    readout_evaluate,
    readout_features,
    readout_logits,
    readout_loss,
    readout_loss_grads,
    zero_readout,
)
from tests.independent import scalar_elementwise
from tests.independent.compare import (
    SCALED,
    SCALED_FLOAT32,
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.independent.precision import exact, mp, rounded

# batch, units of each layer, classes, seed
CASES = [(4, (5, 3), 4, 1), (3, (4,), 3, 2), (1, (2, 3, 2), 2, 3)]
each_case = pytest.mark.parametrize("case", CASES)
each_float = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def arrays(case, dtype=np.float64):
    batch, units, classes, seed = case
    rng = np.random.default_rng(seed)
    weights = tuple(rng.normal(size=(size, classes)).astype(dtype) for size in units)
    features = tuple(rng.normal(size=(batch, size)).astype(dtype) for size in units)
    bias = rng.normal(size=classes).astype(dtype)
    return Readout(weights, bias), features, rng.integers(classes, size=batch)


def test_by_hand():
    # layer 1 gives log 2 (1, 2), layer 2 log 2 (0, -1), the bias log 2 (0, 1):
    # a = log 2 (1, 2), odds 2 : 4, so p = (1/3, 2/3)
    log2 = math.log(2)
    readout = Readout((log2 * np.eye(2), np.array([[0.0, -log2]])), np.array([0.0, log2]))
    features = (np.array([[1.0, 2.0]]), np.ones((1, 1)))
    label = np.array([0])
    evaluation = readout_evaluate(readout, features, label)
    np.testing.assert_allclose(readout_logits(readout, features), [[log2, 2 * log2]])
    np.testing.assert_allclose(evaluation.logits, [[log2, 2 * log2]])
    assert evaluation.loss == pytest.approx(math.log(3), rel=1e-15)
    # p - target = (-2/3, 2/3), times each feature
    np.testing.assert_allclose(evaluation.d_weights[0], [[-2 / 3, 2 / 3], [-4 / 3, 4 / 3]])
    np.testing.assert_allclose(evaluation.d_weights[1], [[-2 / 3, 2 / 3]])
    np.testing.assert_allclose(evaluation.d_bias, [-2 / 3, 2 / 3])


def scalar_logits(readout, features):
    layers = [
        (exact(feature), exact(weight))
        for feature, weight in zip(features, readout.weights, strict=True)
    ]
    return [
        [
            b + mp.fsum(z * line[c] for x, v in layers for z, line in zip(x[n], v, strict=True))
            for c, b in enumerate(exact(readout.bias))
        ]
        for n in range(len(features[0]))
    ]


@each_case
def test_against_50_digits(case):
    readout, features, labels = arrays(case)
    logits = scalar_logits(readout, features)
    assert scaled_close(readout_logits(readout, features), rounded(logits))
    nothing = mp.mpf(0)
    expected = scalar_elementwise.mean_cross_entropy(logits, labels, nothing)
    assert scaled_close(readout_loss(readout, features, labels), rounded(expected))
    d_logits = scalar_elementwise.mean_cross_entropy_grad(logits, labels, nothing)
    d_weights, d_bias = readout_loss_grads(readout, features, labels)
    for feature, d_weight in zip(features, d_weights, strict=True):
        expected = [
            [mp.fsum(z * d for z, d in zip(units, column, strict=True)) for column in
             zip(*d_logits, strict=True)]
            for units in zip(*exact(feature), strict=True)
        ]  # fmt: skip
        assert scaled_close(d_weight, rounded(expected))
    expected = [mp.fsum(column) for column in zip(*d_logits, strict=True)]
    assert scaled_close(d_bias, rounded(expected))


@each_case
def test_gradients_are_the_differences(case):
    readout, features, labels = arrays(case)
    d_weights, d_bias = readout_loss_grads(readout, features, labels)

    def with_weight(depth, weight):
        weights = list(readout.weights)
        weights[depth] = weight
        return readout_loss(readout._replace(weights=tuple(weights)), features, labels)

    pairs = [
        (d_weight, central_difference(lambda w, depth=depth: with_weight(depth, w), weight))
        for depth, (d_weight, weight) in enumerate(zip(d_weights, readout.weights, strict=True))
    ]
    differences = central_difference(
        lambda b: readout_loss(readout._replace(bias=b), features, labels), readout.bias
    )
    for gradient, expected in (*pairs, (d_bias, differences)):
        assert difference_close(gradient, expected)
        for name, wrong in wrong_versions(gradient):
            assert not difference_close(wrong, expected), name


@pytest.mark.torch
@each_float
@each_case
def test_autograd(case, dtype):
    torch = pytest.importorskip("torch")
    readout, features, labels = arrays(case, dtype)
    weights = [torch.tensor(w, requires_grad=True) for w in readout.weights]
    bias = torch.tensor(readout.bias, requires_grad=True)
    together = torch.cat([torch.tensor(f) for f in features], dim=1)
    logits = torch.nn.functional.linear(together, torch.cat(weights).T, bias)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    loss.backward()
    evaluation = readout_evaluate(readout, features, labels)
    tolerance = SCALED_FLOAT32 if dtype == np.float32 else SCALED
    assert np.isclose(evaluation.loss, loss.item(), rtol=tolerance, atol=0)
    assert evaluation.logits.dtype == dtype
    for mine, leaf in zip((*evaluation.d_weights, evaluation.d_bias), (*weights, bias),
                          strict=True):  # fmt: skip
        theirs = leaf.grad.numpy()
        assert mine.dtype == dtype
        assert scaled_close(mine, theirs, tolerance)
        for name, wrong in wrong_versions(mine):
            assert not scaled_close(wrong, theirs, tolerance), name


def test_special_cases():
    readout = zero_readout((3, 2), 5, np.dtype(np.float64))
    features = (np.ones((2, 3)), np.ones((2, 2)))
    assert readout_loss(readout, features, np.array([0, 4])) == pytest.approx(math.log(5))
    one, features, _ = arrays((3, (4, 2), 1, 9))
    evaluation = readout_evaluate(one, features, np.zeros(3, int))
    assert evaluation.loss == 0
    assert not any(d.any() for d in (*evaluation.d_weights, evaluation.d_bias))
    readout, features, _ = arrays(CASES[0])
    silent = tuple(np.zeros_like(feature) for feature in features)
    np.testing.assert_array_equal(readout_logits(readout, silent), np.tile(readout.bias, (4, 1)))


@each_float
def test_extremes_stay_finite(dtype):
    readout, features, labels = arrays(CASES[0], dtype)
    loud = readout._replace(weights=tuple(weight * 1e4 for weight in readout.weights))
    evaluation = readout_evaluate(loud, features, labels)
    assert np.isfinite(evaluation.loss)
    assert all(np.isfinite(d).all() for d in (*evaluation.d_weights, evaluation.d_bias))


@each_float
def test_a_row_does_not_depend_on_its_batch_and_inputs_stay(dtype):
    readout, features, labels = arrays((37, (50, 33), 10, 4), dtype)
    for array in (*readout.weights, *features, readout.bias, labels):
        array.flags.writeable = False
    logits = readout_logits(readout, features)
    alone = readout_logits(readout, tuple(feature[5:6] for feature in features))
    np.testing.assert_array_equal(logits[5:6], alone)
    spread = tuple(np.repeat(f, 2, axis=1)[:, ::2] for f in features)
    np.testing.assert_array_equal(readout_logits(readout, spread), logits)


def test_features_are_all_layers_but_the_first():
    rng = np.random.default_rng(0)
    activities = [rng.uniform(size=(2, size)) for size in (3, 4, 5)]
    features = readout_features(activities, NORMS["rms"])
    assert [feature.shape for feature in features] == [(2, 4), (2, 5)]
    np.testing.assert_allclose([(f**2).mean(axis=1) for f in features], 1)
    every = readout_features(activities, NORMS["rms"], layers=3)
    assert [feature.shape for feature in every] == [(2, 3), (2, 4), (2, 5)]
    np.testing.assert_array_equal(every[1], features[0])
    (single,) = readout_features(activities[:1], NORMS["l2"])
    np.testing.assert_allclose(np.linalg.norm(single, axis=1), 1)


def test_what_does_not_fit_is_refused():
    readout, features, labels = arrays(CASES[0])
    with pytest.raises(ValueError, match="reads 2 layers, got 1"):
        readout_logits(readout, features[:1])
    with pytest.raises(ValueError, match=r"\(4, 3\) of float64"):
        readout_logits(readout, (features[0], features[1][:3]))
    with pytest.raises(ValueError, match="float32"):
        readout_logits(readout, (features[0], features[1].astype(np.float32)))
    with pytest.raises(ValueError, match=r"0 \.\. 3"):
        readout_loss(readout, features, labels + 4)
    with pytest.raises(ValueError, match="at least one layer"):
        zero_readout((), 3, np.dtype(np.float32))
    with pytest.raises(ValueError, match="at least 1"):
        zero_readout((4, 0), 3, np.dtype(np.float32))
