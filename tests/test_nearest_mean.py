"""Nearest class mean: by hand, in other words, and as a readout of frozen features."""

import numpy as np
import pytest

from ffref import HFFClassifier
from ffref.estimators import NearestMeanClassifier
from tests.small_data import blobs
from tests.small_models import small


def test_by_hand():
    # class 4: (0, 0), (2, 4): mean (1, 2); class 7: (5, 1), a single sample
    features, labels = np.array([[0.0, 0.0], [5.0, 1.0], [2.0, 4.0]]), np.array([4, 7, 4])
    readout = NearestMeanClassifier().fit(features, labels)
    assert readout.means_.tolist() == [[1, 2], [5, 1]]
    # (2, 2): -(1 + 0) and -(9 + 1); softmax 1 / (1 + e^-9)
    np.testing.assert_allclose(readout.goodness([[2.0, 2.0]]), [[-1, -10]], rtol=1e-6)
    proba = readout.predict_proba([[2.0, 2.0]])
    np.testing.assert_allclose(proba[0, 0], 1 / (1 + np.exp(-9)), rtol=1e-6)
    assert readout.predict([[2.0, 2.0], [6.0, 0.0]]).tolist() == [4, 7]


def test_of_unit_length_it_is_a_cosine_softmax():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((6, 4))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    readout = NearestMeanClassifier().fit(features[:3], [0, 1, 2])
    expected = 2 * features @ features[:3].T - 2
    np.testing.assert_allclose(readout.goodness(features), expected, atol=1e-5)
    moved = NearestMeanClassifier().fit(features[:3] + 3, [0, 1, 2])
    np.testing.assert_allclose(moved.goodness(features + 3), expected, atol=1e-4)


def test_means_in_other_words():
    rng = np.random.default_rng(1)
    features, labels = rng.standard_normal((30, 4)), np.arange(30) % 3
    expected = np.linalg.lstsq(np.eye(3)[labels], features, rcond=None)[0]  # least squares
    means = NearestMeanClassifier().fit(features, labels).means_
    np.testing.assert_allclose(means, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(1.01 * means, expected, rtol=1e-5, atol=1e-6)


def test_extremes():
    huge = np.array([[1e4, -1e4], [0.0, 0.0]])
    assert np.isfinite(NearestMeanClassifier().fit(huge, [0, 1]).predict_proba(huge)).all()
    alone = NearestMeanClassifier().fit(huge[:1], ["only"])
    assert alone.goodness(huge[:1]).tolist() == [[0]]
    assert alone.predict(huge).tolist() == ["only", "only"]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="call fit first"):
        NearestMeanClassifier().predict(np.ones((2, 3)))
    readout = NearestMeanClassifier().fit(np.eye(3), [0, 1, 2])
    with pytest.raises(ValueError, match="expecting 3 features"):
        readout.predict(np.ones((2, 2)))


def test_reads_classes_that_the_features_were_not_trained_on():
    X, y = blobs(120, classes=4)
    names = np.array(["ant", "bee", "cat", "dog"])[y]
    model = small(HFFClassifier, hidden_layer_sizes=(16,), max_iter=10).fit(X[y < 3], y[y < 3])
    features = model.transform(X)
    readout = NearestMeanClassifier().fit(features, names)
    assert readout.score(features, names) > 0.9
    assert readout.classes_.tolist() == ["ant", "bee", "cat", "dog"]
