"""Held-out samples, early stopping, warm starts and callbacks of every classifier."""

import shlex
from pathlib import Path

import numpy as np
import pytest

import ffref
from ffref import FFClassifier, HFFClassifier
from ffref.cli.main import build_parser
from ffref.estimators._validation import held_out
from ffref.training.checkpoint import state_to_arrays
from ffref.training.early_stopping import has_stalled, last_is_best
from tests.cli_support import TINY, lines, run_well
from tests.doc_blocks import blocks
from tests.small_data import blobs, save_blobs
from tests.small_models import each_kind, outputs, same, small


def _bytes(model):
    return {name: array.tobytes() for name, array in state_to_arrays(model.state_).items()}


# -- the rule ------------------------------------------------------------------------------------


def test_stalling_as_scikit_learn_counts_it():
    MLPClassifier = pytest.importorskip("sklearn.neural_network").MLPClassifier
    X, y = blobs(60, features=2)
    X = X + 2 * np.random.default_rng(0).normal(size=X.shape)
    for patience, tol in ((1, 0.0), (2, 1e-4), (3, 0.05)):
        theirs = MLPClassifier(
            (3,), max_iter=60, early_stopping=True, validation_fraction=0.3, random_state=0,
            n_iter_no_change=patience, tol=tol, learning_rate_init=0.02,
        ).fit(X, y)  # fmt: skip
        shares = theirs.validation_scores_
        assert len(shares) < 60
        stops = [has_stalled(shares[:n], patience=patience, tol=tol) for n in range(len(shares))]
        assert not any(stops)
        assert has_stalled(shares, patience=patience, tol=tol)


def test_stalling_by_hand():
    shares = [0.5, 0.6, 0.7, 0.7, 0.65, 0.75]
    assert not has_stalled(shares, patience=1, tol=0.0)  # 0.7 again counts, 0.65 does not
    assert has_stalled(shares[:5], patience=1, tol=0.01)
    assert has_stalled(shares, patience=4, tol=0.3)
    assert not has_stalled([], patience=1, tol=0.1)
    assert [last_is_best(shares[:n]) for n in range(1, 7)] == [
        True, True, True, False, False, True,
    ]  # fmt: skip


def test_share_of_each_class_is_held_out():
    target = np.array(list("abaababaaaab"))
    held = held_out(target, 0.25)
    assert np.flatnonzero(held).tolist() == [5, 11] or held.sum() == 3
    for label, count in (("a", 2), ("b", 1)):
        assert held[target == label].sum() == count
    with pytest.raises(ValueError, match="needs at least 10"):
        held_out(target[:9], 0.1)


# -- in every classifier -------------------------------------------------------------------------


@each_kind
def test_validation_is_accuracy_on_samples_that_no_layer_saw(kind):
    X, y = blobs(120)
    held = held_out(y, 0.25)
    other = X.copy()
    other[held] = 99 * np.random.default_rng(0).normal(size=other[held].shape)
    models = [small(kind, validation_fraction=0.25) for _ in range(2)]
    shares = []
    for record in models[0].fit_epochs(X, y):
        assert record.validation == (models[0].predict(X[held]) == y[held]).mean()
        shares.append(record.validation)
    models[1].fit(other, y)
    assert _bytes(models[0]) == _bytes(models[1])
    assert models[0].standardizer_ is not None  # of the samples that are trained on
    assert [record.validation for record in models[0].history_] == shares
    assert all(record.validation is None for record in small(kind).fit(X, y).history_)


@each_kind
def test_early_stopping_keeps_the_best_epoch(kind):
    X, y = blobs(120)
    X = X + 3 * np.random.default_rng(1).normal(size=X.shape)
    choices = {
        "early_stopping": True, "validation_fraction": 0.4, "n_iter_no_change": 3,
        "learning_rate_init": 0.03, "max_iter": 40, "schedule": "constant",
    }  # fmt: skip
    model = small(kind, **choices)
    states = [_bytes(model) for _ in model.fit_epochs(X, y)]
    shares = [record.validation for record in model.history_]
    held = held_out(y, 0.4)
    assert 4 <= model.n_iter_ == len(shares) == len(states) < 40
    assert has_stalled(shares, patience=3, tol=1e-4)
    assert not has_stalled(shares[:-1], patience=3, tol=1e-4)
    best = int(np.argmax(shares))
    assert best < model.n_iter_ - 1
    assert states[best] == states[-1] == _bytes(model)
    assert model.score(X[held], y[held]) == max(shares)
    assert list(model.fit_epochs(X, y, resume=True)) == []


def test_best_epoch_is_kept_at_the_end_too():
    X, y = blobs(120)
    X = X + 3 * np.random.default_rng(1).normal(size=X.shape)
    model = small(
        HFFClassifier, early_stopping=True, validation_fraction=0.4, max_iter=11,
        learning_rate_init=0.03,
    )  # fmt: skip
    shares = [record.validation for record in model.fit_epochs(X, y)]
    assert len(shares) == 11
    assert max(shares) > shares[-1]
    held = held_out(y, 0.4)
    assert model.score(X[held], y[held]) == max(shares)


def test_early_stopping_of_a_fitted_readout():
    X, y = blobs(120)
    model = small(HFFClassifier, early_stopping=True, readout="weighted", max_iter=30,
                  n_iter_no_change=2)  # fmt: skip
    model.fit(X, y)
    held = held_out(y, 0.1)
    shares = [record.validation for record in model.history_]
    assert model.score(X[held], y[held]) == max(shares)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"validation_fraction": 0}, "between 0 and 1, got 0"),
        ({"validation_fraction": 1.0}, "between 0 and 1, got 1.0"),
        ({"validation_fraction": float("nan")}, "validation_fraction"),
        ({"validation_fraction": 0.01}, "holds out none of 90 samples"),
        ({"early_stopping": True, "n_iter_no_change": 0}, "n_iter_no_change"),
        ({"early_stopping": True, "tol": -1}, "tol must be at least 0"),
        ({"early_stopping": True, "layer_schedule": "greedy"}, "simultaneous"),
        ({"callbacks": print}, "callbacks must be functions"),
        ({"callbacks": [1]}, "callbacks must be functions"),
    ],
)
def test_bad_choices(choices, says):
    with pytest.raises(ValueError, match=says):
        small(HFFClassifier, **choices).fit(*blobs())


def test_partial_fit_does_not_stop_early():
    with pytest.raises(ValueError, match="early_stopping=False"):
        small(HFFClassifier, early_stopping=True).partial_fit(*blobs())
    model = small(HFFClassifier, validation_fraction=0.5).partial_fit(*blobs())
    assert model.history_[0].validation is None


def test_other_samples_held_out_are_other_data(tmp_path):
    X, y = blobs()
    model = small(HFFClassifier, validation_fraction=0.2).start(X, y)
    model.save(tmp_path / "model.npz")
    loaded = ffref.load(tmp_path / "model.npz").set_params(validation_fraction=0.3)
    with pytest.raises(ValueError, match="others of them are held out"):
        next(loaded.fit_epochs(X, y, resume=True))


# -- warm starts ---------------------------------------------------------------------------------


@each_kind
def test_warm_start_goes_on_from_the_weights(kind):
    X, y = blobs()
    model = small(kind).fit(X, y)
    before = {name: array.copy() for name, array in state_to_arrays(model.state_).items()}
    model.set_params(warm_start=True, learning_rate_init=1e-30, max_iter=1).fit(X * 1.001, y)
    after = state_to_arrays(model.state_)
    for name, array in before.items():
        if ".step" in name:
            assert (array, after[name]) == (6, 3)  # the optimiser began anew
        elif ".slot" not in name:
            np.testing.assert_allclose(after[name], array, rtol=1e-6)
    assert model.n_iter_ == len(model.history_) == 1
    model.set_params(learning_rate_init=0.01)
    assert model.fit(X, y).history_[0].loss < small(kind).fit(X, y).history_[0].loss


@each_kind
def test_warm_start_of_nothing_is_a_start(kind):
    X, y = blobs()
    assert same(
        outputs(small(kind, warm_start=True).fit(X, y), X), outputs(small(kind).fit(X, y), X)
    )


def test_warm_start_refuses_what_does_not_fit():
    X, y = blobs()
    model = small(HFFClassifier, warm_start=True, prototype_init="class-means").fit(X, y)
    before = _bytes(model)
    for refused in (
        lambda: model.fit(X, y + 1),
        lambda: model.fit(X[:, 1:], y),
        lambda: model.set_params(hidden_layer_sizes=(9, 7)).fit(X, y),
    ):
        with pytest.raises(ValueError, match="set warm_start=False"):
            refused()
        assert _bytes(model) == before


# -- callbacks -----------------------------------------------------------------------------------


@each_kind
def test_callbacks_get_each_record_and_may_stop(kind, tmp_path):
    X, y = blobs()
    seen, also = [], []

    def stop_at_2(record):
        also.append(record)
        return record.epoch == 2

    model = small(kind, max_iter=5, callbacks=[seen.append, stop_at_2]).fit(X, y)
    assert seen == also == model.history_
    assert model.n_iter_ == 2
    model.save(tmp_path / "model.npz")
    assert ffref.load(tmp_path / "model.npz").callbacks is None


def test_callback_that_stops_keeps_the_best_epoch():
    X, y = blobs(120)
    X = X + 3 * np.random.default_rng(1).normal(size=X.shape)
    shares = []

    def gets_worse(record):
        shares.append(record.validation)
        return record.validation < max(shares)

    model = small(FFClassifier, early_stopping=True, max_iter=40, learning_rate_init=0.03,
                  callbacks=[gets_worse]).fit(X, y)  # fmt: skip
    held = held_out(y, 0.1)
    assert model.n_iter_ < 40
    assert model.score(X[held], y[held]) == max(shares) > shares[-1]


# -- the command line ----------------------------------------------------------------------------


def test_command_line_reports_validation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])
    save_blobs("blobs.npz")
    out = run_well(
        "train", "--data", "blobs.npz", *TINY, "--out", "run", "--validation-fraction", "0.25"
    )
    *epochs, test = lines(tmp_path / "run/metrics.jsonl")
    model, data = ffref.load("run"), ffref.experiments.load_train_test("blobs.npz", None)
    held = held_out(data.y, 0.25)
    assert test["test"]["samples"] == len(data.y_test)
    assert epochs[-1]["validation"] == model.score(data.X[held], data.y[held])
    for epoch in epochs:
        assert f"  validation {epoch['validation']:.4f}" in out


def test_page_on_runs(capsys):
    languages = {}
    for language, text in blocks(Path(__file__).parents[1] / "docs" / "runs.md"):
        languages[language] = text
    exec(compile(languages["python"], "runs.md", "exec"), {})
    assert float(capsys.readouterr().out) > 0.9
    for line in languages["sh"].splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "ffref"
        assert build_parser().parse_args(words).validation_fraction == 0.1
