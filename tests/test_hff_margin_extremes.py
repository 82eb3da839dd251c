"""Margins of HFF at the edge: cosines of +-1, zero rows, far margins, one of everything."""

import numpy as np
import pytest

from tests.hff_margin_functions import NAMES, PAIRS, margin_loss, margin_loss_grads
from tests.independent.cases import HFF_CASES, hff_arrays
from tests.independent.compare import scaled_close

KINDS = tuple(NAMES)[1:]
AMOUNTS = {"additive-angular": 0.5, "multiplicative-angular": 3, "pairwise": 0.2, "hardest": 0.2}
each_kind = pytest.mark.parametrize("kind", KINDS)
each_float = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def near(value, expected):
    assert np.allclose(value, expected, rtol=1e-12, atol=1e-15)


@each_kind
@each_float
@pytest.mark.parametrize("per_class", [1, 2])
@pytest.mark.parametrize("cosine", [1, -1])
def test_cosines_of_plus_and_minus_one_stay_finite(kind, dtype, per_class, cosine):
    rng = np.random.default_rng(31)
    prototypes = rng.normal(size=(3, per_class, 5)).astype(dtype)
    activity = cosine * 3 * prototypes[[0, 2], 0]
    arrays = activity, np.array([0, 2]), prototypes
    options = {"temperature": 0.05, "margin": AMOUNTS[kind]}
    assert np.isfinite(margin_loss(kind)(*arrays, **options))
    for gradient, array in zip(
        margin_loss_grads(kind)(*arrays, **options), (activity, prototypes), strict=True
    ):
        assert gradient.dtype == dtype
        # slope 1/T at most from each of three classes, 3 from the angle, over the length
        length = np.linalg.norm(array, axis=-1)
        assert np.all(np.linalg.norm(gradient, axis=-1) * length <= 2 * 6 / 0.05)


@each_float
@pytest.mark.parametrize("angle", [1e-2, 1e-3, 1e-6, 1e-10, 1e-30, 0.0])
def test_the_push_at_small_angles_keeps_its_size(dtype, angle):
    # prototypes at right angles, the sample at a small angle from its own: it is turned by the
    # margin alone, while d / d cosine grows to 1e10 and more
    frame, _ = np.linalg.qr(np.random.default_rng(34).normal(size=(6, 3)))
    own, other, aside = frame.T
    sample = np.cos(angle) * own + np.sin(angle) * aside
    d_activity, d_prototypes = margin_loss_grads("additive-angular")(
        sample[None].astype(dtype),
        np.array([0]),
        np.stack([own, other]).astype(dtype),
        temperature=1.0,
        margin=0.5,
    )
    p_other = 1 / (1 + np.exp(np.cos(angle + 0.5)))
    slope = p_other * np.sin(angle + 0.5)
    rounding = float(np.finfo(dtype).eps) / max(angle, 1e-100)
    if rounding < 1e-2:  # the digits of the angle that the arrays hold
        assert np.isclose(d_activity[0] @ aside, slope * np.cos(angle), rtol=4 * rounding)
        assert np.isclose(d_prototypes[0] @ aside, -slope, rtol=4 * rounding)
    # whatever the angle: no longer than the slope, besides what turns the sample to the other
    assert np.linalg.norm(d_activity[0] - p_other * other) < 2 * slope
    assert np.linalg.norm(d_prototypes[0]) < 2 * slope


@each_kind
@each_float
def test_zero_activity(kind, dtype):
    rng = np.random.default_rng(32)
    prototypes = rng.normal(size=(3, 2, 4)).astype(dtype)
    activity = rng.normal(size=(2, 4)).astype(dtype)
    activity[0] = 0
    labels = np.array([2, 1])
    options = {"temperature": 0.2, "margin": AMOUNTS[kind]}
    loss, grads = margin_loss(kind), margin_loss_grads(kind)
    # angle 90 degrees: cos(90 + 0.5 rad), or cos 270 turned over: 0 - 2, or 0 less the margin
    own = {"additive-angular": -np.sin(0.5), "multiplicative-angular": -2.0}.get(kind, -0.2)
    odds = np.exp(-own / 0.2)  # of each other class
    expected = {"pairwise": 2 * np.log1p(odds), "hardest": np.log1p(odds)}
    expected = expected.get(kind, np.log1p(2 * odds))
    assert np.isclose(loss(activity[:1], labels[:1], prototypes, **options), expected, rtol=1e-6)
    d_activity, d_prototypes = grads(activity, labels, prototypes, **options)
    alone, prototypes_alone = grads(activity[1:], labels[1:], prototypes, **options)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    assert np.array_equal(d_activity[0], np.zeros(4))
    assert scaled_close(d_activity[1:], alone / 2, tolerance)
    assert scaled_close(d_prototypes, prototypes_alone / 2, tolerance)


@pytest.mark.parametrize("kind", PAIRS)
@each_float
@pytest.mark.parametrize("margin", [1e4, -1e4])
def test_far_margins(kind, dtype, margin):
    arrays = hff_arrays(HFF_CASES[8])
    arrays = arrays[0].astype(dtype), arrays[1], arrays[2].astype(dtype)
    options = {"temperature": 1e-2, "margin": margin}
    loss = margin_loss(kind)(*arrays, **options)
    # three other classes, each 1e6 ahead
    expected = {"pairwise": 3e6, "hardest": 1e6}[kind] if margin > 0 else 0.0
    assert np.isclose(loss, expected, rtol=1e-3)
    for gradient in margin_loss_grads(kind)(*arrays, **options):
        assert np.all(np.isfinite(gradient))
        assert gradient.any() == (margin > 0)


@each_kind
@each_float
def test_one_class_is_nothing_and_one_sample_is_fine(kind, dtype):
    rng = np.random.default_rng(33)
    activity = rng.normal(size=(3, 4)).astype(dtype)
    options = {"temperature": 0.1, "margin": AMOUNTS[kind]}
    arrays = activity, np.zeros(3, np.int64), rng.normal(size=(1, 2, 4)).astype(dtype)
    assert margin_loss(kind)(*arrays, **options) == 0
    for gradient in margin_loss_grads(kind)(*arrays, **options):
        assert not gradient.any()
    one = activity[:1], np.array([1]), rng.normal(size=(3, 4)).astype(dtype)
    for gradient, array in zip(
        margin_loss_grads(kind)(*one, **options), (one[0], one[2]), strict=True
    ):
        assert gradient.shape == array.shape
        assert gradient.dtype == dtype
        assert gradient.any()


@each_kind
def test_scale_does_not_count_and_inputs_stay(kind):
    activity, labels, prototypes = hff_arrays(HFF_CASES[9])
    options = {"temperature": 0.3, "margin": AMOUNTS[kind]}
    loss = margin_loss(kind)(activity, labels, prototypes, **options)
    for array in (activity, prototypes):
        array.setflags(write=False)
    for size in (1e-30, 1e30):
        near(margin_loss(kind)(activity * size, labels, prototypes / size, **options), loss)
        d_scaled, _ = margin_loss_grads(kind)(activity * size, labels, prototypes, **options)
        d_activity, _ = margin_loss_grads(kind)(activity, labels, prototypes, **options)
        assert scaled_close(d_scaled * size, d_activity)


@pytest.mark.parametrize(
    ("kind", "margin", "words"),
    [
        *[("additive-angular", m, "from 0 to pi / 2") for m in (-0.1, 1.6, 28.6)],
        *[("multiplicative-angular", m, "whole number of at least 1") for m in (0, 2.5, -3)],
        *[(kind, m, "margin must be") for kind in KINDS for m in (np.nan, np.inf, "much")],
    ],
)
def test_margins_out_of_range(kind, margin, words):
    arrays = hff_arrays(HFF_CASES[0])
    for function in (margin_loss(kind), margin_loss_grads(kind)):
        with pytest.raises(ValueError, match=words):
            function(*arrays, temperature=0.1, margin=margin)


@each_kind
def test_bad_arrays(kind):
    activity, labels, prototypes = hff_arrays(HFF_CASES[0])
    options = {"temperature": 0.1, "margin": AMOUNTS[kind]}
    for function in (margin_loss(kind), margin_loss_grads(kind)):
        with pytest.raises(ValueError, match="labels"):
            function(activity, labels + 9, prototypes, **options)
        with pytest.raises(ValueError, match="prototypes"):
            function(activity, labels, prototypes[:, :2], **options)
        with pytest.raises(ValueError, match="zero"):
            function(activity, labels, 0 * prototypes, **options)
