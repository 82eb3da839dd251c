"""Training that goes wrong is noticed at once, named by layer, epoch and step."""

import numpy as np
import pytest

import ffref
from ffref import BackpropClassifier, FFClassifier, FFRecurrentClassifier, HFFClassifier
from ffref.cli import train
from ffref.objectives.hff import hff_fault, hff_initial_prototypes
from ffref.training import DivergenceError, check_alive, check_loss, check_state
from ffref.training.divergence import ROWS
from tests.cli_support import TINY, assert_one_line, run
from tests.small_data import blobs, save_blobs
from tests.small_models import each_kind, small


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
def test_loss_that_is_not_finite(loss):
    with pytest.raises(DivergenceError, match="the loss of layer 3 became"):
        check_loss(loss, "layer 3")
    check_loss(1e38, "layer 3")


def test_silent_layer():
    silent = np.zeros((ROWS, 5))
    with pytest.raises(DivergenceError, match="all units of layer 2 are silent"):
        check_alive(silent, "layer 2")
    check_alive(silent[1:], "layer 2")  # too few rows to judge
    for row, unit in ((0, 0), (ROWS - 1, 4), (7, 2)):
        speaks = silent.copy()
        speaks[row, unit] = 1e-30
        check_alive(speaks, "layer 2")
    speaks[:] = np.nan
    check_alive(speaks, "layer 2")  # not silent: its loss is not finite


@pytest.mark.parametrize("value", [np.nan, np.inf])
@each_kind
def test_number_that_is_not_finite_wherever_it_is(kind, value):
    X, y = blobs()
    model = small(kind).start(X, y)
    check_state(model.state_)
    for number, layer in enumerate(model.state_.network.layers, 1):
        memory = [array for slot in model.state_.optimizer[number - 1].slots for array in slot]
        for array in (*layer.weights, *layer.params, *memory):
            before = array.flat[-1]
            array.flat[-1] = value
            with pytest.raises(DivergenceError, match=f"a weight of layer {number} is not finite"):
                check_state(model.state_)
            array.flat[-1] = before
    check_state(model.state_)


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize(
    "kind", [FFClassifier, HFFClassifier, FFRecurrentClassifier, BackpropClassifier]
)
def test_layer_that_dies(kind, layer):
    X, y = blobs()
    model = small(kind, max_iter=3).start(X, y)
    epochs = model.fit_epochs(X, y, resume=True)
    next(epochs)
    model.state_.network.layers[layer - 1].weights.bias[:] = -1e4
    says = rf"all units of layer {layer} are silent .* in epoch 2, step 1 of 3; try a lower"
    with pytest.raises(DivergenceError, match=says):
        next(epochs)


def test_before_any_update_the_samples_are_named():
    X, y = blobs()
    says = "layer 1 are silent .* in epoch 1, step 1 of 3; look for samples that are all alike"
    with pytest.raises(DivergenceError, match=says):
        small(HFFClassifier).fit(X * 0 + 3, y)


def test_softmax_readout_that_diverges():
    X, y = blobs()
    model = small(FFClassifier, readout="softmax").start(X, y)
    model.state_.network.readout.weights[0][0, 0] = np.nan
    says = "the loss of the softmax readout became nan in epoch 1, step 1 of 3"
    with pytest.raises(DivergenceError, match=says):
        list(model.fit_epochs(X, y, resume=True))


@pytest.mark.parametrize("kind", [FFClassifier, HFFClassifier, BackpropClassifier])
def test_last_step_of_all(kind):
    X, y = blobs()
    model = small(kind, max_iter=1, batch_size=90, optimizer="heavy-ball", learning_rate_init=1e60)
    says = r"a weight of layer 1 is not finite in epoch 1, step 1 of 1; try a lower"
    with pytest.raises(DivergenceError, match=says):  # no later loss would show it
        model.fit(X, y)


# -- prototypes ----------------------------------------------------------------------------------


def test_collapsed_prototypes_by_hand():
    same = np.tile([[[0.6, 0.8, 0.0]]], (3, 2, 1))
    assert hff_fault(same) == hff_fault(7 * same) == hff_fault(same.astype(np.float32)) != ""
    for bent in (0.1, -1.0):  # one prototype of six, 5.7 degrees away or more
        others = same.copy()
        others[2, 1] += [0, 0, bent]
        assert hff_fault(others) == ""
    assert hff_fault(-same) != ""
    assert hff_fault(np.concatenate([same, -same])) == ""
    assert hff_fault(same[:1]) == ""  # one class has nothing to be told from
    assert hff_fault(np.ones((2, 1, 1))) == ""  # one unit has one direction
    assert hff_fault(same * np.nan) == ""  # another fault


@pytest.mark.parametrize("units", [2, 3, 10, 100])
def test_random_prototypes_have_not_collapsed(units):
    for seed in range(50):
        rng = np.random.default_rng(seed)
        drawn = hff_initial_prototypes(rng, classes=2, prototypes_per_class=4, units=units)
        assert hff_fault(drawn) == ""


def test_collapse_is_named():
    X, y = blobs()
    model = small(HFFClassifier, learning_rate_init=1e-9).start(X, y)
    prototypes = model.state_.network.layers[1].params[-1]
    prototypes[:] = prototypes[0, 0]
    says = r"layer 2 has prototypes that point the same way for all classes in epoch 1, step 1 of"
    with pytest.raises(DivergenceError, match=says):
        list(model.fit_epochs(X, y, resume=True))


def test_moving_averages_of_equal_samples_collapse():
    X, y = blobs(96)
    X[:] = X[0] + 5  # nothing tells the classes apart
    model = small(
        HFFClassifier, prototype_update="ema", prototypes_per_class=1, ema_decay=0.5, max_iter=9,
        standardize=False,
    )  # fmt: skip
    with pytest.raises(DivergenceError, match="prototypes that point the same way"):
        model.fit(X, y)


# -- the command line ----------------------------------------------------------------------------


def test_the_last_good_checkpoint_is_named_and_good(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_blobs("blobs.npz")
    broken = []

    def break_it(self, epoch, done, batches):
        if (epoch, done) == (2, 2):
            layer = broken[0].classifier.state_.network.layers[1]
            layer.weights.weight[0, 0] = np.nan

    new_run = train.new_run
    monkeypatch.setattr(
        "ffref.cli.train.new_run", lambda *a, **k: (broken.append(new_run(*a, **k)), broken[0])[1]
    )
    monkeypatch.setattr("ffref.cli.train._Progress.__call__", break_it)
    common = ("train", "hff", "--data", "blobs.npz", *TINY, "--quiet")
    for minutes, epochs, position in (("10", 1, None), ("1e-9", 1, 1)):
        broken.clear()
        outcome = run(*common, "--out", f"run{minutes}", "--checkpoint-minutes", minutes)
        assert_one_line(outcome, code=1)
        assert "layer 2" in outcome.err
        assert "in epoch 2, step" in outcome.err
        assert f"the last good checkpoint is run{minutes}/checkpoint.npz" in outcome.err
        model = ffref.load(f"run{minutes}")
        check_state(model.state_)
        assert model.n_iter_ == epochs
        assert (model.position_ and model.position_.batches) == position
