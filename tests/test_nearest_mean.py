"""Nearest class mean: by hand, in other words, and as a readout of frozen features."""

import numpy as np
import pytest

from ffref import HFFClassifier
from ffref.estimators import NearestMeanClassifier
from ffref.formulas import class_means, nearest_mean_scores
from tests.small_data import blobs
from tests.small_models import small


def test_by_hand():
    # class 0: (0, 0), (2, 4): mean (1, 2); class 1: (5, 1)
    features = np.array([[0.0, 0.0], [5.0, 1.0], [2.0, 4.0]])
    means = class_means(features, np.array([0, 1, 0]), classes=2)
    assert means.tolist() == [[1, 2], [5, 1]]
    # (2, 2): -(1 + 0) and -(9 + 1)
    assert nearest_mean_scores(np.array([[2.0, 2.0]]), means).tolist() == [[-1, -10]]


def test_of_unit_length_it_is_a_cosine_softmax():
    rng = np.random.default_rng(0)
    features, means = rng.standard_normal((6, 4)), rng.standard_normal((3, 4))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    scores = nearest_mean_scores(features, means)
    np.testing.assert_allclose(scores, 2 * features @ means.T - 2, atol=1e-14)
    shifted = nearest_mean_scores(features + 3.0, means + 3.0)
    np.testing.assert_allclose(shifted, scores, atol=1e-13)


def test_means_in_other_words():
    rng = np.random.default_rng(1)
    features, labels = rng.standard_normal((30, 4)), np.arange(30) % 3
    members = np.eye(3)[labels]
    expected = np.linalg.lstsq(members, features, rcond=None)[0]  # least squares of memberships
    means = class_means(features, labels, classes=3)
    np.testing.assert_allclose(means, expected, rtol=1e-12, atol=1e-14)
    assert not np.allclose(1.01 * means, expected)
    assert class_means(features.astype(np.float32), labels, classes=3).dtype == np.float32


def test_extremes():
    huge = np.array([[1e4, -1e4], [0.0, 0.0]], np.float32)
    assert np.isfinite(nearest_mean_scores(huge, huge)).all()
    alone = class_means(huge[:1], np.array([0]), classes=1)
    assert nearest_mean_scores(huge[:1], alone).tolist() == [[0]]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"each class needs a sample, got none of \[1\]"):
        class_means(np.ones((2, 3)), np.array([0, 2]), classes=3)
    with pytest.raises(ValueError, match="as many units, got 3 and 2"):
        nearest_mean_scores(np.ones((2, 3)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="call fit first"):
        NearestMeanClassifier().predict(np.ones((2, 3)))


def test_reads_classes_that_the_features_were_not_trained_on():
    X, y = blobs(120, classes=4)
    names = np.array(["ant", "bee", "cat", "dog"])[y]
    model = small(HFFClassifier, hidden_layer_sizes=(16,), max_iter=10).fit(X[y < 3], y[y < 3])
    features = model.transform(X)
    readout = NearestMeanClassifier().fit(features, names)
    assert readout.score(features, names) > 0.9
    assert readout.classes_.tolist() == ["ant", "bee", "cat", "dog"]
    proba = readout.predict_proba(features)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert np.array_equal(readout.classes_[proba.argmax(axis=1)], readout.predict(features))
