"""Compiled kernels are found again by the next process, and a bad cache costs only time."""

import shutil
from pathlib import Path

import pytest

import ffref
from tests.test_kernels import python

COMPILE = """
import numpy as np
{before}
from ffref.kernels.loops import matmul_rows
out = np.zeros((2, 2), np.float32)
matmul_rows(np.ones((2, 3), np.float32), np.ones((3, 2), np.float32), out, 0, 2)
assert (out == 3).all()
print(sum(matmul_rows.stats.cache_hits.values()))
"""


def hits(cache_directory, before=""):
    code = COMPILE.format(before=before)
    return int(python(code, plain=True, NUMBA_CACHE_DIR=str(cache_directory)))


def test_the_second_process_compiles_nothing(tmp_path):
    assert hits(tmp_path) == 0
    assert hits(tmp_path) == 1


def test_broken_files_are_compiled_anew(tmp_path):
    hits(tmp_path)
    for file in tmp_path.rglob("*.nb?"):
        file.write_bytes(file.read_bytes()[:100])
    assert hits(tmp_path) == 0
    assert hits(tmp_path) == 1


@pytest.mark.parametrize(
    "before",
    [
        "from numba.core.caching import CacheImpl; CacheImpl._locator_classes = []",
        "from numba.core.caching import IndexDataCacheFile\n"
        "def full(*_): raise OSError('no space left on device')\n"
        "IndexDataCacheFile.save = full",
    ],
    ids=["no directory", "disk full"],
)
def test_no_room_for_a_cache_is_no_error(tmp_path, before):
    assert hits(tmp_path, before) == 0


def test_a_file_in_place_of_the_directory_is_no_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert hits(blocked) in (0, 1)  # the next place that Numba looks in may hold the kernel


def test_a_change_of_any_file_of_the_room_is_noticed(tmp_path):
    package = shutil.copytree(Path(ffref.__file__).parent, tmp_path / "ffref")
    use_copy = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    assert hits(tmp_path / "cache", use_copy) == 0
    assert hits(tmp_path / "cache", use_copy) == 1
    with (package / "kernels" / "host.py").open("a") as file:
        file.write("# changed\n")
    assert hits(tmp_path / "cache", use_copy) == 0


def test_without_compilation_products_still_work():
    code = "import numpy as np; from ffref import kernels; print(kernels.matmul(*[np.eye(2)] * 2))"
    assert python(code, NUMBA_DISABLE_JIT="1") == "[[1. 0.]\n [0. 1.]]"
