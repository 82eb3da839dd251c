"""The studies of FAUST, each once at a size of milliseconds, and what they are made of."""

import json

import numpy as np
import pytest

from benchmarks import run_faust_studies
from ffref.data import load, stream_array
from ffref.experiments import TrainTest
from ffref.experiments.faust_studies import DIGITS, MNIST, all_cases, layers_alike
from ffref.experiments.studies import (
    UNTRAINED,
    Case,
    Settings,
    Task,
    build_classifier,
    class_halves,
    in_memory,
    linear_readout_accuracy,
    share_of_each_class,
)
from ffref.formulas import linear_cka
from ffref.training import passes

TINY = Settings(hidden=(20, 10), epochs=1, most_epochs=2, learning_rate=0.003)


@pytest.fixture(scope="module")
def digits():
    X, y = load("digits")
    return Task(X[:400], y[:400], X[400:500], y[400:500])


def test_every_case_gives_numbers(digits):
    cases = all_cases(digits, TINY, target=digits)
    assert len({(case.study, case.name) for case in cases}) == len(cases)
    shapes = {}
    for case in cases:
        measured = case.run(0)
        assert json.loads(json.dumps(measured)) == measured
        assert 0 <= measured.get("accuracy", 0.5) <= 1
        shapes.setdefault(case.study, set()).add(tuple(measured))
    assert all(len(columns) == 1 for columns in shapes.values())
    assert set(shapes) == {
        "similarity", "ablation", "transfer", "batch size", "little data", "layers alike",
        "collapse",
    }  # fmt: skip


@pytest.mark.parametrize("settings", [DIGITS, MNIST])
def test_sizes_suit_ten_classes_and_five(settings):
    assert all(size % 10 == 0 for size in settings.hidden)


def test_untrained_layers_are_as_drawn(digits):
    model = build_classifier("faust", TINY, 0, **UNTRAINED).start(digits.X, digits.y)
    drawn = [layer.weights.weight.copy() for layer in model.state_.network.layers]
    for _ in model.fit_epochs(digits.X, digits.y, resume=True):
        pass
    for layer, weight in zip(model.state_.network.layers, drawn, strict=True):
        np.testing.assert_array_equal(layer.weights.weight, weight)
        assert layer.params[1].sum() == 400


def test_layers_are_compared_on_test_samples(digits):
    measured = layers_alike(digits, TINY, 0)
    model = build_classifier("faust", TINY, 0).fit(digits.X, digits.y)
    made = passes(model.state_.network, model.standardizer_(digits.X_test))
    first, second = (passed.activity for passed in made)
    np.testing.assert_allclose(measured["within"][0][1], linear_cka(digits.X_test, first))
    np.testing.assert_allclose(measured["within"][1][2], linear_cka(first, second))
    np.testing.assert_allclose(np.diag(measured["within"]), 1)
    assert 0 < measured["other_seed"][0] < 1


def test_halves_of_the_classes(digits):
    first, second = class_halves(digits)
    assert set(first.y) == set(first.y_test) == {0, 1, 2, 3, 4}
    assert set(second.y) == set(second.y_test) == {5, 6, 7, 8, 9}
    assert len(first.X) + len(second.X) == 400
    with pytest.raises(ValueError, match="4 classes"):
        class_halves(Task(digits.X, digits.y % 3, digits.X_test, digits.y_test % 3))


def test_streams_are_refused(digits):
    assert in_memory(TrainTest(*digits)) == digits
    with pytest.raises(ValueError, match="memory"):
        in_memory(TrainTest(stream_array(digits.X), *digits[1:]))


def test_share_of_each_class():
    y = np.repeat([0, 1, 2], [100, 50, 5])
    kept = share_of_each_class(y, 0.1, seed=3)
    np.testing.assert_array_equal(np.bincount(y[kept]), [10, 5, 2])
    np.testing.assert_array_equal(share_of_each_class(y, 0.1, seed=3), kept)
    assert not np.array_equal(share_of_each_class(y, 0.1, seed=4), kept)
    assert share_of_each_class(y, 1.0, seed=0).all()
    with pytest.raises(ValueError, match="share"):
        share_of_each_class(y, 0.0, seed=0)


def test_linear_readout_is_ridge_regression_onto_the_classes():
    ridge = pytest.importorskip("sklearn.linear_model").Ridge
    rng = np.random.default_rng(0)
    x, x_test = rng.normal(size=(80, 6)), rng.normal(size=(200, 6))
    y = (x @ rng.normal(size=(6, 3))).argmax(axis=1) + 4
    penalty = 1e-3 * np.trace(np.cov(x.T, bias=True)) / 6 * len(x)
    scores = ridge(penalty).fit(x, np.eye(3)[y - 4]).predict(x_test)
    # told as the truth, its own predictions are all right
    assert linear_readout_accuracy(x, y, x_test, scores.argmax(axis=1) + 4) == 1
    assert linear_readout_accuracy(x, y, x_test, (scores.argmax(axis=1) + 1) % 3 + 4) == 0


def test_linear_readout_survives_silent_features():
    y = np.array([0, 1, 0, 1])
    assert linear_readout_accuracy(np.zeros((4, 3)), y, np.zeros((2, 3)), np.array([0, 0])) == 1


def test_what_was_measured_is_not_measured_again(tmp_path, monkeypatch, capsys):
    asked = []

    def measure(seed):
        asked.append(seed)
        return {"accuracy": 0.5, "layers": [0.25, 0.125], "nothing": None}

    cases = [Case("one", "a", measure), Case("two", "b", measure)]
    monkeypatch.setattr(run_faust_studies, "all_cases", lambda *_, **__: cases)
    out = str(tmp_path / "rows.jsonl")
    run_faust_studies.main(["two", "--out", out])
    run_faust_studies.main(["--seeds", "2", "--out", out])
    first = capsys.readouterr().out
    assert asked == [0, 0, 1, 1]
    run_faust_studies.main(["--seeds", "2", "--out", out])
    assert asked == [0, 0, 1, 1]
    assert capsys.readouterr().out == first[first.index("\n## one") :]
    assert "| a | 1 | 0.5 | 0.25 0.125 | - |" in first
    run_faust_studies.main(["--full", "--out", out])  # other settings are other rows
    assert len(asked) == 6
    with pytest.raises(SystemExit):
        run_faust_studies.main(["three", "--out", out])
    assert "no study three; there are one, two" in capsys.readouterr().err
