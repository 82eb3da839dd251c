"""Progress: what is said, when, and how long is left."""

import io
import sys
from contextlib import nullcontext

import pytest

from ffref.cli import progress as module
from ffref.cli.progress import Progress
from ffref.cli.train import _Progress
from tests.cli_support import TINY, run, run_well
from tests.small_data import save_blobs


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is told to go on."""
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def _terminal(monkeypatch, *, tqdm=False):
    """A terminal, with or without tqdm; not a fixture, after which pytest would take it away."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    if not tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    return sys.stderr


def _run(progress, clock, seconds, steps=100):
    with progress:
        for done in range(1, steps + 1):
            clock[0] += seconds / steps
            progress.update(done, steps)


def test_what_is_quick_says_nothing(clock, monkeypatch, capsys):
    screen = _terminal(monkeypatch)
    _run(Progress("training", quiet=False), clock, 1.9)
    assert screen.getvalue() == capsys.readouterr().out == ""


def test_a_line_now_and_then_with_the_time_left(clock, monkeypatch):
    screen = _terminal(monkeypatch)
    _run(Progress("training", quiet=False), clock, 60)
    assert screen.getvalue().splitlines() == [
        "training: 4% done, about 58 s left",
        "training: 21% done, about 47 s left",
        "training: 38% done, about 37 s left",
        "training: 55% done, about 27 s left",
        "training: 72% done, about 17 s left",
        "training: 89% done, about 7 s left",
    ]


def test_a_log_has_fewer_lines(clock, capsys):
    _run(Progress("training", quiet=False), clock, 20)
    assert capsys.readouterr() == ("", "")
    _run(Progress("testing", quiet=False), clock, 3600)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "testing: 1% done, about 59 min left"
    assert 50 <= len(lines) <= 60


def test_quiet(clock, monkeypatch, capsys):
    screen = _terminal(monkeypatch)
    progress = Progress("training", quiet=True)
    progress.line("epoch 1")
    _run(progress, clock, 1000)
    assert screen.getvalue() == capsys.readouterr().out == ""


def test_a_resumed_run_counts_what_it_does_itself(clock, monkeypatch):
    _terminal(monkeypatch)
    progress = _Progress(10, quiet=False)
    clock[0] += 10
    progress(10, 1, 100)  # of 1000 in all, 900 of which were done before
    assert progress.left() == ", about 16 min left"  # 99 of those that take 10 s each
    clock[0] += 10
    progress(10, 99, 100)
    assert progress.left() == ""  # what takes a moment is not worth a word
    progress(10, 100, 100)
    assert progress.left() == ""


def test_the_first_step_which_compiles_does_not_count(clock, monkeypatch):
    _terminal(monkeypatch)
    progress = Progress("training", quiet=False)
    clock[0] += 14
    progress.update(1, 100)
    assert progress.left() == ", about 23 min left"  # nothing else is known yet: 99 * 14 s
    clock[0] += 0.5
    progress.update(2, 100)
    assert progress.left() == ", about 49 s left"  # 98 * 0.5 s


def test_lines_of_results_count_as_signs_of_life(clock, monkeypatch, capsys):
    screen = _terminal(monkeypatch)
    progress = Progress("training", quiet=False)
    for epoch in range(1, 6):
        clock[0] += 9
        progress.line(f"epoch {epoch}")
        progress.update(epoch, 100)
    assert screen.getvalue() == ""
    assert capsys.readouterr().out.count("epoch") == 5


def test_bar(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    screen = _terminal(monkeypatch, tqdm=True)
    monkeypatch.setattr(module, "_ON_A_TERMINAL", (0.0, 0.0))
    with Progress("training", quiet=False) as progress:
        progress.update(41, 100)
        assert (progress.bar.n, progress.bar.total, progress.bar.initial) == (41, 100, 41)
        progress.line("epoch 1")
        progress.update(60, 100)
        assert progress.bar.n == 60
    assert "training:" in screen.getvalue()
    assert capsys.readouterr().out == "epoch 1\n"


@pytest.mark.parametrize("without_tqdm", [False, True])
def test_train_and_evaluate_on_a_terminal(without_tqdm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])
    monkeypatch.setattr("contextlib.redirect_stderr", lambda _: nullcontext())
    monkeypatch.setattr(module, "_ON_A_TERMINAL", (0.0, 0.0))
    screen = _terminal(monkeypatch, tqdm=not without_tqdm)
    save_blobs("blobs.npz")
    out = run_well("train", "--data", "blobs.npz", *TINY, "--out", "run")
    assert out.count("\n") == 5
    assert run("evaluate", "run").code == 0
    assert "training: " in screen.getvalue()
    assert "testing: " in screen.getvalue()
    assert ("% done" in screen.getvalue()) == without_tqdm
    if not without_tqdm:
        assert screen.getvalue().endswith(" \r")  # the bar is gone
