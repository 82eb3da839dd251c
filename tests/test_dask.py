"""A sweep on a real dask scheduler with worker processes, one of which is killed midway."""

import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

import ffref
from ffref.experiments import Subject, dask_executor, run_jobs, sweep_jobs
from tests.cli_support import assert_refused, run
from tests.failing_jobs import InThisProcess
from tests.small_data import save_blobs

PATIENCE = 120


def test_without_a_scheduler(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = run("sweep", "hff", "--scheduler", "tcp://127.0.0.1:1")
    assert_refused(outcome, "python -m pip install 'ffref[distributed]'")


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)
    return found


def start(stack, folder, kind, *arguments):
    """Start a scheduler or a worker as a process of its own; it ends with the stack."""
    root = str(Path(ffref.__file__).parents[1])
    with (folder / f"{kind}-{len(list(folder.glob('*.log')))}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments],
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": root},
        )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


@pytest.mark.filterwarnings("default")  # dask's own
def test_a_killed_worker_changes_nothing(tmp_path):
    distributed = pytest.importorskip("distributed")
    data = str(save_blobs(tmp_path / "blobs.npz", samples=300))
    grid = {"hidden_layer_sizes": [(32, 32), (24, 24)]}
    jobs = sweep_jobs(Subject(data, epochs=100, seeds=2), "hff", grid)
    told = []
    with ExitStack() as stack:
        file = tmp_path / "scheduler.json"
        address = ("--scheduler-file", str(file))
        start(stack, tmp_path, "scheduler", *address, "--port", "0", "--no-dashboard")
        until(file.exists, "scheduler")
        choices = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        names = ("first", "second")
        workers = {
            n: start(stack, tmp_path, "worker", *address, "--name", n, *choices) for n in names
        }
        client = stack.enter_context(distributed.Client(scheduler_file=str(file)))
        client.wait_for_workers(2, timeout=PATIENCE)
        where = client.scheduler.address
        executor = stack.enter_context(dask_executor(where))

        def results():
            return run_jobs(jobs, tmp_path / "dask", executor=executor, tell=told.append)

        outcome = []
        sweep = threading.Thread(target=lambda: outcome.append(results()))
        sweep.start()
        ours = next(
            a for a, w in client.scheduler_info()["workers"].items() if w["name"] == "first"
        )
        until(lambda: client.processing().get(ours), "work for the first worker")
        until(lambda: len(list((tmp_path / "dask").glob("*/progress.json"))) >= 2, "progress")
        assert not told  # every job is still to be done
        workers["first"].kill()
        sweep.join(PATIENCE)
        assert not sweep.is_alive()
        assert len(client.scheduler_info()["workers"]) == 1
    here = run_jobs(jobs, tmp_path / "here", executor=InThisProcess(), threads=None)
    strip = [
        [{k: v for k, v in r.items() if k != "measured"} for r in rs] for rs in (*outcome, here)
    ]
    assert strip[0] == strip[1]
    assert all(result["error"] is None for result in here)
    assert len(told) == len(jobs)
