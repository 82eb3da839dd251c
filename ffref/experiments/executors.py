"""Where jobs run: any `concurrent.futures.Executor`, with retries for workers that die.

By default each job has a process of its own, so that one that dies takes no other with it and its
memory is its own. `dask_executor` reaches the workers of a dask scheduler, here or elsewhere.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from ffref._checks import require
from ffref.experiments.jobs import Job, failed_result, finished_result, remember_jobs, run_job

_T = TypeVar("_T")
Tell = Callable[[dict[str, Any]], None]


class FreshProcesses(Executor):
    """A process for each call, so many at a time; a death fails its own call alone.

    Calls and results are pickled. A script that uses it needs `if __name__ == "__main__":`, as
    all that start processes do.
    """

    def __init__(self, workers: int) -> None:
        require(workers >= 1, f"at least one worker is needed, got {workers}")
        self._watchers = ThreadPoolExecutor(workers)

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> "Future[_T]":  # noqa: ANN401
        """Run fn(*args, **kwargs) in a new process."""
        return self._watchers.submit(_in_a_process, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls."""
        self._watchers.shutdown(wait=wait, cancel_futures=cancel_futures)


def _in_a_process(fn: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _T:
    # spawned, not forked: this process has threads
    with ProcessPoolExecutor(1, get_context("spawn"), _know_when_to_end) as one:
        return one.submit(fn, *args, **kwargs).result()


def _know_when_to_end() -> None:
    """Let Ctrl-C end this process without a word, and do not outlive the one that waits for it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # what was to be kept has been: files are renamed when they are whole


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Reach the workers of a dask scheduler, "tcp://HOST:PORT"; they must see the same folders."""
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise ValueError(
            "a scheduler needs dask.distributed; python -m pip install 'ffref[distributed]'"
        ) from error
    try:
        client = distributed.Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise ValueError(f"there is no dask scheduler at {address}: {error}") from error
    with client:
        yield client.get_executor(pure=False)


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    threads: int | None = 1,
    retries: int = 2,
    tell: Tell = lambda result: None,
) -> list[dict[str, Any]]:
    """Run all jobs that `folder` holds no result of; return the results in the jobs' order.

    Parameters
    ----------
    jobs : sequence of Job
    folder : Path
        Of the jobs' run folders. Remote workers must see it by the same path.
    executor : concurrent.futures.Executor, optional
        Default: `workers` processes at a time.
    threads : int, optional
        Of each job; results do not depend on it. None leaves the workers' own.
    retries : int
        How often a job is begun again (from its last checkpoint) whose worker died.
    tell : callable
        Called with each result as it comes.

    Returns
    -------
    list of dict
        As `run_job` returns them, with `error` for jobs that failed; these are tried again by the
        next call.
    """
    folder = folder.expanduser().resolve()
    remember_jobs(jobs, folder)
    results = {job.name: finished_result(job, folder) for job in jobs}
    waiting = [job for job in jobs if results[job.name] is None]
    call = (str(folder), threads)
    if waiting and executor is None:
        with FreshProcesses(workers) as own:
            results |= _on(own, waiting, call, retries, tell)
    elif waiting and executor is not None:
        results |= _on(executor, waiting, call, retries, tell)
    return [result for job in jobs if (result := results[job.name]) is not None]


def _on(
    executor: Executor, jobs: Sequence[Job], call: tuple[Any, ...], retries: int, tell: Tell
) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}
    begun: Counter[str] = Counter()
    pending: dict[Future[dict[str, Any]], Job] = {}

    def begin(job: Job) -> None:
        begun[job.name] += 1
        try:
            pending[executor.submit(run_job, job, *call)] = job
        except BrokenExecutor as error:  # a pool that lost a worker takes no more calls
            results[job.name] = failed_result(job, f"its executor broke: {error}")
            tell(results[job.name])

    try:
        for job in jobs:
            begin(job)
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in [one for one in pending if one in done]:  # in the order of the jobs
                job = pending.pop(future)
                error = _error_of(future)
                if error is not None and begun[job.name] <= retries:
                    begin(job)
                    continue
                died = f"its worker died {begun[job.name]} times: {error}"
                results[job.name] = failed_result(job, died) if error else future.result()
                tell(results[job.name])
    except BaseException:
        for future in pending:
            future.cancel()
        raise
    return results


def _error_of(future: "Future[Any]") -> BaseException | str | None:
    return "it was cancelled" if future.cancelled() else future.exception()
