"""Memory in training does not grow with the data: measured as RssAnon of a process that trains."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.cli_support import python

SIDE, CLASSES, A_SHARD = 64, 10, 1365  # shards of 16.8 MB
FEATURES = SIDE * SIDE * 3


class Images:
    """8-bit images of 64 x 64 x 3: a pattern of the class, half covered by noise."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.rng = rng
        self.patterns = rng.integers(128, size=(CLASSES, FEATURES), dtype=np.uint8)
        self.noise = rng.integers(128, size=(4 * A_SHARD, FEATURES), dtype=np.uint8)

    def draw(self, samples=A_SHARD):
        y = self.rng.integers(CLASSES, size=samples)
        start = self.rng.integers(len(self.noise) - samples)
        return self.noise[start : start + samples] + self.patterns[y], y.astype(np.int16)


@pytest.fixture
def folder(tmp_path):
    """A folder that is deleted at once: pytest keeps its own for some runs."""
    with tempfile.TemporaryDirectory(dir=tmp_path) as path:
        yield path


def write(folder, shards):
    images = Images()
    for i in range(shards):
        X, y = images.draw()
        np.savez(f"{folder}/{i:05}.npz", X=X, y=y)


def trained(folder, *files, timeout=600):
    program = str(Path(__file__).with_name("stream_memory_run.py"))
    done = python(program, *(files or [folder]), cwd=folder, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_four_times_the_data_take_no_more_memory(folder):
    """335 MB and 1.3 GB, both larger than the window of 268 MB."""
    results = []
    for shards in (20, 80):
        write(folder, shards)
        results.append(trained(folder))
    small, large = results
    assert large["samples"] == 4 * small["samples"]
    assert large["accuracy"] > 0.9
    # labels and their like: some 30 bytes a sample, 2.5 MB; the rest is the allocator's
    assert large["peak"] - small["peak"] < 50e6
    assert large["peak"] - large["before"] < 600e6


@pytest.mark.slow
def test_a_memory_map_is_not_copied(folder):
    """1 GB of 8-bit pixels, 4 GB as float32."""
    images = Images()
    samples = 60 * A_SHARD
    mapped = np.lib.format.open_memmap(
        f"{folder}/X.npy", "w+", dtype=np.uint8, shape=(samples, FEATURES)
    )
    y = np.empty(samples, np.int16)
    for start in range(0, samples, A_SHARD):
        rows = slice(start, start + A_SHARD)
        mapped[rows], y[rows] = images.draw()
    mapped.flush()
    np.save(f"{folder}/y.npy", y)
    result = trained(folder, "X.npy", "y.npy")
    assert result["accuracy"] > 0.9
    assert result["peak"] - result["before"] < 600e6


@pytest.mark.slow
def test_twenty_gigabytes_train_in_less_than_one_and_a_half(folder):
    free = shutil.disk_usage(folder).free
    if free < 25e9:
        pytest.skip(f"20 GB of shards need 25 GB of free disk, and there are {free / 1e9:.0f} GB")
    shards = -(-int(20e9) // (A_SHARD * FEATURES))
    write(folder, shards)
    result = trained(folder, timeout=7200)
    print(json.dumps(result))  # noqa: T201
    assert result["samples"] * FEATURES >= 20e9
    assert result["accuracy"] > 0.9
    assert result["peak"] < 1.5e9
