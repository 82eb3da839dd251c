"""`ffref compare` and `ffref sweep` from the command line to their tables and figures."""

import json

import pytest

import ffref
from ffref.cli.main import build_parser
from ffref.experiments import Subject, comparison_jobs, run_jobs, summarize
from ffref.report.comparison import (
    accuracy_against_epochs,
    accuracy_against_seconds,
    accuracy_by_variant,
    separation_against_depth,
)
from tests.cli_support import assert_refused, run, run_well
from tests.failing_jobs import InThisProcess
from tests.small_data import save_blobs

FIGURES = {
    "accuracy_against_seconds.png",
    "accuracy_against_epochs.png",
    "separation_against_depth.png",
    "accuracy_by_variant.png",
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """All jobs run in this process, so that no test waits for Python to start."""
    monkeypatch.chdir(tmp_path)
    save_blobs("blobs.npz")
    kept = run_jobs

    def here(jobs, folder, **choices):
        return kept(jobs, folder, **{**choices, "executor": InThisProcess(), "threads": None})

    monkeypatch.setattr("ffref.cli.jobs.run_jobs", here)


def test_compare_writes_all_and_goes_on():
    words = ("compare", "hff", "backprop", "--data", "blobs.npz", "--epochs", "2", "--out", "out")
    said = run_well(*words)
    assert "[2] backprop, seed 0: " in said
    assert "| hff | " in said
    assert "run folders: out" in said
    folder = ffref.experiments.run_folder.Path("out")
    assert {path.name for path in (folder / "figures").iterdir()} == FIGURES
    assert (folder / "compare.md").read_text() in said
    content = json.loads((folder / "compare.json").read_text())
    assert {row["variant"] for row in content["rows"]} == {"hff", "backprop"}
    assert content["environment"]["numpy"]
    # again: nothing is run, the same table; with one more, that one alone
    assert "[1]" not in run_well(*words)
    more = run_well("compare", "mono-forward", *words[1:])
    assert "[1] mono-forward" in more
    assert "[2]" not in more
    assert "| backprop | " in more
    rows = json.loads(run_well(*words, "--json"))
    assert [row["epochs"] for row in rows] == [2, 2]
    # the folders are runs
    run_well("evaluate", "out/hff-seed0", "--quiet")


def test_sweep_writes_a_row_a_combination():
    said = run_well(
        *("sweep", "hff", "--data", "blobs.npz", "--epochs", "1", "--seeds", "2", "--quiet"),
        *("--grid", "hidden", "8", "8,7", "--grid", "margin", "0", "0.1"),
    )
    assert said.count("\n| hidden_layer_sizes=") == 4
    assert "hidden_layer_sizes=8,7 margin=0.1" in said
    content = json.loads(
        ffref.experiments.run_folder.Path("runs/sweep-hff-blobs/sweep.json").read_text()
    )
    assert [row["seeds"] for row in content["rows"]] == [2, 2, 2, 2]
    assert all(row["accuracy_low"] <= row["accuracy"] for row in content["rows"])


def test_a_failed_variant_is_said_and_is_an_exit_code():
    words = ("sweep", "hff", "--data", "blobs.npz", "--epochs", "1", "--seeds", "1")
    outcome = run(*words, "--grid", "temperature", "0.1", "-1")
    assert outcome.code == 1
    assert "Without a result:" in outcome.out
    assert "temperature=-1.0: 1 of 1 seeds: " in outcome.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("compare", "nonsense"), "no algorithm 'nonsense'"),
        (("compare", "--seeds", "0"), "seeds must be a whole number"),
        (("compare", "--epochs", "0"), "epochs must be a whole number"),
        (("compare", "--seconds", "-1"), "seconds must be above 0"),
        (("compare", "ff", "--workers", "-2"), "--workers must be"),
        (("compare", "--test-fraction", "0.5"), "has a split of its own"),
        (("compare", "--data", "nowhere.npz"), "nowhere.npz"),
        (("sweep",), "ALGORITHM"),
        (("sweep", "hff", "--grid", "nonsense", "1"), "no such setting"),
        (("sweep", "hff", "--grid", "threshold", "1"), "no setting 'threshold'"),
        (("sweep", "hff", "--grid", "margin"), "name the values"),
        (("sweep", "hff", "--grid", "margin", "x"), "'x' is no float"),
        (("sweep", "hff", "--grid", "calibrated", "maybe"), "no yes or no"),
        (("sweep", "hff", "--grid", "optimizer", "magic"), "none of adam"),
        (("sweep", "hff", "--grid", "hidden", "8", "--grid", "hidden", "9"), "given twice"),
        (("sweep", "hff", "--grid", "seed", "1"), "no setting 'random_state'"),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line(words, says):
    assert_refused(run(*words), says)


def test_interrupted(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ffref.cli.jobs.run_jobs", interrupted)
    outcome = run("sweep", "hff", "--seeds", "1", "--out", "out")
    assert outcome.code == 130
    assert outcome.err == (
        "ffref: interrupted; the same command again goes on from what is saved\n"
    )


def test_help_has_examples():
    (commands,) = [a for a in build_parser()._actions if a.dest == "command"]
    for name in ("compare", "sweep"):
        text = commands.choices[name].format_help()
        assert f"ffref {name} hff" in text
        assert f"runs/{name}-DATA" in text


def test_figures_show_what_was_measured(tmp_path):
    jobs = comparison_jobs(Subject("blobs.npz", epochs=3, seeds=2), ["hff", "backprop"])
    results = run_jobs(jobs, tmp_path / "runs", executor=InThisProcess(), threads=None)
    rows = summarize(results)
    (axes,) = accuracy_against_epochs(results).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["hff", "backprop"]  # the first seed of each
    expected = [100 * accuracy for accuracy in results[0]["accuracy_by_epoch"]]
    assert lines["hff"].get_ydata().tolist() == expected
    assert lines["hff"].get_xdata().tolist() == [1, 2, 3]
    (axes,) = accuracy_against_seconds(results).axes
    last = axes.lines[0].get_xdata()[-1]
    assert last == pytest.approx(results[0]["measured"]["train_seconds"])
    (axes,) = separation_against_depth(rows).axes
    assert axes.lines[0].get_ydata().tolist() == list(rows[0].separation)
    assert axes.lines[0].get_xdata().tolist() == [1, 2]
    assert axes.lines[1].get_xdata().tolist() == [3]  # back-propagation scores at the top alone
    (axes,) = accuracy_by_variant(rows).axes
    assert {label.get_text() for label in axes.get_yticklabels()} == {"hff", "backprop"}
