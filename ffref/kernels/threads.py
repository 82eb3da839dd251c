"""A small pool of Python threads that runs a serial kernel over ranges of rows or columns.

Numba's own parallel layers are not used: OpenMP kills forked children and workqueue aborts on
concurrent calls. A kernel releases the GIL, so plain threads do. A range never splits a sum, so
the bits of a result do not depend on the number of threads.

The calling thread works too, and waits for nothing but ranges that are already running. So calls
from several threads at once share one pool, a call from within a job cannot block, and where no
thread can be had (interpreter shutting down, limit of the system) the caller does it all.
"""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import pairwise
from threading import Lock

from ffref._checks import check_count, require
from ffref.kernels.subnormals import float_mode, set_float_mode

RANGES_A_THREAD = 1
"""More ranges than threads even out the load; fewer keep more of what is packed in use."""

_lock = Lock()
_threads = 0
_pool: ThreadPoolExecutor | None = None


def available_cores() -> int:
    """Number of processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def get_threads() -> int:
    """Number of threads that kernels run on: `set_threads`, else FFREF_THREADS, else all cores."""
    if _threads:
        return _threads
    from_environment = os.environ.get("FFREF_THREADS")
    if not from_environment:
        return available_cores()
    require(
        from_environment.isdigit() and int(from_environment) >= 1,
        f"the environment variable FFREF_THREADS must be a whole number of at least 1, "
        f"got {from_environment!r}",
    )
    return int(from_environment)


def set_threads(threads: int) -> None:
    """Let kernels run on `threads` threads from now on; results do not depend on it.

    A call that is running in another thread ends with the threads that it began with.
    """
    global _threads  # noqa: PLW0603  the number of threads is the process's, as the pool is
    check_count(threads, "threads")
    with _lock:
        _threads = int(threads)
        _drop_pool()


def run_over_rows(job: Callable[[int, int], None], rows: int, *, multiple: int = 1) -> None:
    """Call `job(start, stop)` for ranges that cover the rows 0 .. rows, in several threads.

    Borders between ranges are multiples of `multiple`. Whoever is ready takes the next range, so
    that a thread that the system holds up does not hold up the others.

    An exception in a job, or an interrupt, is raised when no job is running any more.
    """
    threads = get_threads()
    blocks = -(-rows // multiple)
    parts = min(threads * RANGES_A_THREAD, blocks)
    if threads == 1 or parts <= 1:
        job(0, rows)
        return
    borders = [min(rows, multiple * (blocks * part // parts)) for part in range(parts + 1)]
    ranges = deque(pairwise(borders))
    helpers: list[Future[None]] = []
    try:
        mode = float_mode()
        _start(helpers, lambda: _help(mode, job, ranges), min(threads, parts) - 1)
        _work(job, ranges)
    finally:
        ranges.clear()
        _finish(helpers)
    for helper in helpers:
        if not helper.cancelled():
            helper.result()


def _help(mode: int, job: Callable[[int, int], None], ranges: deque[tuple[int, int]]) -> None:
    """Work as the calling thread does, subnormals included: bits depend on no thread."""
    set_float_mode(mode)
    _work(job, ranges)


def _work(job: Callable[[int, int], None], ranges: deque[tuple[int, int]]) -> None:
    """Take range after range until none is left; after an exception none is left."""
    try:
        while True:
            try:
                start, stop = ranges.popleft()
            except IndexError:
                return
            job(start, stop)
    except BaseException:
        ranges.clear()
        raise


def _start(helpers: list[Future[None]], work: Callable[[], None], count: int) -> None:
    """Hand `work` to the pool `count` times, or as often as there are threads to be had."""
    try:
        pool = _get_pool()
        for _ in range(count):
            helpers.append(pool.submit(work))
    except RuntimeError:  # no new thread, or the interpreter is shutting down
        pass


def _finish(helpers: list[Future[None]]) -> None:
    """Wait for the helpers that have begun; an interrupt has to wait with us.

    They write into the caller's arrays: a call that returned before would leave them being
    written.
    """
    interrupt: BaseException | None = None
    for helper in helpers:
        while True:
            try:
                if helper.cancel() or helper.done():
                    break
                wait([helper])
            except BaseException as exception:  # raised again below
                interrupt = exception
    if interrupt is not None:
        raise interrupt


def _get_pool() -> ThreadPoolExecutor:
    global _pool  # noqa: PLW0603
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(1, get_threads() - 1), thread_name_prefix="ffref")
        return _pool


def _drop_pool() -> None:
    global _pool  # noqa: PLW0603
    _pool = None


def _renew_after_fork() -> None:
    """A child has none of its parent's threads: give it a lock and a pool of its own."""
    global _lock  # noqa: PLW0603
    _lock = Lock()
    _drop_pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)
