"""A small pool of Python threads that runs a serial kernel over row ranges.

Numba's own parallel layers are not used: OpenMP kills forked children and workqueue aborts on
concurrent calls. A kernel releases the GIL, so plain threads do. A range never splits a sum, so
the bits of a result do not depend on the number of threads.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from ffref._checks import require

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
    from_environment = os.environ.get("FFREF_THREADS", "")
    return int(from_environment) if from_environment.isdigit() else available_cores()


def set_threads(threads: int) -> None:
    """Let kernels run on `threads` threads from now on; results do not depend on it."""
    global _threads  # noqa: PLW0603  the number of threads is the process's, as the pool is
    require(
        isinstance(threads, int) and threads >= 1,
        f"threads must be a whole number of at least 1, got {threads!r}",
    )
    with _lock:
        _threads = threads
        _drop_pool()


def run_over_rows(job: Callable[[int, int], None], rows: int, *, multiple: int = 1) -> None:
    """Call `job(start, stop)` for ranges that cover 0 .. rows, one range a thread.

    Borders between ranges are multiples of `multiple`. The calling thread takes the first range.
    """
    threads = get_threads()
    blocks = -(-rows // multiple)
    parts = min(threads, blocks)
    if parts <= 1:
        job(0, rows)
        return
    borders = [min(rows, multiple * (blocks * part // parts)) for part in range(parts + 1)]
    pool = _get_pool()
    futures = [pool.submit(job, borders[i], borders[i + 1]) for i in range(1, parts)]
    try:
        job(borders[0], borders[1])
    finally:
        for future in futures:
            future.result()


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
