"""What a step frees, the next step takes; afterwards it goes back to the system."""

import platform
import resource
from pathlib import Path

import numpy as np
import pytest

from ffref.kernels import keep_freed_memory

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tells glibc alone")
SIZE = 64 << 20


def faults_of(times):
    """Pages asked of the system while an array is made and dropped."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        np.ones(SIZE, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident():
    """Bytes of anonymous memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))


def test_memory_is_taken_again():
    huge_pages = SIZE >> 21  # the fewest faults that fill the array
    with keep_freed_memory():
        faults_of(1)
        assert faults_of(5) < huge_pages
    faults_of(1)
    assert faults_of(5) >= 4 * huge_pages


def test_memory_goes_back_after_the_outermost_block():
    before = resident()
    with keep_freed_memory():
        with keep_freed_memory():
            np.ones(SIZE, np.uint8)
        assert resident() - before > SIZE // 2
        faults_of(1)
        assert faults_of(5) < SIZE >> 21
    assert resident() - before < SIZE // 2


def test_memory_goes_back_after_an_error():
    before = resident()
    with pytest.raises(ValueError, match="invalid literal"), keep_freed_memory():
        np.ones(SIZE, np.uint8)[:] = "no number"
    assert resident() - before < SIZE // 2
