"""Runs that are killed, stopped, damaged, locked or out of space: nothing is lost."""

import json
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest

import ffref
from ffref.cli.interrupts import Interrupts
from ffref.cli.train import _Progress
from ffref.experiments.lock import Lock
from tests import kill_script
from tests.cli_support import (
    TINY,
    assert_one_line,
    assert_refused,
    checkpoint_arrays,
    history,
    python,
    run,
    run_well,
    tree,
)
from tests.small_data import save_blobs

KIND = ("ff", "--negatives", "hard", "--readout", "softmax")
TRAIN = ("train", *KIND, "--data", "blobs.npz", *TINY, "--epochs", "3", "--out")
OFTEN = ("--checkpoint-minutes", "1e-9")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])
    save_blobs("blobs.npz")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing disturbed, and its checkpoints as they are on disk."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("ffref.cli.train.write_figures", lambda *_: [])
        save_blobs("blobs.npz")
        run_well(*TRAIN, "run")
    return folder / "run"


def _at(monkeypatch, epoch, batch, act):
    """Call `act` after that batch."""

    def progress(self, at_epoch, done, batches):
        if (at_epoch, done) == (epoch, batch):
            act()

    monkeypatch.setattr(_Progress, "__call__", progress)


def _stops(*_):
    raise KeyboardInterrupt


def _assert_ends_as(whole, run_folder):
    assert checkpoint_arrays(run_folder) == checkpoint_arrays(whole)
    assert history(run_folder / "metrics.jsonl") == history(whole / "metrics.jsonl")


# -- killed --------------------------------------------------------------------------------------


def _killed(count, seed, *words, folder):
    script = [kill_script.__file__, str(count), str(seed), *words, "--hidden", "8,8"]
    done = subprocess.run(
        [sys.executable, *script, "--batch-size", "16", "--image-shape", "2,4"],
        capture_output=True, text=True, check=False, cwd=folder, timeout=120 * count,
        env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(kill_script.__file__)),
             "OMP_NUM_THREADS": "1", "FFREF_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert len(result["stood"]) == count
    assert len(set(result["stood"])) > 1, result
    assert result["differing"] == []


def test_killed_8_times_at_random(tmp_path):
    words = ("--peer-strength", "0.03", "--optimizer", "moving-average", "--shift", "1")
    _killed(8, 0, *KIND, *words, "--epochs", "30", folder=tmp_path)


@pytest.mark.slow  # half a minute each
@pytest.mark.parametrize(
    "words",
    [
        "hff --prototype-update ema --flip --early-stopping --n-iter-no-change 200 --epochs 200",
        "hff --readout weighted --learn-temperature --prototype-init class-means --epochs 200",
        "ff-recurrent --steps 5 --learning-rate 0.01 --optimizer heavy-ball --epochs 200",
        "ff --negatives hybrid --readout softmax --layer-schedule greedy --epochs 100",
        "backprop --optimizer adamw --weight-decay 0.1 --epochs 200",
    ],
)
def test_killed_50_times_at_random(words, tmp_path):
    _killed(50, 1, *words.split(), folder=tmp_path)


# -- stopped -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("batch", [1, 3])
def test_signal_stops_after_the_batch(number, code, batch, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        _at(patch, 2, batch, lambda: os.kill(os.getpid(), number))
        outcome = run(*TRAIN, "part")
    assert_one_line(outcome, code)
    assert "go on with ffref train --resume part" in outcome.err
    stopped = ffref.load("part")
    if batch == 1:
        assert "in epoch 2, after batch 1 of 3" in outcome.err
        assert (stopped.n_iter_, stopped.position_.batches) == (1, 1)
        assert "; 1 epochs and 1 batches are done" in run_well("train", "--resume", "part")
    else:
        assert "after epoch 2" in outcome.err
        assert (stopped.n_iter_, stopped.position_) == (2, None)
        run_well("train", "--resume", "part")
    _assert_ends_as(whole, tmp_path / "part")


def test_second_signal_stops_at_once(tmp_path, monkeypatch):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    _at(monkeypatch, 2, 1, twice)
    outcome = run(*TRAIN, "part")
    assert_one_line(outcome, 130)
    assert ffref.load("part").position_ is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts() as interrupts:
        assert not interrupts.asked()
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


# -- damaged -------------------------------------------------------------------------------------


@pytest.fixture
def cut(whole, monkeypatch):
    """Stop a run after two epochs and a batch, and cut its newest checkpoint."""

    def cut_to(share):
        with monkeypatch.context() as patch:
            _at(patch, 3, 2, _stops)
            run(*TRAIN, "part", *OFTEN)
        with open("part/checkpoint.npz", "rb+") as file:
            file.truncate(int(share * os.path.getsize("part/checkpoint.npz")))

    return cut_to


@pytest.mark.parametrize("share", [0, 0.3, 0.7, 0.999])
@pytest.mark.filterwarnings("default")
def test_the_one_before_is_used(share, cut, whole, tmp_path):
    cut(share)
    for words in (("evaluate", "part"), ("predict", "part", "--data", "blobs.npz")):
        outcome = run(*words)
        assert outcome.code == 0
        assert outcome.err.count("\n") == 1
        assert "checkpoint-previous.npz is read instead, of 2 epochs" in outcome.err
    outcome = run("train", "--resume", "part")
    assert outcome.code == 0
    assert "; 2 epochs are done" in outcome.out
    assert (tmp_path / "part/checkpoint-damaged.npz").is_file()
    _assert_ends_as(whole, tmp_path / "part")
    assert run_well("evaluate", "part")  # without a warning


@pytest.mark.filterwarnings("default")
def test_no_kill_loses_the_one_before(cut, whole, tmp_path, monkeypatch):
    cut(0.5)
    with monkeypatch.context() as patch:
        _at(patch, 3, 1, _stops)
        assert run("train", "--resume", "part").code == 130
    assert_refused(run("train", "--resume", "nowhere"), "nowhere")
    outcome = run("train", "--resume", "part")  # the damaged one has been set aside
    assert "; 2 epochs are done" in outcome.out
    _assert_ends_as(whole, tmp_path / "part")


def test_both_damaged(cut, tmp_path):
    cut(0.5)
    (tmp_path / "part/checkpoint-previous.npz").write_bytes(b"PK")
    for words in (("evaluate", "part"), ("train", "--resume", "part")):
        assert_refused(run(*words), "part/checkpoint.npz")


def test_newest_of_a_newer_format_is_no_damage(whole, tmp_path):
    run_well(*TRAIN, "part")
    arrays, record = ffref.training.checkpoint.read_checkpoint(tmp_path / "part/checkpoint.npz")
    record["format"] = 3
    ffref.training.checkpoint.write_checkpoint(tmp_path / "part/checkpoint.npz", arrays, record)
    assert_refused(run("train", "--resume", "part"), "use the version that wrote it")


# -- locked --------------------------------------------------------------------------------------


def test_two_processes_in_one_folder(whole, tmp_path, monkeypatch):
    outcomes = []

    def another():
        before = tree(tmp_path)
        outcomes.append(run("train", "--resume", "part"))
        outcomes.append(run(*TRAIN, "part"))
        assert tree(tmp_path) == before

    with monkeypatch.context() as patch:
        _at(patch, 2, 2, another)
        run_well(*TRAIN, "part")
    resumed, anew = outcomes
    assert_refused(resumed, f"another process is training in part (its number: {os.getpid()})")
    assert_refused(anew, "part is not empty")
    assert not (tmp_path / "part/.lock").exists()
    _assert_ends_as(whole, tmp_path / "part")


def test_lock_of_a_process_that_is_gone(tmp_path):
    code = """
import os, sys
from pathlib import Path
from ffref.experiments.lock import Lock
lock = Lock(Path("."))
if os.fork() == 0:
    sys.exit()  # a child's end releases nothing
os.wait()
try:
    Lock(Path("."))
except ValueError as error:
    print(error)
os.kill(os.getpid(), 9)
"""
    done = python("-c", code, cwd=tmp_path)
    assert done.stdout.startswith("another process is training in . (its number: ")
    assert (tmp_path / ".lock").exists()
    with Lock(tmp_path), pytest.raises(ValueError, match="another process"):
        Lock(tmp_path)
    assert not (tmp_path / ".lock").exists()


def test_file_that_is_removed_and_made_again_is_not_the_lock(tmp_path):
    first = Lock(tmp_path)
    (tmp_path / ".lock").unlink()
    with Lock(tmp_path):
        first.release()  # what it would remove is not its own
        with pytest.raises(ValueError, match="another process"):
            Lock(tmp_path)


def test_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    run_well(*TRAIN, "part")
    before = tree(tmp_path)

    def refuse(*_):
        raise OSError(30, "Read-only file system", ".lock")

    with monkeypatch.context() as patch:
        patch.setattr("ffref.experiments.lock.os.open", refuse)
        outcome = run("train", "--resume", "part")
    assert_refused(outcome, "cannot write to the run folder part: Read-only file system")
    assert tree(tmp_path) == before


# -- out of space --------------------------------------------------------------------------------


def test_disk_fills_up(whole, tmp_path, monkeypatch):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with monkeypatch.context() as patch:
        _at(patch, 2, 3, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard)))
        try:
            outcome = run(*TRAIN, "part")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_one_line(outcome)
    assert "cannot write part/checkpoint.npz: File too large" in outcome.err
    assert not list((tmp_path / "part").glob(".*"))
    assert ffref.load("part").n_iter_ == 1
    run_well("train", "--resume", "part")
    _assert_ends_as(whole, tmp_path / "part")


def test_killed_before_anything_was_written(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part/.lock").write_text("123\n")
    (tmp_path / "part/.config.json.123.tmp").write_text("{")
    run_well(*TRAIN, "part")
    assert not list((tmp_path / "part").glob(".*"))


def test_what_a_new_run_finds(whole):
    names = {path.name for path in whole.iterdir()}
    assert names == {
        "config.json", "train.toml", "env.json", "metrics.jsonl", "checkpoint.npz",
        "checkpoint-previous.npz",
    }  # fmt: skip
    assert np.array_equal(ffref.load(whole).classes_, [0, 1, 2])
