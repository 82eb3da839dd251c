"""Interrupted runs, seeds and threads: the same bits, however a run got to its end."""

import json
import signal

import pytest

import ffref
from ffref.cli.train import _Progress
from ffref.kernels import threads
from tests.cli_support import (
    TINY,
    assert_one_line,
    checkpoint_arrays,
    history,
    lines,
    python,
    run,
    run_well,
)
from tests.small_data import blobs, save_blobs

EPOCHS = 4
KINDS = {
    "hff": "hff",
    "hff by moving averages": "hff --prototype-update ema --ema-decay 0.9",
    "hff, greedy": "hff --layer-schedule greedy",
    "hff by momentum": "hff --optimizer heavy-ball --warmup-steps 5 --schedule linear",
    "ff": "ff",
    "ff, greedy": "ff --layer-schedule greedy --no-standardize",
    "backprop": "backprop",
    "ff-recurrent": "ff-recurrent --steps 5 --shift 1 --image-shape 2,4",
    "predictive-coding": "predictive-coding --relaxation-steps 5",
    "backprop, decayed": "backprop --optimizer adamw --weight-decay 0.1",
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])
    monkeypatch.setattr(threads, "_threads", 0)  # restored after the test
    save_blobs("blobs.npz")


def _train(kind, out):
    words = KINDS[kind].split()
    return ("train", *words, "--data", "blobs.npz", *TINY, "--epochs", EPOCHS, "--out", out)


def _assert_same_run(one, other, data=None):
    assert checkpoint_arrays(one) == checkpoint_arrays(other)
    assert history(one / "metrics.jsonl") == history(other / "metrics.jsonl")
    assert lines(one / "metrics.jsonl")[-1] == lines(other / "metrics.jsonl")[-1]
    X, _ = data or blobs(20, seed=3)
    predictions = [ffref.load(folder).layer_goodness(X).tobytes() for folder in (one, other)]
    assert predictions[0] == predictions[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders of uninterrupted runs, by kind."""
    folder = tmp_path_factory.mktemp("whole")
    save_blobs(folder / "blobs.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("ffref.cli.train.write_figures", lambda *_: [])
        for kind in KINDS:
            run_well(*_train(kind, kind))
    return {kind: folder / kind for kind in KINDS}


def _stop(monkeypatch, epoch, batch, error):
    """Raise `error` after that batch, or, for batch None, when that epoch has been saved."""

    def after_batch(self, at_epoch, done, batches):
        if (at_epoch, done) == (epoch, batch):
            raise error

    def after_epoch(self, text):
        if batch is None and text.split()[:2] == ["epoch", str(epoch)]:
            raise error

    monkeypatch.setattr(_Progress, "__call__", after_batch)
    monkeypatch.setattr(_Progress, "line", after_epoch)


@pytest.mark.parametrize(
    ("epoch", "batch"),
    [(1, 1), (1, None), (2, 2), (3, 3), (3, None), (EPOCHS, None)],
)
@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_run_ends_as_the_whole_one(kind, epoch, batch, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        _stop(patch, epoch, batch, KeyboardInterrupt())
        outcome = run(*_train(kind, "part"))
    assert_one_line(outcome, code=130)
    assert "test accuracy" not in outcome.out
    saved = epoch if batch is None else epoch - 1
    assert (tmp_path / "part/checkpoint.npz").exists() == (saved > 0)
    if saved:
        assert len(history(tmp_path / "part/metrics.jsonl")) == saved
    out = run_well("train", "--resume", "part")
    assert (f"; {saved} epochs are done" in out) == (saved > 0)
    _assert_same_run(tmp_path / "part", whole[kind])
    part, full = (
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
        for folder in (tmp_path / "part", whole[kind])
    )
    assert part.pop("data") == str(tmp_path / "blobs.npz")
    assert full.pop("data").endswith("blobs.npz")
    assert part == full


@pytest.mark.parametrize("kind", ["hff", "ff, greedy", "backprop"])
def test_run_that_is_interrupted_again_and_again(kind, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        _stop(patch, 1, None, OSError("the power failed"))
        assert_one_line(run(*_train(kind, "part")))
        _stop(patch, 2, 2, KeyboardInterrupt())
        assert run("train", "--resume", "part").code == 130
        _stop(patch, 3, 1, KeyboardInterrupt())
        assert run("train", "--resume", "part").code == 130
    run_well("train", "--resume", "part", "--quiet")
    _assert_same_run(tmp_path / "part", whole[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_finished_run_is_only_tested_again(kind, tmp_path):
    run_well(*_train(kind, "run"))
    files = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    out = run_well("train", "--resume", "run")
    assert "epoch   " not in out
    assert "test accuracy" in out
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == files


def test_resume_after_the_process_was_killed(whole, tmp_path):
    arguments = [str(word) for word in _train("hff", "part")]
    code = f"""
import os, signal
import ffref.cli.train as train
from ffref.cli.main import main
def kill(self, epoch, done, batches):
    if (epoch, done) == (3, 2):
        os.kill(os.getpid(), signal.SIGKILL)
train._Progress.__call__ = kill
main({arguments})
"""
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert "epoch   2" in done.stdout
    assert len(history(tmp_path / "part/metrics.jsonl")) == 2
    run_well("train", "--resume", "part")
    _assert_same_run(tmp_path / "part", whole["hff"])


def test_kill_while_the_checkpoint_is_written(whole, tmp_path):
    arguments = [str(word) for word in _train("hff", "part")]
    code = f"""
import os, signal
from ffref.cli.main import main
fsync, calls = os.fsync, []
def kill(file):
    calls.append(file)
    if len(calls) == 5:  # a file and its folder for each of two epochs, then this file
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(file)
os.fsync = kill
main({arguments})
"""
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert ffref.load(tmp_path / "part").n_iter_ == 2
    assert list((tmp_path / "part").glob(".*.tmp"))  # half a checkpoint
    run_well("train", "--resume", "part")
    assert not list((tmp_path / "part").glob(".*.tmp"))
    _assert_same_run(tmp_path / "part", whole["hff"])


def test_saved_checkpoint_can_be_continued_in_python(whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        _stop(patch, 2, None, KeyboardInterrupt())
        run(*_train("hff", "part"))
    part = ffref.load(tmp_path / "part")
    data = ffref.experiments.load_train_test("blobs.npz", None)
    assert [record.epoch for record in part.fit_epochs(data.X, data.y, resume=True)] == [3, 4]
    X, _ = blobs(20, seed=3)
    assert part.layer_goodness(X).tobytes() == ffref.load(whole["hff"]).layer_goodness(X).tobytes()


# -- seeds and threads ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hff", "ff", "backprop"])
def test_seeds(kind, tmp_path):
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        run_well(*_train(kind, out), "--seed", seed)
    _assert_same_run(tmp_path / "a", tmp_path / "b")
    assert checkpoint_arrays(tmp_path / "a") != checkpoint_arrays(tmp_path / "c")


@pytest.mark.parametrize("kind", ["hff", "ff", "backprop"])
def test_threads_do_not_change_a_bit(kind, tmp_path, monkeypatch):
    pool_of, asked = threads._get_pool, []
    monkeypatch.setattr(threads, "_get_pool", lambda: (asked.append(1), pool_of())[1])
    for number in (1, 2, 3):
        run_well(
            "train", kind, "--hidden", "512,256", "--batch-size", "256", "--epochs", "1",
            "--quiet", "--threads", number, "--out", f"on{number}",
        )  # fmt: skip
        assert bool(asked) == (number > 1)  # the products are large enough for the pool
    digits = ffref.data.load("digits", split="test")
    _assert_same_run(tmp_path / "on1", tmp_path / "on2", digits)
    _assert_same_run(tmp_path / "on1", tmp_path / "on3", digits)


# -- divergence ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "layer"), [("ff", 1), ("backprop", 1), ("hff --optimizer heavy-ball", 1)]
)
@pytest.mark.filterwarnings("default")
def test_divergence_is_one_line_that_names_layer_and_epoch(kind, layer, tmp_path):
    outcome = run(
        "train",
        *kind.split(),
        "--data",
        "blobs.npz",
        *TINY,
        "--learning-rate",
        "3e38",
        "--out",
        "run",
    )
    assert_one_line(outcome, code=1)
    assert f"layer {layer} " in outcome.err
    assert "epoch " in outcome.err
    assert "test accuracy" not in outcome.out
    assert {path.name for path in (tmp_path / "run").iterdir()} <= {
        "config.json", "env.json", "train.toml", "metrics.jsonl", "checkpoint.npz",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["ff", "backprop"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_divergence_ends_with_code_1(kind):
    outcome = run("train", kind, "--data", "blobs.npz", *TINY, "--learning-rate", "1e30")
    assert_one_line(outcome, code=1)
    assert "the loss of layer 1 became" in outcome.err
    assert "epoch 1" in outcome.err
    assert "learning rate" in outcome.err
    assert "test accuracy" not in outcome.out
