"""FFClassifier on local fields and convolutions: fitted, saved, resumed, refused."""

import copy
import json
import pickle

import numpy as np
import pytest

import ffref
from ffref import FFClassifier
from ffref.experiments import RECIPES
from ffref.kernels import get_threads, set_threads
from ffref.training.checkpoint import read_checkpoint, write_checkpoint
from tests.cli_support import (
    assert_refused,
    checkpoint_arrays,
    forget_checkpoints,
    history,
    run,
    run_well,
    tree,
)
from tests.small_models import outputs, same

SHAPE = (5, 4)
LAYERS = (("local", 3, 2, 3, 1), ("conv", 2, 1, 4), ("dense", 6))
FORMS = {
    "planes": {},
    "overlay": {"label_encoding": "overlay", "readout": "sum"},
    "hard": {"negatives": "hard", "readout": "softmax", "peer_strength": 0.03},
    "hybrid": {"negatives": "hybrid", "readout": "softmax", "peer_strength": 0.03},
    "mean of either sign": {"goodness_function": "negative-mean", "readout": "last"},
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


def pictures(samples=90, *, seed=0):
    """A bright bar in a row of its class; the first row is empty."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(samples) % 3)
    X = 0.3 * rng.random((samples, *SHAPE))
    X[:, 0] = 0
    X[np.arange(samples), 1 + y] += 1
    return X.reshape(samples, -1).astype(np.float32), y


def model(**parameters):
    settings = {
        "layers": LAYERS,
        "image_shape": SHAPE,
        "label_encoding": "planes",
        "standardize": False,
        "max_iter": 2,
        "batch_size": 32,
        "random_state": 0,
    }
    return FFClassifier(**(settings | parameters))


def all_outputs(fitted, X):
    if fitted.negatives != "hybrid":
        return outputs(fitted, X)
    return {name: getattr(fitted, name)(X) for name in ("predict", "goodness", "transform")}


def equal(one, other):
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name])
        for name in one
    )


# -- fitting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "encoding"),
    [
        (LAYERS, "planes"),
        (LAYERS[:1], "planes"),
        (LAYERS[1:], "planes"),
        ((("conv", 3, 1, 8),), "planes"),
        # the label stands in a corner: only a layer that sees it and the bar can tell
        (LAYERS, "overlay"),
        (LAYERS[1:], "overlay"),
    ],
    ids=str,
)
def test_it_learns(layers, encoding):
    X, y = pictures(300)
    choices = {"max_iter": 40, "learning_rate_init": 0.01, "readout": "sum"}
    fitted = model(layers=layers, label_encoding=encoding, **choices).fit(X, y)
    X_test, y_test = pictures(300, seed=1)
    assert fitted.score(X_test, y_test) > 0.9
    assert fitted.goodness(X_test).shape == (300, 3)
    assert fitted.layer_goodness(X_test).shape == (len(layers), 300, 3)


def test_hybrids_teach_a_readout():
    X, y = pictures(300)
    fitted = model(**FORMS["hybrid"], max_iter=20, learning_rate_init=0.01).fit(X, y)
    assert fitted.score(*pictures(300, seed=1)) > 0.9


def test_default_thresholds_are_the_units_of_each_layer():
    X, y = pictures()
    fitted = model().fit(X, y)
    # 3 x 2 places of 3 channels, 2 x 1 places of 4, 6 units
    assert fitted.thresholds() == [18.0, 8.0, 6.0]
    assert model(goodness_function="negative-sum").fit(X, y).thresholds() == [-18.0, -8.0, -6.0]
    assert model(goodness_function="mean").fit(X, y).thresholds() == [2.0, 2.0, 2.0]
    assert model(threshold=5.0).fit(X, y).thresholds() == [5.0, 5.0, 5.0]
    logits = fitted.goodness(X) / (8 + 6)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(X), expected, rtol=1e-5)
    with pytest.raises((ValueError, AttributeError), match="not fitted"):
        model().thresholds()


@pytest.mark.parametrize("name", ["local", "conv"])
def test_one_window_over_the_whole_image_is_the_dense_classifier(name):
    X, y = pictures()
    common = {"label_encoding": "overlay", "readout": "sum", "max_iter": 3, "peer_strength": 0.03}
    windows = model(layers=((name, SHAPE, 1, 7), ("dense", 6)), **common).fit(X, y)
    dense = model(layers=None, hidden_layer_sizes=(7, 6), **common).fit(X, y)
    for ours, theirs in zip(
        windows.state_.network.layers, dense.state_.network.layers, strict=True
    ):
        for a, b in zip(
            (*ours.weights, *ours.params), (*theirs.weights, *theirs.params), strict=True
        ):
            np.testing.assert_allclose(a.reshape(b.shape), b, rtol=0, atol=2e-4)
    np.testing.assert_allclose(windows.goodness(X), dense.goodness(X), rtol=1e-3)
    first = model(layers=(("dense", 8),), label_encoding="append", readout="sum").fit(X, y)
    second = model(layers=None, hidden_layer_sizes=8, label_encoding="append", readout="sum")
    assert same(outputs(first, X), outputs(second.fit(X, y), X))


@each_form
def test_bits_do_not_depend_on_threads_or_on_the_batch(form):
    X, y = pictures()
    threads = get_threads()
    try:
        results = []
        for number in (1, 2):
            set_threads(number)
            results.append(all_outputs(model(**form).fit(X, y), X))
        assert equal(*results)
        fitted = model(**form).fit(X, y)
        alone = np.concatenate([fitted.goodness(row[None]) for row in X[:7]])
        assert np.array_equal(alone, results[0]["goodness"][:7])
    finally:
        set_threads(threads)


def test_layers_in_turn_and_augmented():
    X, y = pictures()
    fitted = model(layer_schedule="greedy", shift=1).fit(X, y)
    assert [record.loss.count(None) for record in fitted.history_] == [2] * 6
    again = model().partial_fit(X, y).partial_fit(X, y)
    assert again.n_iter_ == 2


# -- parameters ----------------------------------------------------------------------------------


def test_layers_survive_json_and_clone():
    first = model()
    text = json.dumps(first.get_params())
    second = FFClassifier(**json.loads(text))
    X, y = pictures()
    assert same(outputs(first.fit(X, y), X), outputs(second.fit(X, y), X))
    clone = pytest.importorskip("sklearn.base").clone
    assert clone(first).get_params() == first.get_params()
    assert "layers=(('local', 3, 2, 3, 1)" in repr(first)


BAD = [
    ({"layers": ()}, "layers must be a sequence of at least one layer"),
    ({"layers": "conv:3:1:8"}, "layers must be a sequence"),
    ({"layers": (("pool", 2, 2),)}, "layer 1 of layers must be one of"),
    ({"layers": (("conv", 3, 1, 0),)}, "channels of layer 1"),
    ({"layers": (("conv", 6, 1, 8),)}, "layer 1 of layers: a window of 6 x 6 does not fit"),
    ({"layers": (("conv", 3, 1, 8), ("local", 4, 1, 8))}, "layer 2 of layers: a window of 4 x 4"),
    ({"layers": (("dense", 8), ("conv", 3, 1, 8))}, "use append or overlay"),
    (
        {"layers": (("dense", 8), ("conv", 3, 1, 8)), "label_encoding": "append"},
        "put dense layers last",
    ),
    ({"label_encoding": "append"}, "label_encoding 'append' .* use overlay or planes"),
    ({"layers": None}, "label_encoding 'planes' .* use append or overlay"),
    ({"image_shape": None}, "20 features are no square image"),
    ({"image_shape": (5, 5)}, r"image_shape \(5, 5, 1\) does not fit samples of 20 features"),
    (
        {"image_shape": (5, 5), "negatives": "hybrid", "readout": "softmax"},
        "does not fit samples of 20 features",
    ),
]


@pytest.mark.parametrize(("parameters", "says"), BAD, ids=lambda case: str(case)[:60])
def test_bad_parameters_are_refused_before_anything_is_fitted(parameters, says):
    X, y = pictures()
    unfit = model(**parameters)
    with pytest.raises(ValueError, match=says):
        unfit.fit(X, y)
    assert not hasattr(unfit, "state_")
    fitted = model().fit(X, y)
    before = outputs(fitted, X)
    with pytest.raises(ValueError, match=says):
        fitted.set_params(**parameters).fit(X, y)
    assert same(outputs(fitted.set_params(**model().get_params()), X), before)


def test_training_does_not_go_on_with_other_layers():
    X, y = pictures()
    fitted = model().fit(X, y).set_params(layers=LAYERS[:2])
    with pytest.raises(ValueError, match="training cannot go on with other layers"):
        fitted.partial_fit(X, y)


# -- saving --------------------------------------------------------------------------------------


@each_form
def test_saved_loaded_and_resumed(form, tmp_path):
    X, y = pictures()
    whole = model(**form, max_iter=4).fit(X, y)
    part = model(**form, max_iter=4)
    epochs = part.fit_epochs(X, y)
    next(epochs), next(epochs)
    part.save(tmp_path / "part.npz")
    with np.load(tmp_path / "part.npz", allow_pickle=False) as archive:
        assert archive["layer0.weight"].ndim == 6
        assert archive["layer1.weight"].ndim == 4
    loaded = ffref.load(tmp_path / "part.npz")
    assert equal(all_outputs(loaded, X), all_outputs(part, X))
    assert loaded.thresholds() == part.thresholds()
    assert [record.epoch for record in loaded.fit_epochs(X, y, resume=True)] == [3, 4]
    assert equal(all_outputs(loaded, X), all_outputs(whole, X))
    for twin in (pickle.loads(pickle.dumps(whole)), copy.deepcopy(whole)):
        assert equal(all_outputs(twin, X), all_outputs(whole, X))


def test_a_checkpoint_whose_arrays_do_not_fit_its_layers_is_refused(tmp_path):
    X, y = pictures()
    model().fit(X, y).save(tmp_path / "model.npz")
    arrays, record = read_checkpoint(tmp_path / "model.npz")
    arrays["layer0.weight"] = arrays["layer0.weight"][:-1]
    write_checkpoint(tmp_path / "other.npz", arrays, record)
    with pytest.raises(ValueError, match="layer 1 must have weights of shapes"):
        ffref.load(tmp_path / "other.npz")


# -- command line --------------------------------------------------------------------------------

WORDS = ("--layers", "local:3:2:3:1,conv:2:1:4,dense:6", "--image-shape", "5,4")
TRAIN = ("train", "ff", "--data", "pictures.npz", *WORDS, "--label-encoding", "planes")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = pictures()
    np.savez("pictures.npz", X=X, y=y)
    return tmp_path


def test_a_run_is_evaluated_and_resumed(folder):
    run_well(*TRAIN, "--epochs", "2", "--out", "run")
    config = json.loads((folder / "run/config.json").read_text(encoding="utf-8"))
    assert config["parameters"]["layers"] == [list(layer) for layer in LAYERS]
    assert len(list((folder / "run/figures").iterdir())) == 2
    assert json.loads(run_well("evaluate", "run", "--json"))["samples"] == 18
    whole = checkpoint_arrays(folder / "run"), history(folder / "run/metrics.jsonl")
    forget_checkpoints(folder / "run")
    run_well("train", "--resume", "run")
    assert (checkpoint_arrays(folder / "run"), history(folder / "run/metrics.jsonl")) == whole


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--layers conv", "takes layers as local:SIZE:STRIDE"),
        ("--layers conv:3:1:x", "takes layers as"),
        ("--layers conv:3:1:8,", "takes layers as"),
        ("--layers conv:3:1:-8", "takes layers as"),
        ("--layers block", "takes layers as"),
        ("--layers block:pool=2", "takes layers as"),
        ("--layers block:8:width=3", "the block of layer 1 of layers must be a dictionary"),
        ("--layers block:8:auxiliary=64", "auxiliary of layer 1 of layers must be"),
        ("--layers block:8:pool=2x2:norm=3", "norm of layer 1 of layers must be one of"),
        ("--layers block:8 --peer-strength 0.1", "the units of a block are pooled"),
        ("--layers pool:2:2", "layer 1 of layers must be one of"),
        ("--layers conv:3:1", "layer 1 of layers must be ('conv', size"),
        ("--layers conv:9:1:8", "layer 1 of layers: a window of 9 x 9 does not fit"),
        ("--layers conv:3:1:8 --hidden 8,8", "--hidden-layer-sizes does nothing beside --layers"),
        ("--layers conv:3:1:8 --label-encoding append", "use overlay or planes"),
        ("--layers conv:3:1:8 --image-shape 3,4", "image_shape (3, 4, 1) does not fit samples"),
    ],
)
def test_layers_that_cannot_be(words, says, folder):
    before = tree(folder)
    assert_refused(run(*TRAIN, *words.split()), says)
    assert tree(folder) == before


@pytest.mark.parametrize(
    "name",
    [
        "hinton-local",
        "hinton-cifar",
        "ff-conv",
        "hff-conv",
        "hff-conv-cifar",
        "cwc-mnist",
        "deeper-forward-mnist",
    ],
)
def test_recipes_have_layers_of_their_own(name, folder):
    recipe = RECIPES[name]
    shape = (32, 32, 3) if recipe.data == "cifar10" else (28, 28, 1)
    fresh = recipe.classifier()
    fresh._check_parameters()
    plan = fresh._plan(int(np.prod(shape)), 10)
    assert len(plan) == len(recipe.parameters["layers"])
    outcome = run("train", name, "--data", "pictures.npz", "--hidden", "8")
    assert_refused(outcome, f"--hidden-layer-sizes does nothing beside the layers of {name}")
