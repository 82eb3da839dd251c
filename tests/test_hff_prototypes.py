"""Where prototypes start: at random, on a simplex, at class means."""

import numpy as np
import pytest

from ffref.objectives.hff import (
    hff_class_mean_prototypes,
    hff_class_scores,
    hff_loss,
    hff_simplex_prototypes,
)


def generator():
    return np.random.default_rng(41)


@pytest.mark.parametrize(("classes", "units"), [(2, 1), (2, 5), (3, 2), (10, 9), (10, 64)])
@pytest.mark.parametrize("per_class", [1, 3])
def test_simplex(classes, units, per_class):
    q = hff_simplex_prototypes(
        generator(), classes=classes, prototypes_per_class=per_class, units=units
    )
    assert q.shape == (classes, per_class, units)
    expected = np.where(np.eye(classes), 1, -1 / (classes - 1))
    for k in range(per_class):
        np.testing.assert_allclose(q[:, k] @ q[:, k].T, expected, atol=1e-12)
        np.testing.assert_allclose(q[:, k].sum(axis=0), 0, atol=1e-12)
    if per_class > 1 and units > 1:
        within = np.einsum("cu,cu->c", q[:, 0], q[:, 1])
        assert np.all(within < 1 - 1e-6)


def test_simplices_point_everywhere():
    # mean of many random turns is 0, and so is no coordinate always of one sign
    rng = generator()
    first = np.stack(
        [
            hff_simplex_prototypes(rng, classes=3, prototypes_per_class=1, units=4)[0, 0]
            for _ in range(2000)
        ]
    )
    assert np.max(np.abs(first.mean(axis=0))) < 0.05
    np.testing.assert_allclose((first**2).mean(axis=0), 0.25, atol=0.03)


def test_simplex_attains_the_best_loss():
    # samples on their prototypes: log(1 + (C - 1) exp(-C / (T (C - 1))))
    q = hff_simplex_prototypes(generator(), classes=5, prototypes_per_class=1, units=7)
    loss = hff_loss(q[:, 0], np.arange(5), q, temperature=0.5)
    assert np.isclose(loss, np.log1p(4 * np.exp(-5 / (0.5 * 4))), rtol=1e-12)


def test_simplex_of_one_class_and_of_too_few_units():
    one = hff_simplex_prototypes(generator(), classes=1, prototypes_per_class=2, units=3)
    np.testing.assert_allclose(np.linalg.norm(one, axis=2), 1)
    with pytest.raises(ValueError, match="at least 9 units, got 8"):
        hff_simplex_prototypes(generator(), classes=10, prototypes_per_class=1, units=8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_class_means_by_hand(dtype):
    # class 0: (3, 4) and (4, 3), of directions (0.6, 0.8) and (0.8, 0.6): mean along (1, 1);
    # their lengths do not count
    activity = np.array([[3, 4], [0, 5], [40, 30]], dtype)
    q = hff_class_mean_prototypes(
        generator(), activity, np.array([0, 1, 0]), classes=2, prototypes_per_class=1
    )
    assert q.dtype == dtype
    np.testing.assert_allclose(q[:, 0], [[0.5**0.5, 0.5**0.5], [0, 1]], rtol=1e-6)


def test_samples_are_dealt_out_in_turn():
    activity = np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 3], [0, 1, 0]])
    q = hff_class_mean_prototypes(
        generator(), activity, np.zeros(4, np.int64), classes=1, prototypes_per_class=2
    )
    half = 0.5**0.5
    np.testing.assert_allclose(q[0], [[half, 0, half], [0, 1, 0]], atol=1e-15)


def test_what_no_sample_gives_is_drawn_at_random():
    activity = np.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 2, 0]])
    labels = np.array([0, 0, 1, 3])
    q = hff_class_mean_prototypes(generator(), activity, labels, classes=4, prototypes_per_class=2)
    np.testing.assert_allclose(np.linalg.norm(q, axis=2), 1)
    np.testing.assert_array_equal(q[0, 0], [1, 0, 0])
    np.testing.assert_array_equal(q[3, 0], [0, 1, 0])
    drawn = np.concatenate([q[0, 1:], q[1], q[2], q[3, 1:]])  # a tie, a zero row, absent, too few
    assert np.all(np.abs(drawn) > 1e-3)
    assert len(np.unique(drawn.round(9), axis=0)) == len(drawn)


def test_class_means_classify_what_they_are_made_of():
    rng = generator()
    centres = rng.standard_normal((4, 20))
    labels = np.arange(80) % 4
    activity = centres[labels] + 0.1 * rng.standard_normal((80, 20))
    q = hff_class_mean_prototypes(rng, activity, labels, classes=4, prototypes_per_class=3)
    assert np.array_equal(hff_class_scores(activity, q, sharpness=10.0).argmax(axis=1), labels)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": np.array([0, 2])}, "labels must lie in"),
        ({"activity": np.ones(3)}, "activity must be"),
        ({"prototypes_per_class": 0}, "prototypes_per_class"),
    ],
)
def test_class_means_refuse(change, words):
    arguments = {
        "activity": np.ones((2, 3)),
        "labels": np.array([0, 1]),
        "classes": 2,
        "prototypes_per_class": 1,
    }
    with pytest.raises(ValueError, match=words):
        hff_class_mean_prototypes(generator(), **(arguments | change))
