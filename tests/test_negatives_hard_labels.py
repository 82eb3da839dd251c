"""Hard wrong labels: never the true one, in proportion to the network's probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffref.formulas import softmax
from ffref.negatives import hard_wrong_label, share_with_true_label, wrong_class_probabilities
from tests.independent import scalar_hinton_matlab as matlab


def rng(seed=0):
    return np.random.default_rng(seed)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(classes=st.integers(2, 12), seed=st.integers(0, 99), batch=st.integers(1, 40))
def test_a_hard_label_is_never_the_true_one_and_always_a_class(classes, seed, batch):
    logits = rng(seed).normal(size=(batch, classes)) * 10.0 ** rng(seed).integers(-2, 4)
    labels = rng(seed).integers(classes, size=batch)
    for dtype in (np.float32, np.float64):
        probabilities = softmax(logits.astype(dtype))
        wrong = hard_wrong_label(probabilities, labels, rng=rng(seed))
        assert wrong.dtype == np.int64
        assert share_with_true_label(wrong, labels) == 0
        assert ((wrong >= 0) & (wrong < classes)).all()


def test_labels_come_in_proportion_to_the_probabilities_of_wrong_classes():
    # without the true class 1: 1/2, 1/6, 1/3 for classes 0, 2, 3
    p = np.tile([0.15, 0.7, 0.05, 0.1], (60_000, 1))
    wrong = hard_wrong_label(p, np.ones(60_000, int), rng=rng())
    # standard deviations are at most 123
    np.testing.assert_allclose(
        np.bincount(wrong, minlength=4), [30_000, 0, 10_000, 20_000], atol=5 * 123
    )


@pytest.mark.parametrize("mass", [1.0, 0.0, 1e-300])
def test_all_mass_on_the_true_class_leaves_the_others_equal(mass):
    p = np.zeros((30_000, 4))
    p[:, 2] = mass
    wrong = hard_wrong_label(p, np.full(30_000, 2), rng=rng())
    np.testing.assert_allclose(
        np.bincount(wrong, minlength=4), [10_000, 10_000, 0, 10_000], atol=5 * 82
    )


def test_a_class_without_mass_is_not_drawn_and_tiny_masses_keep_their_proportion():
    p = np.tile([1.0, 0.0, 3e-320, 1e-320], (40_000, 1))
    counts = np.bincount(hard_wrong_label(p, np.zeros(40_000, int), rng=rng()), minlength=4)
    assert counts[0] == counts[1] == 0
    assert counts[2] == pytest.approx(30_000, abs=5 * 87)


def test_one_number_is_drawn_for_each_row():
    p = rng(1).uniform(size=(6, 5))
    labels = np.array([0, 1, 2, 3, 4, 0])
    whole, certain = hard_wrong_label(p, labels, rng=rng(3)), p.copy()
    certain[2] = np.eye(5)[2]
    changed = hard_wrong_label(certain, labels, rng=rng(3))
    np.testing.assert_array_equal(np.delete(changed, 2), np.delete(whole, 2))
    first, second = rng(3), rng(3)
    hard_wrong_label(p, labels, rng=first)
    second.random(6)
    assert first.random() == second.random()


def test_wrong_class_probabilities_by_hand_and_by_the_transcription():
    # odds 1 : 3 of the wrong classes, however sure the network is of the true one
    logits = np.array([[9e3, 0.0, np.log(3)], [0.0, 9e3, np.log(3)]])
    q = wrong_class_probabilities(logits, np.array([0, 1]))
    np.testing.assert_allclose(q, [[0, 0.25, 0.75], [0.25, 0, 0.75]], rtol=1e-12)
    logits, labels = rng(2).normal(size=(5, 4)), np.array([0, 3, 2, 1, 1])
    expected = [
        matlab.softmax_of(matlab.wrong_logits(list(row), label))
        for row, label in zip(logits, labels, strict=True)
    ]
    np.testing.assert_allclose(wrong_class_probabilities(logits, labels), expected, atol=1e-15)
    p = softmax(logits)
    p[np.arange(5), labels] = 0
    np.testing.assert_allclose(expected, p / p.sum(axis=1, keepdims=True), atol=1e-15)


def test_inputs_stay_and_dtype_is_kept():
    logits, labels = rng().normal(size=(3, 4)).astype(np.float32), np.array([0, 1, 2])
    for array in (logits, labels):
        array.flags.writeable = False
    assert wrong_class_probabilities(logits, labels).dtype == np.float32
    spaced = np.repeat(softmax(logits), 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(
        hard_wrong_label(spaced, labels, rng=rng()),
        hard_wrong_label(softmax(logits), labels, rng=rng()),
    )


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (np.ones((2, 1)), [0, 0], "at least 2 classes"),
        (np.ones((2, 3)), [0, 3], r"0 \.\. 2"),
        (np.array([[0.5, -0.5]]), [0], "softmax"),
        (np.array([[0.5, np.nan]]), [0], "finite"),
        (np.array([[0.5, np.inf]]), [0], "finite"),
        (np.ones((1, 2), int), [0], "float32"),
    ],
)
def test_bad_input_is_refused(probabilities, labels, message):
    with pytest.raises(ValueError, match=message):
        hard_wrong_label(probabilities, np.array(labels), rng=rng())
