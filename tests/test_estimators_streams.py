"""Classifiers on samples that are read when they are needed: the same as on arrays in memory."""

import json
import tracemalloc

import numpy as np
import pytest

import ffref
from ffref import FFClassifier, HFFClassifier
from ffref.data import DataError, stream_array, stream_shards
from ffref.report import write_figures
from tests.cli_support import TINY, assert_refused, lines, run, run_well
from tests.small_data import blobs
from tests.small_models import METHODS, each_kind, outputs, same, small


def write_shards(folder, X, y, shards):
    folder.mkdir()
    for i, rows in enumerate(np.array_split(np.arange(len(X)), shards)):
        np.savez(folder / f"{i}.npz", X=X[rows], y=y[rows])
    return folder


@pytest.fixture
def shards(tmp_path):
    """90 samples in 7 files, and the array of all."""
    X, y = blobs()
    return write_shards(tmp_path / "shards", X, y, 7), X, y


@each_kind
def test_one_window_trains_to_the_bits_of_an_array(kind, shards):
    folder, X, y = shards
    whole = outputs(small(kind, standardize=False).fit(X, y), X)
    for stream in (stream_shards(folder), stream_array(X, y)):
        model = small(kind, standardize=False).fit(stream)
        assert same(outputs(model, X), whole)
        assert same(outputs(model, stream), whole)
        assert model.score(stream) == model.score(X, y)
        assert model.score(stream, 1 - y) == model.score(X, 1 - y)


@pytest.mark.parametrize(
    "choices",
    [
        {"readout": "weighted", "validation_fraction": 0.2},
        {"calibrated": True, "validation_fraction": 0.2},
        {"prototype_init": "class-means"},
    ],
)
def test_samples_that_hff_looks_at_beside_training_are_those_of_an_array(choices, shards):
    folder, X, y = shards
    whole = small(HFFClassifier, standardize=False, **choices).fit(X, y)
    model = small(HFFClassifier, standardize=False, **choices).fit(stream_shards(folder))
    assert same(outputs(model, X), outputs(whole, X))


def test_classes_of_a_stream_join_as_those_of_an_array(shards):
    _, X, y = shards
    found = []
    for joining in ((X, y + 1), (stream_array(X, y + 1),)):
        model = small(HFFClassifier, standardize=False).fit(X, y)
        found.append(outputs(model.partial_fit(*joining, classes=[3]), X))
    assert same(*found)


@each_kind
def test_augmented_batches_are_those_of_an_array(kind, shards):
    folder, X, y = shards
    choices = {"standardize": False, "shift": 1, "flip": True, "cutout": 1, "image_shape": (2, 4)}
    whole = small(kind, **choices).fit(X, y)
    assert same(outputs(small(kind, **choices).fit(stream_shards(folder)), X), outputs(whole, X))


def test_statistics_of_one_pass_are_those_of_an_array_but_for_rounding():
    X, y = blobs()
    X[:, 3] = 5  # a constant feature keeps its scale
    whole = small(HFFClassifier).fit(X, y).standardizer_
    passed = small(HFFClassifier).fit(stream_array(X, window_bytes=800), y).standardizer_
    np.testing.assert_allclose(passed.mean, whole.mean, rtol=3e-7, atol=1e-7)
    np.testing.assert_allclose(passed.std, whole.std, rtol=3e-7)
    assert passed.std[3] == 1


@each_kind
def test_training_goes_on_at_an_epochs_start(kind, shards, tmp_path):
    """Windows of two or three of the seven shards, each of 13 samples of 32 bytes."""
    folder, X, _ = shards
    uninterrupted = small(kind, max_iter=3).fit(stream_shards(folder, window_bytes=1000))
    first = small(kind, max_iter=3)
    epochs = first.fit_epochs(stream_shards(folder, window_bytes=1000))
    next(epochs)
    first.save(tmp_path / "model.npz")
    again = ffref.load(tmp_path / "model.npz")
    list(again.fit_epochs(stream_shards(folder, window_bytes=1000), resume=True))
    assert again.n_iter_ == 3
    assert same(outputs(again, X), outputs(uninterrupted, X))


def test_another_window_is_another_order(shards):
    folder, X, _ = shards
    one, other = (
        small(HFFClassifier).fit(stream_shards(folder, window_bytes=size)) for size in (1000, 2000)
    )
    assert not same(outputs(one, X), outputs(other, X))


def test_other_data_are_noticed_when_training_goes_on(shards):
    folder, X, y = shards
    model = small(HFFClassifier).fit(stream_shards(folder))
    X[80, 4] += 1
    for other in (stream_array(X, y), stream_shards(folder).subset(np.arange(90) < 89)):
        with pytest.raises(ValueError, match="not the samples and labels"):
            next(model.fit_epochs(other, resume=True))
    with pytest.raises(ValueError, match="not the samples and labels"):
        next(model.fit_epochs(stream_shards(folder), (y + 1) % 3, resume=True))


@each_kind
def test_partial_fit_and_fit_transform(kind, shards):
    folder, X, y = shards
    one = small(kind, standardize=False).partial_fit(X, y).partial_fit(X, y)
    other = small(kind, standardize=False).partial_fit(stream_shards(folder))
    other.partial_fit(stream_shards(folder))
    assert same(outputs(one, X), outputs(other, X))
    fitted = small(kind, standardize=False)
    np.testing.assert_array_equal(fitted.fit_transform(stream_array(X, y)), fitted.transform(X))


def test_diagnostics_of_known_classes(shards):
    folder, X, y = shards
    model = small(FFClassifier).fit(X[y < 2], y[y < 2])
    assert model.diagnostics(stream_shards(folder)) == model.diagnostics(X, y)


def test_a_large_memory_map_is_read_in_windows_and_a_small_one_at_once(tmp_path, monkeypatch):
    X, y = blobs()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    whole = outputs(small(HFFClassifier).fit(X, y), X)
    assert same(outputs(small(HFFClassifier).fit(mapped, y), X), whole)
    monkeypatch.setattr("ffref.estimators._validation.WINDOW_BYTES", X.nbytes - 1)
    opened = []
    monkeypatch.setattr(
        "ffref.estimators._validation.stream_array",
        lambda array: opened.append(array) or stream_array(array, window_bytes=1000),
    )
    model = small(HFFClassifier).fit(mapped, y)
    assert len(opened) == 1
    assert opened[0] is mapped
    windowed = small(HFFClassifier).fit(stream_array(X, window_bytes=1000), y)
    assert same(outputs(model, mapped), outputs(windowed, X))
    assert not same(outputs(model, X), whole)
    assert model.score(mapped, y) == model.score(X, y)


def test_memory_of_training_and_prediction_is_bounded():
    """4 MB of float32 as 1 MB of bytes, of which a window holds 0.1 MB, and a block 1 MB."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(256, size=(4096, 256), dtype=np.uint8), np.arange(4096) % 2
    stream = stream_array(X, y, highest=255, window_bytes=2**17)
    few = stream_array(X[:64], y[:64])
    model = small(HFFClassifier, max_iter=1).fit(few)
    model.score(few)  # what is compiled or imported at first use is no part of the samples
    tracemalloc.start()
    try:
        model.fit(stream).score(stream)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5e6


@each_kind
def test_streams_that_do_not_fit(kind, shards):
    folder, X, y = shards
    with pytest.raises(ValueError, match="requires y"):
        small(kind).fit(stream_array(X))
    with pytest.raises(ValueError, match="inconsistent numbers of samples: 90 and 89"):
        small(kind).fit(stream_array(X), y[:-1])
    with pytest.raises(ValueError, match="at least 2, got one class"):
        small(kind).fit(stream_array(X), y * 0)
    model = small(kind).fit(stream_shards(folder))
    before = outputs(model, X)
    for name in METHODS:
        with pytest.raises(ValueError, match=r"X has 5 features, but .* is expecting 8"):
            getattr(model, name)(stream_array(X[:, :5]))
    broken = X.copy()
    broken[77, 2] = np.nan
    with pytest.raises(DataError, match="got nan in sample 77, feature 2"):
        model.fit(stream_array(broken, y))
    assert same(outputs(model, X), before)  # found by the pass for statistics, before any change


# -- command line --------------------------------------------------------------------------------


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])


def test_figures_of_a_stream(shards, tmp_path):
    folder, _, _ = shards
    model = small(FFClassifier).fit(stream_shards(folder))
    for name, X in (("stream", stream_shards(folder)), ("array", shards[1])):
        write_figures(model, X, shards[2], tmp_path / name)
    histograms = [tmp_path / name / "goodness_histograms.png" for name in ("stream", "array")]
    assert histograms[0].read_bytes() == histograms[1].read_bytes()


def test_the_command_line_takes_a_folder(shards, tmp_path, monkeypatch, no_figures):
    folder, X, y = shards
    monkeypatch.chdir(tmp_path)
    np.savez("all.npz", X=X, y=y)
    choices = ("--no-standardize", "--quiet", *TINY)
    for name, data in (("file", "all.npz"), ("folder", "shards")):
        run_well("train", "--data", data, "--out", name, *choices)
    results = [lines(tmp_path / name / "metrics.jsonl") for name in ("file", "folder")]
    for one, other in zip(*results, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert run_well("evaluate", "folder") == run_well("evaluate", "file")
    whole = [run_well("evaluate", "file", "--data", data) for data in ("all.npz", "shards")]
    assert whole[0] == whole[1]
    assert "90 samples" in whole[0]
    monkeypatch.chdir(folder)  # the run knows where its data are
    assert json.loads(run_well("evaluate", tmp_path / "folder", "--json"))["samples"] == 18


def test_a_folder_with_a_split_of_its_own(tmp_path, monkeypatch, no_figures):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for part, samples in (("train", 60), ("test", 30)):
        write_shards(tmp_path / "mine" / part, *blobs(samples=samples, seed=samples), 3)
    out = run_well("train", "--data", "mine", "--out", "run", *TINY)
    assert "60 training and 30 test samples" in out
    assert "on 30 samples" in run_well("evaluate", "run", "--data", "mine")
    assert "on 60 samples" in run_well("evaluate", "run", "--data", "mine", "--split", "train")
    assert "on 60 samples" in run_well("evaluate", "run", "--data", "mine/train")
    refused = run("train", "--data", "mine", "--test-fraction", "0.5")
    assert_refused(refused, "--test-fraction does nothing for mine, which has a split of its own")


def test_runs_on_folders_go_on(shards, tmp_path, monkeypatch, no_figures):
    monkeypatch.chdir(tmp_path)
    run_well("train", "--data", "shards", "--out", "whole", "--quiet", *TINY)
    run_well("train", "--data", "shards", "--out", "part", "--quiet", *TINY)
    (tmp_path / "part/checkpoint.npz").unlink()
    run_well("train", "--resume", "part", "--quiet")
    assert run_well("evaluate", "part") == run_well("evaluate", "whole")
    with np.load(tmp_path / "shards/3.npz") as shard:
        X, y = shard["X"], shard["y"]
    np.savez(tmp_path / "shards/3.npz", X=X + 1, y=y)
    assert_refused(run("train", "--resume", "whole", "--quiet"), "not the samples and labels")


def test_folders_that_do_not_fit(tmp_path, monkeypatch, no_figures):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert_refused(run("train", "--data", "empty"), "or .npz files, got none")
    assert_refused(run("train", "--data", "nowhere"), "or folder")
    assert_refused(run("train", "--data", "empty", "--data-dir", "x"), "--data-dir does nothing")
    (tmp_path / "digits").mkdir()  # a known name is that data set
    assert "1437 training" in run_well("train", "--data", "digits", "--out", "run", *TINY)
