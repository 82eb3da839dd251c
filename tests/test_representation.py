"""What a layer spans and how alike two layers are: by hand, and what must not change it."""

import math

import numpy as np
import pytest

from ffref.formulas import (
    class_cosine,
    effective_rank,
    linear_cka,
    participation_ratio,
    representation_diagnostics,
    saturated_unit_share,
)


def rows(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def centred_kernel(x):
    middle = np.eye(len(x)) - 1 / len(x)
    return middle @ x @ x.T @ middle


def test_cka_by_hand():
    # centred columns: x = (1, -1, 0), y = (1, 0, -1): (x.y)^2 / (x.x y.y) = 1 / 4
    x, y = np.array([[1.0], [-1.0], [0.0]]), np.array([[1.0], [0.0], [-1.0]])
    assert linear_cka(x, y) == pytest.approx(0.25, rel=1e-15)
    assert linear_cka(x, -y) == pytest.approx(0.25, rel=1e-15)


def test_cka_is_the_cosine_of_two_centred_kernels():
    x, y = rows((9, 4)), rows((9, 6), 1)
    k, m = centred_kernel(x), centred_kernel(y)
    expected = (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
    assert linear_cka(x, y) == pytest.approx(expected, rel=1e-12)


def test_cka_does_not_see_rotation_scale_or_shift_but_stretching():
    x, y = rows((9, 4)), rows((9, 6), 1)
    rotation, _ = np.linalg.qr(rows((4, 4), 2))
    assert linear_cka(3 * x @ rotation + 5, y) == pytest.approx(linear_cka(x, y), rel=1e-12)
    assert linear_cka(x, x @ rotation) == pytest.approx(1, rel=1e-12)
    stretched = x * [1, 1, 1, 10]
    assert abs(linear_cka(stretched, y) - linear_cka(x, y)) > 1e-3


def test_dimensions_by_hand():
    # variances 4 and 1 in two directions: 25 / 17; singular values 2 : 1
    x = np.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
    assert participation_ratio(x + 7) == pytest.approx(25 / 17, rel=1e-14)
    entropy = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert effective_rank(x + 7) == pytest.approx(math.exp(entropy), rel=1e-14)


@pytest.mark.parametrize("measure", [participation_ratio, effective_rank])
def test_dimensions_of_collapsed_and_of_full_layers(measure):
    line = rows((20, 1)) * np.ones(7)
    assert measure(line + 3) == pytest.approx(1, rel=1e-6)
    axes = np.concatenate([np.eye(5), -np.eye(5)])
    assert measure(axes) == pytest.approx(5, rel=1e-12)
    rotation, _ = np.linalg.qr(rows((5, 5), 3))
    skewed = axes * np.arange(1, 6)
    assert measure(skewed @ rotation) == pytest.approx(measure(skewed), rel=1e-12)
    assert 1 < measure(skewed) < 5


def test_saturated_units_by_hand():
    activity = np.array([[1.0, 0, 2, 3], [1, 1, np.nan, 3]])
    assert saturated_unit_share(activity) == 0.5


def test_class_cosine_by_hand():
    # means (1, 0), (0, 2), (1, 1): cosines 0, 1/sqrt 2, 1/sqrt 2
    activity = np.array([[2.0, 1.0], [0.0, -1.0], [0.0, 2.0], [1.0, 1.0]])
    labels = np.array([3, 3, 0, 1])
    assert class_cosine(activity, labels) == pytest.approx(math.sqrt(2) / 3, rel=1e-14)
    assert class_cosine(np.ones((4, 2)), labels) == pytest.approx(1, rel=1e-14)


def test_nothing_to_compare_is_nan():
    constant = np.full((4, 3), 0.1)
    assert math.isnan(linear_cka(constant, rows((4, 2))))
    assert math.isnan(participation_ratio(constant))
    assert math.isnan(effective_rank(constant))
    assert math.isnan(class_cosine(constant, np.zeros(4, int)))
    assert math.isnan(participation_ratio(np.ones((1, 3))))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_layer_at_once(dtype):
    activity = np.maximum(rows((12, 6)), 0).astype(dtype)
    activity[:, 0], activity[:, 1] = 0, 1 + np.arange(12)
    labels = np.arange(12) % 3
    activity.flags.writeable = False
    found = representation_diagnostics(activity, labels)
    assert found.dead_units == pytest.approx(1 / 6)
    assert found.saturated_units == pytest.approx(1 / 6)
    assert found.participation_ratio == participation_ratio(activity)
    assert found.effective_rank == effective_rank(activity)
    assert found.class_cosine == class_cosine(activity, labels)
    assert all(isinstance(value, float) for value in found)


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match="same samples"):
        linear_cka(rows((3, 2)), rows((4, 2)))
    with pytest.raises(ValueError, match="labels"):
        class_cosine(rows((3, 2)), np.zeros(2, int))
    with pytest.raises(ValueError, match="activity"):
        effective_rank(np.ones(3))
