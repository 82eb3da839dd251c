"""The pool: ranges, exceptions, interrupts, calls within calls, the end of the interpreter."""

import os
import signal
import threading
import time

import pytest

from ffref import kernels
from ffref.kernels import threads
from ffref.kernels.threads import run_over_rows
from tests.test_kernels import python


@pytest.fixture(autouse=True)
def three_threads():
    kernels.set_threads(3)
    yield
    kernels.set_threads(2)


@pytest.mark.parametrize("rows", [0, 1, 2, 7, 8, 9, 100, 1001])
@pytest.mark.parametrize("multiple", [1, 8])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_ranges_cover_all_rows_once(rows, multiple, count):
    kernels.set_threads(count)
    ranges = []
    run_over_rows(lambda start, stop: ranges.append((start, stop)), rows, multiple=multiple)
    assert sorted(row for start, stop in ranges for row in range(start, stop)) == list(range(rows))
    assert all(start % multiple == 0 for start, _ in ranges)


def test_an_exception_comes_out_when_no_job_runs_any_more():
    running = []

    def job(start, _stop):
        running.append(start)
        try:
            time.sleep(0.02)
            if start:
                raise LookupError(start)
        finally:
            running.remove(start)

    for _ in range(3):
        with pytest.raises(LookupError):
            run_over_rows(job, 3)
        assert not running
    run_over_rows(lambda _start, _stop: None, 3)


def test_a_job_may_call_the_pool():
    seen = []

    def inner(start, stop):
        seen.extend(range(start, stop))

    run_over_rows(lambda _start, _stop: run_over_rows(inner, 10), 3)
    assert sorted(seen) == sorted(list(range(10)) * 3)


def test_a_busy_pool_does_not_hold_up_a_caller():
    release = threading.Event()
    holder = threading.Thread(
        target=run_over_rows, args=(lambda _start, _stop: release.wait(20), 3)
    )
    holder.start()
    begin = time.monotonic()
    run_over_rows(lambda _start, _stop: None, 100)
    waited = time.monotonic() - begin
    release.set()
    holder.join()
    assert waited < 10


@pytest.mark.skipif(os.name == "nt", reason="signals to the own process differ")
def test_an_interrupt_waits_for_the_jobs_and_leaves_a_usable_pool():
    main = threading.get_ident()
    finished = []

    def job(start, _stop):
        if threading.get_ident() == main:
            # the caller has no range left and waits, when the interrupt comes
            time.sleep(0.05)
        else:
            time.sleep(0.4)
        finished.append(start)

    kernels.set_threads(2)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run_over_rows(job, 2)
    assert len(finished) == 2
    timer.join()
    run_over_rows(job, 2)
    assert len(finished) == 4


def test_without_new_threads_the_caller_does_it_all(monkeypatch):
    def refuse(*_arguments):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads, "_get_pool", refuse)
    seen = []
    run_over_rows(lambda start, stop: seen.extend(range(start, stop)), 50)
    assert sorted(seen) == list(range(50))


EXIT = """
import atexit
from tests.test_kernels import big_product
atexit.register(lambda: print(big_product().shape))
big_product()
"""


def test_calls_at_interpreter_exit():
    assert python(EXIT) == "(300, 300)"
