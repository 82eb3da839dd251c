"""Classifiers on convolutional blocks: learned, saved, resumed, on the command line, refused."""

import copy
import json
import pickle

import numpy as np
import pytest

import ffref
from ffref import (
    BackpropClassifier,
    CwCClassifier,
    DeeperForwardClassifier,
    FFClassifier,
    HFFClassifier,
    MonoForwardClassifier,
)
from tests.cli_support import checkpoint_arrays, history, run_well
from tests.small_models import outputs, same
from tests.test_estimators_images import SHAPE, pictures

LAYERS = (
    ("block", {"channels": 6, "pool": [1, 2], "auxiliary": [8, [5, 1]]}),
    ("block", {"channels": 8, "residual": True, "auxiliary": [8, 1]}),
)
KINDS = {
    HFFClassifier: {"learning_rate_init": 0.01},
    MonoForwardClassifier: {"learning_rate_init": 0.01},
    BackpropClassifier: {"learning_rate_init": 0.01},
    FFClassifier: {"label_encoding": "planes", "learning_rate_init": 0.01, "readout": "sum"},
}
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def model(kind, **parameters):
    settings = {
        "layers": LAYERS,
        "image_shape": SHAPE,
        "max_iter": 2,
        "batch_size": 32,
        "between_norm": "none",
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "random_state": 0,
    }
    return kind(**(settings | KINDS[kind] | parameters))


@each_kind
def test_it_learns(kind):
    X, y = pictures(300)
    fitted = model(kind, max_iter=15).fit(X, y)
    X_test, y_test = pictures(300, seed=1)
    assert fitted.score(X_test, y_test) > 0.9
    assert fitted.goodness(X_test).shape == (300, 3)
    # means of the grid's cells, or what the auxiliary convolution makes of them: one cell of 8
    assert fitted.transform(X_test).shape == (300, 8)


@pytest.mark.parametrize(
    ("kind", "layers", "norm"),
    [
        (CwCClassifier, [{"channels": 6}, {"channels": 12, "groups": 3, "pool": [1, 2]}], "none"),
        (DeeperForwardClassifier, [{"channels": n, "norm": "none", "residual": True}
                                   for n in (6, 12)], "layer"),
    ],
)  # fmt: skip
def test_channels_that_belong_to_classes_learn(kind, layers, norm):
    X, y = pictures(300)
    blocks = tuple(("block", choices) for choices in layers)
    fitted = kind(
        layers=blocks, image_shape=SHAPE, max_iter=15, batch_size=32, between_norm=norm,
        learning_rate_init=0.01, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert fitted.score(*pictures(300, seed=1)) > 0.9


@each_kind
def test_a_saved_training_goes_on_as_if_it_had_not_stopped(kind, tmp_path):
    X, y = pictures()
    whole = model(kind, max_iter=4).fit(X, y)
    part = model(kind, max_iter=4)
    steps = part.fit_epochs(X, y)
    next(steps), next(steps)
    part.save(tmp_path / "part.npz")
    loaded = ffref.load(tmp_path / "part.npz")
    assert equal_outputs(loaded, part, X)
    assert [record.epoch for record in loaded.fit_epochs(X, y, resume=True)] == [3, 4]
    assert equal_outputs(loaded, whole, X)
    for twin in (pickle.loads(pickle.dumps(whole)), copy.deepcopy(whole)):
        assert equal_outputs(twin, whole, X)


def equal_outputs(one, other, X):
    return same(outputs(one, X), outputs(other, X))


@each_kind
def test_a_prediction_does_not_depend_on_the_batch(kind):
    X, y = pictures()
    fitted = model(kind).fit(X, y)
    alone = np.concatenate([fitted.goodness(X[i : i + 1]) for i in range(10)])
    np.testing.assert_array_equal(alone, fitted.goodness(X[:10]))


def test_greedy_layers_see_what_prediction_sees():
    X, y = pictures()
    greedy = model(HFFClassifier, layer_schedule="greedy", max_iter=3).fit(X, y)
    first, second = (layer.weights for layer in greedy.state_.network.layers)
    after_first = model(HFFClassifier, layer_schedule="greedy", max_iter=3)
    steps = after_first.fit_epochs(X, y)
    for _ in range(3):
        next(steps)
    for one, two in zip(after_first.state_.network.layers[0].weights, first, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(after_first.state_.network.layers[1].weights.weight, second.weight)


def test_back_propagation_leaves_auxiliary_convolutions_out():
    X, y = pictures()
    layers = model(BackpropClassifier).fit(X, y).state_.network.layers
    assert [layer.weights.auxiliary_bias.size for layer in layers[:2]] == [0, 0]
    assert layers[2].weights.weight.shape == (8, 3)
    whole = (("block", {"channels": 6}),)
    layers = model(BackpropClassifier, layers=whole).fit(X, y).state_.network.layers
    assert layers[1].weights.weight.shape == (5 * 4 * 6, 3)


def test_peer_normalisation_is_refused():
    X, y = pictures()
    with pytest.raises(ValueError, match="the units of a block are pooled"):
        model(FFClassifier, peer_strength=0.1).fit(X, y)


def test_a_run_of_the_command_line_is_resumed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = pictures()
    np.savez("pictures.npz", X=X, y=y)
    words = ("--layers", "block:6:pool=1x2:auxiliary=8x1,block:8:residual:auxiliary=x1")
    run_well(
        "train", "hff", "--data", "pictures.npz", "--image-shape", "5,4", *words,
        "--epochs", "2", "--out", "run",
    )  # fmt: skip
    config = json.loads((tmp_path / "run/config.json").read_text(encoding="utf-8"))
    assert config["parameters"]["layers"] == [
        ["block", {"channels": 6, "pool": [1, 2], "auxiliary": [8, 1]}],
        ["block", {"channels": 8, "residual": True, "auxiliary": [None, 1]}],
    ]
    whole = checkpoint_arrays(tmp_path / "run"), history(tmp_path / "run/metrics.jsonl")
    run_well("train", "--config", "run/train.toml", "--epochs", "1", "--out", "again")
    again = json.loads((tmp_path / "again/config.json").read_text(encoding="utf-8"))
    assert again["parameters"]["layers"] == config["parameters"]["layers"]
    (tmp_path / "run/checkpoint-previous.npz").replace(tmp_path / "run/checkpoint.npz")
    run_well("train", "--resume", "run")
    assert (checkpoint_arrays(tmp_path / "run"), history(tmp_path / "run/metrics.jsonl")) == whole
