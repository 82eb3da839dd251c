"""Memory that training frees and takes again in each step.

A convolutional step makes arrays of 50 megabytes and more and drops them a moment later. The C
library hands such large pieces back to the system at once, which clears the pages of the next
ones anew: a tenth of the time of a large step went there. `keep_freed_memory` lets the library
hold on to them; at its end they go back. Only glibc is told, elsewhere nothing happens.
"""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_IS_GLIBC = platform.libc_ver()[0] == "glibc"

# names and values of malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_LARGEST = 2**31 - 1
_KEEPING = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _LARGEST))
_USUAL = ((_MMAP_MAX, 65536), (_MMAP_THRESHOLD, 32 << 20), (_TRIM_THRESHOLD, 64 << 20))
"""What glibc arrives at by itself once a large piece has been freed."""

_lock = Lock()
_inside: list[None] = []
"""One entry for each block that is being run."""


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Let what is freed in the block be used again in it; afterwards it goes to the system.

    It holds for all threads of the process, and blocks may lie in one another or overlap.

    Examples
    --------
    >>> import numpy as np
    >>> with keep_freed_memory():
    ...     sizes = [np.ones(1 << 24).nbytes for _ in range(3)]  # one piece, three times
    >>> sizes[0] >> 20
    128
    """
    with _lock:
        if not _inside:
            _set(_KEEPING)
        _inside.append(None)
    try:
        yield
    finally:
        with _lock:
            _inside.pop()
            if not _inside:
                _set(_USUAL)
                _give_back()


def _give_back() -> None:
    if _IS_GLIBC:
        ctypes.CDLL(None).malloc_trim(0)


def _set(options: tuple[tuple[int, int], ...]) -> None:
    if _IS_GLIBC:
        for name, value in options:
            ctypes.CDLL(None).mallopt(name, value)
