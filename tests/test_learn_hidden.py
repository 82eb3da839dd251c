"""Layers that keep their random weights: what a softmax readout makes of them alone."""

import numpy as np
import pytest

import ffref
from ffref import FFClassifier, FFRecurrentClassifier
from tests.cli_support import TINY, run_well
from tests.small_data import blobs, save_blobs
from tests.small_models import small

CHOICES = {
    "uniform": (FFClassifier, {}),
    "hard": (FFClassifier, {"negatives": "hard", "peer_strength": 0.03}),
    "hybrid": (FFClassifier, {"negatives": "hybrid", "image_shape": (2, 4)}),
    "greedy": (FFClassifier, {"layer_schedule": "greedy"}),
    "windows": (
        FFClassifier,
        {"layers": (("conv", 2, 1, 3),), "image_shape": (2, 4), "label_encoding": "overlay"},
    ),
    "recurrent": (FFRecurrentClassifier, {"steps": 5}),
}


def _weights(model):
    layers = model.state_.network.layers
    return [array.tobytes() for layer in layers for array in (*layer.weights, *layer.params)]


@pytest.mark.parametrize("choice", CHOICES)
def test_only_the_readout_learns(choice):
    kind, settings = CHOICES[choice]
    X, y = blobs(150)
    choices = {"readout": "softmax", "learning_rate_init": 0.03, "max_iter": 15, **settings}
    model = small(kind, learn_hidden=False, **choices).start(X, y)
    before = _weights(model)
    readout = [weight.copy() for weight in model.state_.network.readout.weights]
    list(model.fit_epochs(X, y, resume=True))
    assert _weights(model) == before
    assert not any(map(np.array_equal, readout, model.state_.network.readout.weights))
    assert model.n_iter_ == 15  # also of a greedy schedule: no layer takes a turn
    assert {(record.loss[0], record.accuracy[-1]) for record in model.history_} == {(None, None)}
    assert model.score(*blobs(150, seed=1)) > 0.8
    learned = small(kind, **choices).fit(X, y)
    assert _weights(learned) != before


def test_layers_may_learn_later():
    X, y = blobs()
    model = small(FFClassifier, learn_hidden=False, readout="softmax").fit(X, y)
    before = _weights(model)
    assert _weights(model.set_params(learn_hidden=True).partial_fit(X, y)) != before


@pytest.mark.parametrize("kind", [FFClassifier, FFRecurrentClassifier])
def test_another_readout_would_learn_nothing(kind):
    with pytest.raises(ValueError, match="must be 'softmax', got 'sum'"):
        small(kind, learn_hidden=False, readout="sum").fit(*blobs())


def test_command_line_and_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_blobs("blobs.npz")
    out = run_well(
        "train", "ff", "--no-learn-hidden", "--readout", "softmax", "--data", "blobs.npz",
        "--out", "run", *TINY,
    )  # fmt: skip
    assert "loss - -  accuracy - -" in out
    assert (tmp_path / "run/figures/learning_curves.png").is_file()
    assert ffref.load("run").learn_hidden is False
