"""Training that goes on: what may have changed in between, and what may not."""

import numpy as np
import pytest

import ffref
from ffref import FFClassifier, HFFClassifier
from tests.small_data import blobs
from tests.small_models import small


def test_saved_parameters_are_those_that_were_fitted(tmp_path):
    X, y = blobs()
    model = small(HFFClassifier).fit(X, y)
    before = model.goodness(X)
    model.set_params(between_norm="l2", input_norm="rms")
    model.save(tmp_path / "model.npz")
    loaded = ffref.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.goodness(X), before)
    assert loaded.between_norm == "rms"


@pytest.mark.parametrize(
    "change", [{"optimizer": "heavy-ball"}, {"prototype_update": "ema"}, {"between_norm": "l2"}]
)
def test_training_does_not_go_on_in_another_structure(change):
    X, y = blobs()
    model = small(HFFClassifier).fit(X, y).set_params(**change)
    with pytest.raises(ValueError, match="fit anew"):
        model.partial_fit(X, y)
    model.fit(X, y)


def test_training_resumes_on_the_same_samples_only():
    X, y = blobs()
    model = small(HFFClassifier).start(X, y)
    with pytest.raises(ValueError, match="not the samples"):
        next(model.fit_epochs(X + 1, y, resume=True))
    with pytest.raises(ValueError, match="not the samples"):
        next(model.fit_epochs(X, y[::-1], resume=True))
    assert next(model.fit_epochs(X, y, resume=True)).epoch == 1


def test_partial_fit_refuses_greedy():
    X, y = blobs()
    with pytest.raises(ValueError, match="simultaneous"):
        small(HFFClassifier, layer_schedule="greedy").partial_fit(X, y)


def test_a_refused_fit_leaves_the_fitted_model_as_it_was():
    X, y = blobs()
    model = small(FFClassifier, label_encoding="overlay", standardize=False)
    X = np.abs(X)
    X[:, :3] = 0
    before = model.fit(X, y).predict(X)
    with pytest.raises(ValueError, match="a feature for each of 3 classes"):
        model.fit(X[:, :2], y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_column_names_survive_saving(tmp_path):
    class Frame:
        """What the classifiers see of a data frame."""

        def __init__(self, values, columns):
            self.values, self.columns = values, columns

        def __array__(self, dtype=None, copy=None):
            return np.asarray(self.values, dtype)

    X, y = blobs()
    names = [f"f{i}" for i in range(X.shape[1])]
    small(HFFClassifier).fit(Frame(X, names), y).save(tmp_path / "model.npz")
    loaded = ffref.load(tmp_path / "model.npz")
    loaded.predict(Frame(X, names))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(Frame(X, names[::-1]))
