"""Streams: what they hand out, in what order, and how much of it is in memory."""

import tracemalloc

import numpy as np
import pytest

from ffref.data import (
    DataError,
    blocks,
    feature_moments,
    first_rows,
    shuffled_batches,
    stream_array,
    stream_shards,
)

RNG = np.random.default_rng(0)


def numbered(samples, features=3, dtype=np.float32):
    """Samples that tell their own number."""
    return np.arange(samples * features, dtype=dtype).reshape(samples, features)


def write_shards(folder, X, y, sizes, save=np.savez):
    start = 0
    for i, size in enumerate(sizes):
        save(folder / f"{i:03}.npz", X=X[start : start + size], y=y[start : start + size])
        start += size
    assert start == len(X)
    return folder


def an_epoch(stream, size, seed=0):
    return list(stream.shuffled_batches(size, np.random.default_rng(seed)))


# 100 samples of 12 bytes; a window of 240 bytes holds 20 of them, a stretch 1 (a 16th: 15 bytes)
@pytest.mark.parametrize("window_bytes", [1, 240, 1000, 1199, 1200, 10**9])
@pytest.mark.parametrize("size", [1, 7, 33, 100, 1000])
@pytest.mark.parametrize("kind", ["shards", "array"])
def test_every_sample_comes_once_an_epoch(tmp_path, kind, size, window_bytes):
    X, y = numbered(100), RNG.integers(5, size=100)
    if kind == "shards":
        write_shards(tmp_path, X, y, [13, 1, 40, 26, 20])
        stream = stream_shards(tmp_path, window_bytes=window_bytes)
    else:
        stream = stream_array(X, y, window_bytes=window_bytes)
    batches = an_epoch(stream, size)
    rows = np.concatenate([rows for _, rows in batches])
    assert sorted(rows) == list(range(100))
    full, rest = divmod(100, size)
    assert [len(own) for own, _ in batches] == [size] * full + [rest] * (rest > 0)
    for own, numbers in batches:
        assert own.dtype == np.float32
        np.testing.assert_array_equal(own, X[numbers])
    np.testing.assert_array_equal(stream.y, y)


def test_a_window_that_holds_all_gives_the_order_of_an_array(tmp_path):
    X, y = numbered(100), np.zeros(100, int)
    write_shards(tmp_path, X, y, [50, 10, 40])
    whole = list(shuffled_batches(X, 32, np.random.default_rng(3)))
    for stream in (stream_shards(tmp_path), stream_array(X)):
        for (own, rows), (expected, numbers) in zip(
            shuffled_batches(stream, 32, np.random.default_rng(3)), whole, strict=True
        ):
            np.testing.assert_array_equal(own, expected)
            np.testing.assert_array_equal(rows, numbers)


def test_an_array_in_memory_keeps_its_order():
    """What every seeded run so far depends on: one permutation, drawn before all else."""
    rng = np.random.default_rng([0, 1, 0])
    rows = [rows.tolist() for _, rows in shuffled_batches(numbered(7), 3, rng)]
    assert rows == [[1, 3, 6], [0, 4, 2], [5]]
    after = np.random.default_rng([0, 1, 0])
    after.permutation(7)
    assert rng.integers(2**63) == after.integers(2**63)


def test_the_order_is_the_seed_and_mixes_within_a_window_alone(tmp_path):
    X = numbered(400)
    write_shards(tmp_path, X, np.zeros(400, int), [20] * 20)
    # a shard has 240 bytes: a window has 3 of the 20 shards, the last one 2
    stream = stream_shards(tmp_path, window_bytes=800)
    orders = [
        np.concatenate([rows for _, rows in an_epoch(stream, 16, seed)]) for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(orders[0], orders[1])
    assert (orders[0] != orders[2]).any()
    for order in orders:
        shards = order // 20
        windows = [set(shards[start : start + 60]) for start in range(0, 400, 60)]
        assert [len(window) for window in windows] == [3] * 6 + [2]
        assert sorted(shard for window in windows for shard in window) == list(range(20))
        assert len({tuple(sorted(window)) for window in windows}) == 7
        assert (np.diff(shards[:60]) != 0).sum() > 20  # shuffled among the shards, not one by one
        assert (np.diff(order[:60]) != 1).mean() > 0.9


def test_the_order_does_not_depend_on_what_the_steps_draw(tmp_path):
    write_shards(tmp_path, numbered(90), np.zeros(90, int), [10] * 9)
    stream = stream_shards(tmp_path, window_bytes=300)
    rng = np.random.default_rng(5)
    seen = []
    for _, rows in stream.shuffled_batches(8, rng):
        seen.append(rows)
        rng.random(17)
    np.testing.assert_array_equal(
        np.concatenate(seen), np.concatenate([rows for _, rows in an_epoch(stream, 8, 5)])
    )


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_images_of_8_bits_are_converted_a_batch_at_a_time(tmp_path, save):
    X = RNG.integers(256, size=(30, 4, 5, 3), dtype=np.uint8)
    write_shards(tmp_path, X, np.zeros(30, int), [10, 20], save)
    rows = X.reshape(30, 60)
    stored, scaled = stream_shards(tmp_path), stream_shards(tmp_path, highest=255)
    assert stored.stored_dtype == np.uint8
    assert stored.shape == (30, 60)
    np.testing.assert_array_equal(np.concatenate(list(stored.blocks(7))), rows)
    expected = (rows.astype(np.float32) / np.float32(255)).astype(np.float32)
    for own, numbers in an_epoch(scaled, 7):
        assert own.dtype == np.float32
        np.testing.assert_array_equal(own, expected[numbers])


@pytest.mark.parametrize("dtype", ["?", "i1", "<u2", ">i4", "<f2", ">f4", "<f8"])
def test_types_of_samples(tmp_path, dtype):
    X = RNG.integers(2, size=(6, 2)).astype(dtype)
    write_shards(tmp_path, X, np.zeros(6, int), [3, 3])
    for stream in (stream_shards(tmp_path), stream_array(X)):
        own = np.concatenate(list(stream.blocks()))
        assert own.dtype == np.float32
        np.testing.assert_array_equal(own, X.astype(np.float32))


def test_labels_are_joined(tmp_path):
    y = np.array(["cat", "dog", "aardvark", "ox"])
    for i, part in enumerate((y[:2], y[2:])):
        np.savez(tmp_path / f"{i}.npz", X=numbered(2), y=part.astype(f"U{max(map(len, part))}"))
    assert stream_shards(tmp_path).y.tolist() == y.tolist()


def test_subset_changes_and_first_rows(tmp_path):
    X, y = numbered(40), np.arange(40)
    write_shards(tmp_path, X, y, [10, 10, 20])
    stream = stream_shards(tmp_path)
    chosen = np.zeros(40, bool)
    chosen[[0, 3, 25, 39]] = True  # none of the second shard
    part = stream.subset(chosen).changed(lambda x: x + 1).changed(lambda x: 2 * x)
    assert part.shape == (4, 3)
    assert part.y.tolist() == [0, 3, 25, 39]
    np.testing.assert_array_equal(np.concatenate(list(part.blocks())), 2 * (X[chosen] + 1))
    for own, rows in an_epoch(part, 3):
        np.testing.assert_array_equal(own, 2 * (X[chosen][rows] + 1))
    np.testing.assert_array_equal(first_rows(part, 3), 2 * (X[chosen][:3] + 1))
    np.testing.assert_array_equal(first_rows(stream, 15), X[:15])
    np.testing.assert_array_equal(first_rows(stream, 99), X)
    np.testing.assert_array_equal(first_rows(X, 99), X)
    for wrong in (chosen[:-1], chosen.astype(int), np.zeros(40, bool)):
        with pytest.raises(ValueError, match=r"chosen must be a mask of shape .40,. with a True"):
            stream.subset(wrong)


def test_blocks_are_in_order_and_no_larger_than_asked_for():
    X = numbered(50)
    for x in (X, stream_array(X, window_bytes=16 * 12 * 9)):  # stretches of 9 rows
        found = list(blocks(x, 4))
        assert max(map(len, found)) <= 4
        np.testing.assert_array_equal(np.concatenate(found), X)


def test_the_fingerprint_tells_data_apart(tmp_path):
    X, y = numbered(20), np.arange(20) % 2
    folders = {}
    changed, other = X.copy(), y.copy()
    changed[13, 1] += 1
    other[13] = 1 - other[13]
    for name, samples, labels, save in (
        ("one", X, y, np.savez),
        ("same", X, y, np.savez),
        ("packed", X, y, np.savez_compressed),
        ("sample", changed, y, np.savez),
        ("label", X, other, np.savez),
    ):
        folders[name] = tmp_path / name
        folders[name].mkdir()
        write_shards(folders[name], samples, labels, [10, 10], save)
    digest = {name: stream_shards(folder).digest for name, folder in folders.items()}
    assert digest["one"] == digest["same"] == digest["packed"]
    assert len({digest[name] for name in ("one", "sample", "label")}) == 3
    stream = stream_shards(folders["one"])
    half = stream.subset(np.arange(20) < 10)
    assert len({half.digest, stream.digest, stream.subset(np.arange(20) > 9).digest}) == 3
    changed[0, 0] += 1
    assert stream_array(X).digest == stream_array(X.copy()).digest != stream_array(changed).digest


def test_memory_is_bounded_by_the_window(tmp_path):
    """4 MB in 32 shards, of which a window holds 1 MB; batches are small."""
    X = RNG.integers(256, size=(4096, 1024), dtype=np.uint8)
    write_shards(tmp_path, X, np.zeros(4096, np.int8), [128] * 32)
    mapped = tmp_path / "X.npy"
    np.save(mapped, X)
    array = np.load(mapped, mmap_mode="r")
    for stream in (
        stream_shards(tmp_path, window_bytes=2**20),
        stream_array(array, window_bytes=2**20),
    ):
        tracemalloc.start()
        try:
            for _ in stream.shuffled_batches(16, np.random.default_rng(0)):
                pass
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert 2**20 < peak < 1.5 * 2**20


# -- moments -------------------------------------------------------------------------------------


def test_moments_of_blocks_are_those_of_all_rows():
    x = RNG.normal(size=(1000, 4)) * [1, 1e-3, 1e4, 0] + [0, 1e4, -3, 7]
    whole = x.astype(np.longdouble)
    for cuts in ([], [1, 2, 500], [999], list(range(7, 1000, 7))):
        mean, variance = feature_moments(np.split(x, cuts))
        np.testing.assert_allclose(mean, whole.mean(axis=0), rtol=1e-13, atol=1e-13)
        # float64 rounds a mean of 1e4 by 1e-12, 1e-9 of the deviation: gaps of two means, squared,
        # err by 4e-9. The mean of squares less the square of the mean would err by 1e-2.
        error = abs(variance - whole.var(axis=0)) / np.maximum(variance, 1e-300)
        assert (error <= [1e-13, 4e-9, 1e-13, 0]).all()
    assert variance[3] == 0


def test_moments_refuse_nothing_and_blocks_that_differ():
    with pytest.raises(ValueError, match="at least one block"):
        feature_moments([])
    with pytest.raises(ValueError, match="all blocks must have 2 features, got one with 3"):
        feature_moments([np.ones((2, 2)), np.ones((2, 3))])


# -- errors --------------------------------------------------------------------------------------


def refused(folder, *words):
    with pytest.raises(DataError) as error:
        list(stream_shards(folder).blocks())
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": numbered(2, 4)}, ("1.npz", "shape (3,) and type float32", "got shape (4,)")),
        ({"X": numbered(2, 3, np.float64)}, ("1.npz", "type float32", "got shape (3,)", "64")),
        ({"X": numbered(6).reshape(2, 3, 3)}, ("1.npz", "got shape (3, 3)")),
        ({"X": numbered(2).astype(str)}, ("1.npz", "X must be numbers of shape")),
        ({"X": numbered(3)}, ("1.npz", "X has 3 samples but y has 2 labels")),
        ({"y": np.array(["a", "b"])}, ("1.npz", "labels of type int64", "got <U1")),
        ({"y": np.array([[1], [2]])}, ("1.npz", "y must be whole numbers or strings of shape")),
        ({"X": np.array([[1, 2, 3], [4, np.inf, 6]], np.float32)}, ("1.npz", "sample 1, feat")),
        ({"X": None}, ("1.npz", "expected one array named X, got 0")),
        ({"y": None}, ("1.npz", "expected one array named y, got 0")),
    ],
)
def test_shards_that_do_not_fit(tmp_path, arrays, words):
    for name in ("0.npz", "1.npz"):
        given = {"X": numbered(2), "y": np.array([0, 1])} | (arrays if name == "1.npz" else {})
        np.savez(tmp_path / name, **{name: a for name, a in given.items() if a is not None})
    refused(tmp_path, *words)


def test_damaged_shards(tmp_path):
    write_shards(tmp_path, numbered(20, 3000), np.zeros(20, int), [10, 10])
    path = tmp_path / "001.npz"
    good = path.read_bytes()
    path.write_bytes(good[:-5])
    refused(tmp_path, "001.npz", "truncated")
    path.write_bytes(b"")
    refused(tmp_path, "001.npz", "empty")
    at = len(good) // 2  # among the values of X
    path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
    stream = stream_shards(tmp_path)  # headers and labels are whole
    with pytest.raises(DataError, match=r"001\.npz: damaged"):
        list(stream.shuffled_batches(4, np.random.default_rng(0)))


def test_a_shard_that_changes_or_goes_during_training(tmp_path):
    write_shards(tmp_path, numbered(20), np.zeros(20, int), [10, 10])
    stream = stream_shards(tmp_path)
    np.savez(tmp_path / "001.npz", X=numbered(20)[10:], y=np.ones(10, int))
    with pytest.raises(DataError, match=r"001\.npz: the file was changed"):
        list(stream.blocks())
    (tmp_path / "001.npz").unlink()
    with pytest.raises(DataError, match=r"001\.npz: no such file"):
        list(stream.blocks())


def test_no_shards(tmp_path):
    refused(tmp_path, "expected .npz files in this folder, got none")
    refused(tmp_path / "nowhere", "nowhere: cannot be read as a folder: No such file")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", "file: cannot be read as a folder: Not a directory")


def test_arrays_that_do_not_fit():
    for wrong in (np.ones(3), np.ones((2, 2, 2)), np.ones((0, 2)), np.ones((2, 2), complex)):
        with pytest.raises(ValueError, match="X must be numbers of shape"):
            stream_array(wrong)
    with pytest.raises(ValueError, match=r"y must have shape .3,., one label for each row"):
        stream_array(numbered(3), np.zeros(2))
    with pytest.raises(ValueError, match="window_bytes must be a whole number"):
        stream_array(numbered(3), window_bytes=0)
    with pytest.raises(ValueError, match="highest must be above 0"):
        stream_array(numbered(3), highest=0)
    X = numbered(5, dtype=np.float64)
    X[3, 1] = 1e39  # beyond float32
    with pytest.raises(DataError, match=r"got 1e\+39 in sample 3, feature 1"):
        list(stream_array(X, window_bytes=16 * 24).blocks())
