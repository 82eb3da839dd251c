"""Executors whose workers die, for tests of jobs; importable by worker processes."""

import os
import signal
import time
from concurrent.futures import Executor, Future
from pathlib import Path

from ffref.experiments.executors import FreshProcesses
from ffref.experiments.jobs import PROGRESS


class InThisProcess(Executor):
    """Runs each call at once, where it stands."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def dies_once_midway(fn, job, folder, threads):
    """Run the job, but kill this process at its first sign of progress, the first time."""
    marker = Path(folder) / f"{job.name}.died"
    if marker.exists():
        return fn(job, folder, threads)
    from ffref.experiments import jobs

    write = jobs.write_json

    def write_and_die(path, content):
        write(path, content)
        if path.name == PROGRESS and len(content) == 2:
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    jobs.write_json = write_and_die
    return fn(job, folder, threads)


def dies(*_):
    os.kill(os.getpid(), signal.SIGKILL)


class Mortal(FreshProcesses):
    """Every job's process is killed after its second epoch, once."""

    def submit(self, fn, /, *args, **kwargs):
        return super().submit(dies_once_midway, fn, *args)


class Doomed(FreshProcesses):
    """Every process is killed at once."""

    def submit(self, fn, /, *args, **kwargs):
        return super().submit(dies)


def write_pid_and_sleep(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)
