"""Saved, pickled and loaded classifiers are the same classifiers; scikit-learn is optional."""

import copy
import io
import json
import pickle
import zipfile

import numpy as np
import pytest

import ffref
from tests.cli_support import python
from tests.small_data import blobs
from tests.small_models import each_kind, outputs, same, small

LABELS = {
    "int64": np.array([0, 1, 2]),
    "uint8": np.array([3, 200, 255], np.uint8),
    "gaps and signs": np.array([-70, 0, 1000]),
    "float": np.array([-1.0, 0.0, 2.0]),
    "text": np.array(["ant", "Bär", "ant hill"]),
    "bytes": np.array([b"a", b"bcd", b"e"]),
    "objects": np.array(["a", "bcd", "e"], dtype=object),
}


@each_kind
@pytest.mark.parametrize("labels", [*LABELS, "bool"])
def test_save_and_load(kind, labels, tmp_path):
    X, y = blobs()
    y = y > 0 if labels == "bool" else LABELS[labels][y]
    model = small(kind).fit(X, y)
    assert set(model.predict(X).tolist()) <= set(y.tolist())
    assert model.score(X, y) == (model.predict(X) == y).mean()
    model.save(tmp_path / "model.npz")
    loaded = ffref.load(tmp_path / "model.npz")
    assert type(loaded) is kind
    assert same(outputs(loaded, X), outputs(model, X))
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.history_ == model.history_
    assert loaded.n_iter_ == model.n_iter_
    assert repr(loaded) == repr(model).replace("(8, 7)", "[8, 7]")


@each_kind
def test_saved_file_holds_no_pickle(kind, tmp_path):
    X, y = blobs()
    model = small(kind, random_state=np.random.default_rng(0)).fit(X, y.astype(str))
    model.save(str(tmp_path / "model"))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # exactly the name given
    with np.load(tmp_path / "model", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    assert all(array.dtype.kind in "iufU" for array in arrays.values())
    record = json.loads(arrays["record.json"].tobytes())
    assert record["format"] == 2
    assert record["version"] == ffref.__version__
    assert zipfile.is_zipfile(tmp_path / "model")
    assert ffref.load(tmp_path / "model").random_state == model.seed_


@each_kind
def test_loaded_model_goes_on(kind, tmp_path):
    X, y = blobs()
    whole = small(kind, max_iter=4).fit(X, y)
    part = small(kind, max_iter=4)
    epochs = part.fit_epochs(X, y)
    next(epochs), next(epochs)
    part.save(tmp_path / "part.npz")
    loaded = ffref.load(tmp_path / "part.npz")
    assert [record.epoch for record in loaded.fit_epochs(X, y, resume=True)] == [3, 4]
    assert same(outputs(loaded, X), outputs(whole, X))
    again = ffref.load(tmp_path / "part.npz").partial_fit(X, y)
    assert again.n_iter_ == 3
    assert same(outputs(again, X), outputs(part.partial_fit(X, y), X))


@each_kind
def test_pickle_in_memory(kind):
    X, y = blobs()
    model = small(kind).fit(X, y)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert same(outputs(twin, X), outputs(model, X))
    joblib = pytest.importorskip("joblib")
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    assert same(outputs(joblib.load(buffer), X), outputs(model, X))


# -- without scikit-learn ------------------------------------------------------------------------


def test_works_without_scikit_learn(tmp_path):
    code = """
import sys
sys.modules.update({"sklearn": None, "joblib": None, "pandas": None, "tqdm": None})
import numpy as np, warnings
warnings.simplefilter("error")
import ffref
X, y = ffref.data.toy.disk_and_ring(60, seed=0)
for kind in (ffref.HFFClassifier, ffref.FFClassifier, ffref.BackpropClassifier):
    model = kind(hidden_layer_sizes=(8,), max_iter=1, random_state=0)
    try:
        model.predict(X)
        raise SystemExit("unfitted models predict")
    except ffref.estimators.NotFittedError as error:
        assert isinstance(error, ValueError) and isinstance(error, AttributeError)
        assert "fit first" in str(error)
    assert model.fit(X, y).score(X, y) > 0
    assert model.partial_fit(X, y).transform(X).shape == (60, 8)
    model.save("model.npz")
    assert np.array_equal(ffref.load("model.npz").goodness(X), model.goodness(X))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y[:, None])
    assert [warning.category for warning in caught] == [UserWarning]
print("done")
"""
    done = python("-c", code, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("done\n", "")
