"""Jobs of comparisons and sweeps: engines, deaths, going on, tables."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import ffref
from ffref.experiments import Subject, comparison_jobs, run_job, run_jobs, summarize, sweep_jobs
from ffref.experiments import jobs as jobs_module
from ffref.experiments.tables import mean_and_interval, to_csv, write_tables
from tests.cli_support import tree
from tests.failing_jobs import Doomed, InThisProcess, Mortal
from tests.small_data import save_blobs

GRID = {"hidden_layer_sizes": [(8,), (8, 7)], "batch_size": [32]}


@pytest.fixture
def data(tmp_path):
    return str(save_blobs(tmp_path / "blobs.npz", samples=90))


@pytest.fixture
def jobs(data):
    return sweep_jobs(Subject(data, epochs=3), "hff", GRID)


def without_times(results):
    return [{k: v for k, v in result.items() if k != "measured"} for result in results]


# -- one job -------------------------------------------------------------------------------------


def test_result_is_that_of_the_classifier(jobs, data, tmp_path):
    (result, _) = run_jobs(jobs, tmp_path / "runs", executor=InThisProcess(), threads=None)
    loaded = ffref.experiments.load_train_test(data, None)
    model = ffref.HFFClassifier(hidden_layer_sizes=(8,), batch_size=32, max_iter=3, random_state=0)
    scores = []
    for _ in model.fit_epochs(loaded.X, loaded.y):
        scores.append(model.score(loaded.X_test, loaded.y_test))
    assert result["accuracy"] == scores[-1]
    assert result["accuracy_by_epoch"] == scores
    assert (result["epochs"], result["seed"], result["error"]) == (3, 0, None)
    readout = ffref.estimators.NearestMeanClassifier().fit(model.transform(loaded.X), loaded.y)
    features = model.transform(loaded.X_test)
    assert result["nearest_mean_accuracy"] == readout.score(features, loaded.y_test)
    # 8 features and 8 units: 64 weights, 8 biases, 3 classes of 4 prototypes
    assert result["learned_numbers"] == 64 + 8 + 3 * 4 * 8
    (scored,) = model.layer_goodness(loaded.X_test)
    margins = [
        row[k] - np.mean(np.delete(row, k)) for row, k in zip(scored, loaded.y_test, strict=True)
    ]
    assert result["separation"] == [pytest.approx(np.mean(margins) / np.std(margins), rel=1e-5)]
    measured = result["measured"]
    assert measured["train_seconds"] == sum(measured["epoch_seconds"]) > 0
    assert measured["inference_seconds_per_1000"] > 0
    # the folder is a run folder
    fitted = ffref.load(tmp_path / "runs" / jobs[0].name)
    assert np.array_equal(fitted.goodness(loaded.X), model.goodness(loaded.X))


def test_a_budget_of_seconds_ends_after_the_running_epoch(jobs, tmp_path):
    short = jobs[0]._replace(seconds=1e-9)
    result = run_job(short, str(tmp_path))
    assert result["epochs"] == len(result["accuracy_by_epoch"]) == 1
    long = jobs[0]._replace(seconds=1e9, variant="long")
    assert run_job(long, str(tmp_path))["epochs"] == 3


def test_what_cannot_run_is_a_result_and_is_tried_again(jobs, tmp_path):
    bad = jobs[0]._replace(parameters={"temperature": -1.0}, variant="bad")
    results = run_jobs([bad, jobs[0]], tmp_path, executor=InThisProcess(), threads=None)
    assert "temperature" in results[0]["error"]
    assert results[1]["error"] is None
    assert jobs_module.finished_result(bad, tmp_path) is None
    (row, good) = summarize(results)
    assert row.accuracy is None
    assert row.error.startswith("1 of 1 seeds: ")
    assert good.error is None


# -- engines -------------------------------------------------------------------------------------


def test_engines_give_the_same_results(jobs, tmp_path):
    here = run_jobs(jobs, tmp_path / "here", executor=InThisProcess(), threads=None)
    processes = run_jobs(jobs, tmp_path / "processes", workers=2)
    with ThreadPoolExecutor(2) as pool:
        threads = run_jobs(jobs, tmp_path / "threads", executor=pool, threads=None)
    assert without_times(here) == without_times(processes) == without_times(threads)


def test_a_worker_that_dies_is_replaced_and_its_job_goes_on(jobs, tmp_path):
    with Mortal(1) as mortal:
        got = run_jobs(jobs[:1], tmp_path / "mortal", executor=mortal)
    assert (tmp_path / "mortal" / f"{jobs[0].name}.died").exists()
    whole = run_jobs(jobs[:1], tmp_path / "whole", executor=InThisProcess(), threads=None)
    assert without_times(got) == without_times(whole)


def test_a_job_that_always_dies_is_given_up(jobs, tmp_path):
    told = []
    with Doomed(1) as doomed:
        (got,) = run_jobs(jobs[:1], tmp_path, executor=doomed, retries=1, tell=told.append)
    assert got["error"].startswith("its worker died 2 times: ")
    assert told == [got]


def test_a_broken_pool_of_ones_own_is_named(jobs, tmp_path):
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(os._exit, 1).exception()
        (got,) = run_jobs(jobs[:1], tmp_path, executor=pool)
    assert got["error"].startswith("its executor broke: ")


def becomes_true(asked):
    """Whether it does within half a minute, asked for every 20 ms."""
    return any(asked() or time.sleep(0.02) for _ in range(1500))


def is_alive(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc who is alive")
def test_a_worker_does_not_outlive_the_process_that_waits_for_it(tmp_path):
    script = (
        "import sys\n"
        "from ffref.experiments.executors import FreshProcesses\n"
        "from tests.failing_jobs import write_pid_and_sleep\n"
        "if __name__ == '__main__':\n"
        "    FreshProcesses(1).submit(write_pid_and_sleep, sys.argv[1]).result()\n"
    )
    (tmp_path / "waits.py").write_text(script)
    told = tmp_path / "pid"
    path = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path])}
    with subprocess.Popen([sys.executable, tmp_path / "waits.py", told], env=path) as waiting:
        assert becomes_true(lambda: told.exists() and told.read_text())
        worker = int(told.read_text())
        assert is_alive(worker)
        waiting.kill()
    assert becomes_true(lambda: not is_alive(worker))


# -- going on ------------------------------------------------------------------------------------


def test_what_is_done_is_not_done_again(jobs, tmp_path):
    first = run_jobs(jobs[:1], tmp_path, executor=InThisProcess(), threads=None)
    before = tree(tmp_path / jobs[0].name)
    told = []
    both = run_jobs(jobs, tmp_path, executor=InThisProcess(), threads=None, tell=told.append)
    assert both[0] == first[0]
    assert [result["variant"] for result in told] == [jobs[1].variant]
    assert tree(tmp_path / jobs[0].name) == before


@pytest.mark.parametrize("stopped", ["checkpoint.npz", "progress.json", "test"])
def test_a_job_stopped_anywhere_ends_the_same(jobs, tmp_path, monkeypatch, stopped):
    whole = run_job(jobs[0], str(tmp_path / "whole"))
    steps = {"checkpoint.npz": "train", "progress.json": "write_json", "test": "test"}
    name = steps[stopped]
    kept = getattr(jobs_module, name)
    calls = []

    def stop(*arguments):
        if name == "train":  # the checkpoint of epoch 2 is there, its accuracy is not
            for epoch, record in enumerate(kept(*arguments), 1):
                if epoch == 2:
                    raise KeyboardInterrupt
                yield record
            return
        calls.append(1)
        raise KeyboardInterrupt

    def stop_at_once(*arguments):
        next(stop(*arguments))

    monkeypatch.setattr(jobs_module, name, stop if name == "train" else stop_at_once)
    with pytest.raises(KeyboardInterrupt):
        run_job(jobs[0], str(tmp_path / "parts"))
    monkeypatch.setattr(jobs_module, name, kept)
    again = run_job(jobs[0], str(tmp_path / "parts"))
    assert without_times([again]) == without_times([whole])


def test_leftovers_of_a_death_before_the_first_file(jobs, tmp_path):
    folder = tmp_path / jobs[0].name
    folder.mkdir()
    (folder / ".config.json.123.tmp").write_text("{")
    assert run_job(jobs[0], str(tmp_path))["error"] is None


def test_other_settings_under_the_same_name_are_refused(jobs, tmp_path):
    run_jobs(jobs[:1], tmp_path, executor=InThisProcess(), threads=None)
    other = jobs[0]._replace(parameters={**jobs[0].parameters, "max_iter": 4})
    with pytest.raises(ValueError, match="other settings"):
        run_jobs([other], tmp_path, executor=InThisProcess())
    with pytest.raises(ValueError, match="same variant and seed"):
        run_jobs([jobs[0], jobs[0]], tmp_path / "new", executor=InThisProcess())


# -- lists of jobs and tables --------------------------------------------------------------------


def test_jobs_of_a_comparison():
    jobs = comparison_jobs(Subject(seeds=2, seconds=5.0))
    named = {name for name, kind in ffref.estimators.ESTIMATORS.items() if kind.on_command_line}
    assert {job.algorithm for job in jobs} == named
    assert len(named) >= 9
    assert {job.seed for job in jobs} == {0, 1}
    assert all(job.parameters == {"max_iter": 20} and job.seconds == 5.0 for job in jobs)
    with pytest.raises(ValueError, match="no algorithm 'nonsense'"):
        comparison_jobs(Subject(), ["nonsense"])
    with pytest.raises(ValueError, match="seeds must be a whole number"):
        comparison_jobs(Subject(seeds=0))


def test_jobs_of_a_sweep():
    jobs = sweep_jobs(Subject(seeds=2), "hff", {"margin": [0.0, 0.1], "max_iter": [1, 2, 3]})
    assert len(jobs) == len({job.name for job in jobs}) == 12
    assert jobs[0].parameters == {"margin": 0.0, "max_iter": 1}
    with pytest.raises(ValueError, match="hff has no setting 'threshold'"):
        sweep_jobs(Subject(), "hff", {"threshold": [1]})
    with pytest.raises(ValueError, match="no value of margin"):
        sweep_jobs(Subject(), "hff", {"margin": []})


def test_names_of_folders_differ_and_are_plain():
    (job, *_) = sweep_jobs(Subject(), "hff", {"margin": [0.1]})
    names = {job._replace(variant=v).name for v in ("a b", "a_b", "a/b", "a" * 200, "a" * 201)}
    assert len(names) == 5
    assert not any(set(name) & set("/ \\:") or len(name) > 120 for name in names)


def test_mean_and_interval_by_hand():
    # 1, 2, 3: mean 2, std 1, t of 2 degrees at 97.5 % is 4.302653: half width 4.302653 / sqrt 3
    mean, std, low, high = mean_and_interval([1.0, 2.0, 3.0])
    assert (mean, std) == (2.0, 1.0)
    assert high - mean == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert mean - low == pytest.approx(4.302653 / 3**0.5, rel=1e-6)


def result(variant, seed, accuracy, **more):
    measured = {
        "train_seconds": 1.0 + seed,
        "epoch_seconds": [1.0 + seed],
        "inference_seconds_per_1000": 0.5,
        "peak_memory_bytes": 1000000 * (seed + 1),
    }
    return {
        "variant": variant,
        "algorithm": "ff",
        "seed": seed,
        "error": None,
        "epochs": 1,
        "accuracy": accuracy,
        "layer_accuracy": [accuracy, accuracy / 2],
        "nearest_mean_accuracy": accuracy,
        "separation": [1.0, None],
        "layers": 2,
        "learned_numbers": 1234,
        "accuracy_by_epoch": [accuracy],
        "measured": measured,
    } | more


def test_tables(tmp_path):
    results = [result("a", 0, 0.5), result("a", 1, 0.7), result("b", 0, 0.9)]
    results.append({"variant": "c", "algorithm": "ff", "seed": 0, "error": "it | broke"})
    rows = write_tables(tmp_path, "compare", results, {"command": "ffref compare"})
    assert [row.variant for row in rows] == ["a", "b", "c"]
    assert rows[0].seeds == 2
    assert rows[0].accuracy == pytest.approx(0.6)
    assert rows[0].accuracy_std == pytest.approx(0.02**0.5)
    assert rows[0].layer_accuracy == (pytest.approx(0.6), pytest.approx(0.3))
    assert rows[0].separation == (1.0, None)
    assert (rows[0].train_seconds, rows[0].peak_memory_bytes) == (1.5, 2000000)
    assert rows[1].accuracy_std is rows[1].accuracy_low is None
    text = (tmp_path / "compare.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4  # title, rule, two variants: best first
    assert table[2].startswith("| b | 90.00 |")
    assert table[3].startswith("| a | 60.00 ± 14.14 |")
    assert len({line.count("|") for line in table}) == 1
    assert "- c: 1 of 1 seeds: it | broke" in text
    read = list(csv.DictReader(io.StringIO((tmp_path / "compare.csv").read_text())))
    assert [row["variant"] for row in read] == ["a", "b", "c"]
    assert float(read[0]["accuracy"]) == pytest.approx(0.6)
    assert read[0]["separation"] == "1.0;"
    assert to_csv(rows) == (tmp_path / "compare.csv").read_text()
    content = json.loads((tmp_path / "compare.json").read_text())
    assert content["command"] == "ffref compare"
    assert content["results"] == results
    assert content["rows"][1]["accuracy"] == 0.9
