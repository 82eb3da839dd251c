"""Next symbols: windows, negatives of the network's own, the classifier, counts, the recipe."""

import numpy as np
import pytest

import ffref
from ffref import FFTextClassifier
from ffref.data.text import one_hot_windows
from ffref.experiments import RECIPES, load_train_test
from ffref.experiments.datasets import TrainTest
from ffref.experiments.text import bigram_prediction, text_table, unigram_prediction
from ffref.layers import zero_readout
from ffref.negatives import labelled_rows
from ffref.training import bind_optimizer, contrastive
from ffref.training.next_symbol import (
    draw_symbols,
    self_generated_windows,
    slide,
    window_encoding,
    with_self_generated_negatives,
)
from ffref.training.readout import ReadoutTraining
from tests.cli_support import run_well
from tests.labelled_rows import stacked
from tests.networks import draw_network

CLASSES, LENGTH = 4, 3


def windows(found, dtype=np.float64):
    """(batch, length) symbols -> one-hot windows of 4 symbols."""
    return np.eye(CLASSES, dtype=dtype)[np.asarray(found)].reshape(len(found), -1)


def symbols(encoded):
    return encoded.reshape(len(encoded), -1, CLASSES).argmax(axis=2)


def sequence(samples=240, seed=0):
    """Windows of 3 of a sequence in which s + 1 or s + 2 follows s, and the symbol after each."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([1, 2], p=[0.9, 0.1], size=samples + LENGTH)
    found = np.lib.stride_tricks.sliding_window_view(steps.cumsum() % CLASSES, LENGTH + 1)
    return windows(found[:, :LENGTH], np.float32), found[:, LENGTH].copy()


def test_slide_by_hand():
    moved = slide(windows([[0, 1, 2], [3, 3, 0]]), np.array([3, 1]), classes=CLASSES)
    np.testing.assert_array_equal(symbols(moved), [[1, 2, 3], [3, 0, 1]])
    np.testing.assert_array_equal(moved.sum(axis=1), [3, 3])
    with pytest.raises(ValueError, match="length \\* 4"):
        slide(np.zeros((2, 7)), np.array([0, 0]), classes=CLASSES)


def test_the_encoding_knows_its_slots():
    network = draw_network(np.random.default_rng(0), (LENGTH * CLASSES, 5), input_norm="rms")
    encoding = window_encoding(CLASSES)
    x, labels = windows([[0, 1, 2], [3, 3, 0]]), np.array([[3, 1], [0, 2]])
    rows = labelled_rows(x, labels, encoding, network.input_norm)
    plain = np.concatenate([encoding.write(x, row) for row in labels])
    np.testing.assert_allclose(stacked(rows), network.input_norm.value(plain), rtol=1e-14)
    assert encoding.write_neutral(x) is x


def test_symbols_are_drawn_as_the_softmax_says():
    logits = np.tile(np.log([0.1, 0.2, 0.3, 0.4]), (20_000, 1))
    drawn = draw_symbols(logits, rng=np.random.default_rng(0))
    # four standard deviations of a share of 0.4 of 20,000 are 0.014
    np.testing.assert_allclose(np.bincount(drawn) / 20_000, [0.1, 0.2, 0.3, 0.4], atol=0.014)
    sure = np.array([[-1e4, 1e4, 0.0], [3e38, -3e38, 0.0]], np.float32)
    np.testing.assert_array_equal(draw_symbols(sure, rng=np.random.default_rng(0)), [1, 0])


def successor_network():
    """A network whose readout says that s + 1 follows s, for certain."""
    width = LENGTH * CLASSES
    network = draw_network(np.random.default_rng(0), (width, width))
    network.layers[0].weights.weight[:] = np.eye(width)
    network.layers[0].weights.bias[:] = 0
    readout = zero_readout((width,), CLASSES, np.dtype(float))
    last = width - CLASSES
    for s in range(CLASSES):
        readout.weights[0][last + s, (s + 1) % CLASSES] = 1000.0
    return network._replace(readout=readout)


def test_a_rollout_by_hand():
    x = windows([[2, 0, 1]] * 500)
    made = self_generated_windows(
        successor_network(), x, steps=4, classes=CLASSES, rng=np.random.default_rng(0)
    )
    found = {tuple(row) for row in symbols(made)}
    # after 1, 2, 3 and 4 symbols of its own
    assert found == {(0, 1, 2), (1, 2, 3), (2, 3, 0), (3, 0, 1)}
    np.testing.assert_array_equal(symbols(x), [[2, 0, 1]] * 500)


def test_negatives_of_a_batch():
    network = successor_network()
    readout = ReadoutTraining(bind_optimizer("adam"), 1.0)
    forced = contrastive(
        [], goodness=None, encoding=window_encoding(CLASSES), classes=CLASSES, hard_labels=True,
        readout=readout,
    )  # fmt: skip
    x, labels = windows([[0, 1, 2]] * 300), np.full(300, 3)
    logits = np.tile(np.log([0.6, 0.3, 0.1, 1e9]), (300, 1))
    rng = np.random.default_rng(0)
    rows, context = forced.batch(network, x, labels, logits, rng)
    both = symbols(stacked(rows))
    np.testing.assert_array_equal(both[:300], [[1, 2, 3]] * 300)
    np.testing.assert_array_equal(both[300:, :2], [[1, 2]] * 300)
    assert not (both[300:, 2] == 3).any()  # the true symbol, likely as it is, is never drawn
    assert abs((both[300:, 2] == 0).mean() - 0.6) < 0.12
    own = with_self_generated_negatives(forced, steps=2, classes=CLASSES)
    rows, context = own.batch(network, x, labels, logits, rng)
    np.testing.assert_array_equal(symbols(rows[:300]), [[1, 2, 3]] * 300)
    assert {tuple(row) for row in symbols(rows[300:])} == {(1, 2, 3), (2, 3, 0)}
    np.testing.assert_array_equal(context.polarity, np.repeat([1, -1], 300))


@pytest.mark.parametrize("negatives", ["teacher-forced", "self-generated"])
def test_learns_saves_and_goes_on(negatives, tmp_path):
    X, y = sequence()
    choices = {"negatives": negatives, "random_state": 0, "learning_rate_init": 0.01}
    whole = FFTextClassifier((24, 16), max_iter=8, **choices).fit(X, y)
    assert whole.score(*sequence(seed=1)) > 0.8  # 0.9 at best
    part = FFTextClassifier((24, 16), max_iter=8, **choices)
    epochs = part.fit_epochs(X, y)
    next(epochs), next(epochs)
    part.save(tmp_path / "part.npz")
    loaded = ffref.load(tmp_path / "part.npz")
    for _ in loaded.fit_epochs(X, y, resume=True):
        pass
    np.testing.assert_array_equal(loaded.goodness(X), whole.goodness(X))
    np.testing.assert_array_equal(loaded.layer_goodness(X), whole.layer_goodness(X))
    assert whole.layer_goodness(X[:5]).shape == (2, 5, CLASSES)
    np.testing.assert_allclose(whole.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


def test_goodness_of_a_symbol_is_that_of_the_window_that_ends_in_it():
    X, y = sequence()
    model = FFTextClassifier((9,), max_iter=1, random_state=0, readout="sum").fit(X, y)
    (layer,) = model.state_.network.layers
    for symbol in range(CLASSES):
        moved = slide(X, np.full(len(X), symbol), classes=CLASSES).astype(np.float64)
        moved /= np.sqrt((moved**2).mean(axis=1, keepdims=True))
        activity = np.maximum(moved @ layer.weights.weight + layer.weights.bias, 0)
        np.testing.assert_allclose(
            model.goodness(X)[:, symbol], (activity**2).sum(axis=1), rtol=1e-4
        )


def test_hidden_layers_can_be_left_alone():
    X, y = sequence()
    start = FFTextClassifier((9, 8), random_state=0).start(X, y)
    before = [layer.weights.weight.copy() for layer in start.state_.network.layers]
    model = FFTextClassifier((9, 8), random_state=0, learn_hidden=False, max_iter=3).fit(X, y)
    for layer, old in zip(model.state_.network.layers, before, strict=True):
        np.testing.assert_array_equal(layer.weights.weight, old)
    assert model.state_.network.readout.weights[0].any()


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"negatives": "hard"}, "negatives must be one of teacher-forced, self-generated"),
        ({"rollout": 0}, "rollout must be a whole number"),
        ({"readout": "best"}, "readout must be one of"),
        ({"hidden_layer_sizes": ()}, "at least one layer"),
    ],
)
def test_bad_choices_are_refused(choices, says):
    with pytest.raises(ValueError, match=says):
        FFTextClassifier(**choices).fit(*sequence())


def test_samples_that_are_no_windows_are_refused():
    X, y = sequence()
    for wrong, labels in ((X + 0.5, y), (X[:, :-1], y), (X, np.minimum(y, 2)), (0 * X, y)):
        with pytest.raises(ValueError, match="windows of one-hot symbols"):
            FFTextClassifier((8,)).fit(wrong, labels)


# -- counts, the bundled text, the recipe --------------------------------------------------------


def test_counts_by_hand():
    np.testing.assert_array_equal(unigram_prediction(np.array([1, 2, 2, 0]), 3), [2, 2, 2])
    last, y = np.array([0, 0, 0, 2]), np.array([3, 3, 1, 0])
    predicted = bigram_prediction(last, y, np.array([0, 2, 0]), classes=CLASSES)
    np.testing.assert_array_equal(predicted, [3, 0, 3])


def test_the_bundled_text_as_samples():
    X, y, X_test, y_test, *_ = load_train_test("moby-dick", None)
    assert X.shape == X_test.shape == (248 * 90, 300)
    assert len(np.unique(y)) == 30
    np.testing.assert_array_equal(X[1:90, -30:].argmax(axis=1), y[:89])
    assert not np.array_equal(y, y_test)
    assert one_hot_windows(np.array([[0]])).shape == (1, 30)


def test_the_table():
    data = TrainTest(*sequence(), *sequence(seed=1))
    rows = text_table(data, hidden_layer_sizes=(16, 16), max_iter=4, learning_rate_init=0.01)
    assert [row.name for row in rows] == [
        "unigram", "bigram", "random hidden layers", "teacher-forced", "self-generated",
    ]  # fmt: skip
    assert rows[0].test < 0.4
    assert rows[1].test > 0.8
    with pytest.raises(ValueError, match="negatives are compared"):
        text_table(data, negatives="self-generated")


@pytest.mark.parametrize("recipe", ["hinton-text", "hinton-text-self-generated"])
def test_the_recipe_trains_from_the_command_line(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = load_train_test("moby-dick", None)
    short = TrainTest(small.X, small.y, small.X_test[:50], small.y_test[:50])
    monkeypatch.setattr("ffref.experiments.training.load_train_test", lambda *_, **__: short)
    out = run_well("train", recipe, "--hidden", "8,8", "--epochs", "1", "--out", "run")
    assert out.startswith(f"{recipe} on moby-dick: 22320 training and 50 test samples")
    model = ffref.load("run")
    assert model.negatives == RECIPES[recipe].classifier().negatives
    assert "accuracy" in run_well("evaluate", "run")
