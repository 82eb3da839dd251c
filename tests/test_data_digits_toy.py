"""The bundled digits never change, and the toy world is what it says."""

import hashlib

import numpy as np
import pytest

import ffref
from ffref.data import describe, disk_and_ring
from ffref.data.digits import DIGITS_FILE

SHA256 = {
    "X": "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3",
    "y": "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0",
    "test": "6dfa8cb70d207ebe3b880ac662a61534c70acf7504983f4147c98df750abb515",
}


@pytest.fixture(scope="module")
def raw():
    with np.load(DIGITS_FILE, allow_pickle=False) as arrays:
        return dict(arrays)


def test_raw_arrays(raw):
    assert set(raw) == {"X", "y", "test", "source", "licence"}
    assert raw["X"].shape == (1797, 64)
    assert raw["y"].shape == raw["test"].shape == (1797,)
    assert (raw["X"].dtype, raw["y"].dtype, raw["test"].dtype) == (np.uint8, np.uint8, bool)
    assert raw["X"].max() == 16
    for name, digest in SHA256.items():
        assert hashlib.sha256(raw[name].tobytes()).hexdigest() == digest, name
    assert "10.24432/C50P49" in str(raw["source"])
    assert str(raw["licence"]).startswith("CC BY 4.0")


def test_classes_and_split(raw):
    # the counts of the UCI page for its test part
    assert np.bincount(raw["y"]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    in_test = np.bincount(raw["y"][raw["test"]])
    assert in_test.tolist() == [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]
    # proportional: no class is off by one sample or more
    assert np.all(np.abs(in_test - 360 * np.bincount(raw["y"]) / 1797) < 1)


def test_load(raw):
    train, test = ffref.data.load("digits"), ffref.data.load("digits", split="test")
    for part, mask in ((train, ~raw["test"]), (test, raw["test"])):
        assert part.X.dtype == np.float32
        assert part.y.dtype == np.int64
        np.testing.assert_array_equal(part.X * 16, raw["X"][mask])
        np.testing.assert_array_equal(part.y, raw["y"][mask])
    samples = describe("digits").samples
    assert (len(train.X), len(test.X)) == (samples["train"], samples["test"]) == (1437, 360)


def test_a_caller_may_change_the_arrays():
    first = ffref.data.load("digits")
    first.X[:] = 0
    assert ffref.data.load("digits").X.max() == 1


def test_equal_to_scikit_learn(raw):
    reference = pytest.importorskip("sklearn.datasets").load_digits()
    np.testing.assert_array_equal(raw["X"], reference.data)
    np.testing.assert_array_equal(raw["y"], reference.target)


@pytest.mark.parametrize("samples", [2, 3, 500, 501])
def test_toy_geometry(samples):
    X, y = disk_and_ring(samples, seed=1)
    assert X.shape == (samples, 2)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    assert np.bincount(y).tolist() == [samples - samples // 2, samples // 2]
    radius = np.linalg.norm(X.astype(np.float64), axis=1)
    assert radius[y == 0].max() <= 1 + 1e-6
    assert radius[y == 1].min() >= 1.5 - 1e-6
    assert radius[y == 1].max() <= 2.5 + 1e-6


def test_toy_is_even_and_shuffled():
    X, y = disk_and_ring(20_000, seed=2)
    radius = np.linalg.norm(X, axis=1)
    # half of a disk's area lies within sqrt(1/2); half of the ring's within sqrt((2.25+6.25)/2);
    # 10,000 samples give a standard error of 0.005
    assert np.mean(radius[y == 0] < np.sqrt(0.5)) == pytest.approx(0.5, abs=0.02)
    assert np.mean(radius[y == 1] < np.sqrt(4.25)) == pytest.approx(0.5, abs=0.02)
    assert np.mean(X[:, 0] > 0) == pytest.approx(0.5, abs=0.015)
    assert np.mean(X[:, 1] > 0) == pytest.approx(0.5, abs=0.015)
    assert np.mean(y[:10_000]) == pytest.approx(0.5, abs=0.02)
    assert np.mean(y[1:] != y[:-1]) == pytest.approx(0.5, abs=0.02)


def test_toy_seed():
    one, again, other = (disk_and_ring(50, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.X, again.X)
    np.testing.assert_array_equal(one.y, again.y)
    assert not np.array_equal(one.X, other.X)


@pytest.mark.parametrize(
    ("samples", "seed", "word"),
    [
        (1, 0, "samples"),
        (0, 0, "samples"),
        (2.0, 0, "samples"),
        (9, -1, "seed"),
        (9, None, "seed"),
    ],
)
def test_toy_refuses(samples, seed, word):
    with pytest.raises(ValueError, match=f"{word} must be a whole number of at least"):
        disk_and_ring(samples, seed=seed)
