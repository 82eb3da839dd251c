"""Label encodings and wrong labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffref.formulas import NORMS
from ffref.negatives import (
    append_label,
    append_neutral_label,
    bind_label_encoding,
    contrastive_batch,
    label_planes,
    neutral_label_planes,
    overlay_label,
    overlay_neutral_label,
    share_with_true_label,
    uniform_wrong_label,
    warn_if_overlay_hides_data,
)
from tests.labelled_rows import stacked

X = np.array([[5.0, 6.0, 7.0], [8.0, 9.0, 10.0]], np.float32)
LABELS = np.array([1, 0])


@settings(derandomize=True, deadline=None, max_examples=50)
@given(classes=st.integers(2, 20), seed=st.integers(0, 99), batch=st.integers(0, 50))
def test_a_wrong_label_is_never_the_true_one_and_always_a_class(classes, seed, batch):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=batch)
    wrong = uniform_wrong_label(labels, classes=classes, rng=rng)
    assert not (wrong == labels).any()
    assert ((wrong >= 0) & (wrong < classes)).all()


def test_wrong_labels_are_uniform_over_the_others():
    labels = np.repeat(np.arange(5), 20_000)
    wrong = uniform_wrong_label(labels, classes=5, rng=np.random.default_rng(0))
    counts = np.histogram2d(labels, wrong, bins=5)[0]
    assert share_with_true_label(wrong, labels) == 0
    # 5,000 expected in each of 20 cells, standard deviation 61
    np.testing.assert_allclose(counts[~np.eye(5, dtype=bool)], 5000, atol=5 * 61)


def test_the_checker_finds_shuffled_labels():
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=10_000)
    shuffled = rng.permutation(labels)
    assert share_with_true_label(shuffled, labels) == pytest.approx(0.1, abs=0.01)


def test_one_class_has_no_wrong_label():
    with pytest.raises(ValueError, match="at least 2 classes"):
        uniform_wrong_label(np.zeros(3, int), classes=1, rng=np.random.default_rng(0))


def test_encodings_by_hand():
    np.testing.assert_array_equal(
        append_label(X, LABELS, classes=2, strength=3.0), [[5, 6, 7, 0, 3], [8, 9, 10, 3, 0]]
    )
    np.testing.assert_array_equal(
        overlay_label(X, LABELS, classes=2, strength=3.0), [[0, 3, 7], [3, 0, 10]]
    )
    np.testing.assert_allclose(
        append_neutral_label(X, classes=2)[:, 3:], np.full((2, 2), 0.1), rtol=1e-6
    )
    np.testing.assert_allclose(
        overlay_neutral_label(X, classes=2, strength=2.0), [[0.2, 0.2, 7], [0.2, 0.2, 10]]
    )
    images = X.reshape(2, 1, 3, 1)
    planes = label_planes(images, LABELS, classes=2)
    assert planes.shape == (2, 1, 3, 3)
    np.testing.assert_array_equal(planes[0, 0], [[5, 0, 1], [6, 0, 1], [7, 0, 1]])
    np.testing.assert_allclose(neutral_label_planes(images, classes=2)[..., 1:], 0.1, rtol=1e-6)


@pytest.mark.parametrize("name", ["append", "overlay", "planes"])
def test_encodings_keep_dtype_and_input(name):
    x = X.reshape(2, 1, 3, 1).copy() if name == "planes" else X.copy()
    x.flags.writeable = False
    encoding = bind_label_encoding(name, classes=2)
    assert encoding.write(x, LABELS).dtype == np.float32
    assert encoding.write_neutral(x).dtype == np.float32
    np.testing.assert_array_equal(x.ravel(), X.ravel())


def test_what_cannot_be_encoded_is_refused():
    with pytest.raises(ValueError, match="append_label"):
        overlay_label(X, np.array([0, 3]), classes=4)
    with pytest.raises(ValueError, match=r"0 \.\. 1"):
        append_label(X, np.array([0, 2]), classes=2)
    with pytest.raises(ValueError, match="height"):
        label_planes(X, LABELS, classes=2)
    with pytest.raises(ValueError, match="append, overlay, planes"):
        bind_label_encoding("first", classes=2)


def test_overlay_warns_of_the_share_that_it_hides():
    with pytest.warns(UserWarning, match="50% of their values are not zero"):
        warn_if_overlay_hides_data(np.array([[0.0, 1.0, 4.0], [2.0, 0.0, 4.0]]), 2)
    warn_if_overlay_hides_data(np.array([[0.0, 0.0, 4.0]]), 2)


def test_contrastive_batch_pairs_row_i_with_row_pairs_plus_i():
    rows, context = contrastive_batch(
        X, LABELS, np.array([0, 1]), bind_label_encoding("append", classes=2), NORMS["none"]
    )
    inputs = stacked(rows)
    np.testing.assert_array_equal(inputs[:, 3:], [[0, 1], [1, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(inputs[:2, :3], inputs[2:, :3])
    np.testing.assert_array_equal(context.partner, [2, 3, 0, 1])
    np.testing.assert_array_equal(context.polarity, [1, 1, -1, -1])
    np.testing.assert_array_equal(context.labels, [1, 0, 1, 0])
    assert not context.carried_goodness.any()
    assert not context.carried_margin.any()
