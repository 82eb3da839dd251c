"""read_idx on files that are written here byte by byte: sound ones, and every way to be broken."""

import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffref.data import DataError, read_idx

IMAGES = struct.pack(">4B3I", 0, 0, 8, 3, 2, 3, 2) + bytes(range(12))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "some-file"


def read(path, data, **options):
    path.write_bytes(data)
    return read_idx(path, **options)


def peak_bytes(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def one_line(error, path, *words):
    text = str(error.value)
    assert "\n" not in text
    assert str(path) in text
    for word in words:
        assert word in text


def test_images_plain(path):
    array = read(path, IMAGES)
    assert array.dtype == np.uint8
    assert array.shape == (2, 3, 2)
    # the last index runs fastest
    assert array.tolist() == [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]]


def test_gzip_is_told_by_content_not_by_name(path):
    assert not path.name.endswith(".gz")
    np.testing.assert_array_equal(read(path, gzip.compress(IMAGES)), read(path, IMAGES))
    named = path.with_name("plain.gz")
    np.testing.assert_array_equal(read(named, IMAGES), read(path, IMAGES))


def test_path_as_text(path):
    path.write_bytes(IMAGES)
    assert read_idx(str(path)).shape == (2, 3, 2)


@pytest.mark.parametrize(
    ("code", "letter", "values", "dtype"),
    [
        (0x08, "B", [0, 7, 255], np.uint8),
        (0x09, "b", [-128, 7, 127], np.int8),
        (0x0B, "h", [-32768, 258, 32767], np.int16),
        (0x0C, "i", [-(2**31), 66051, 2**31 - 1], np.int32),
        (0x0D, "f", [-1.5, 0.25, 1e30], np.float32),
        (0x0E, "d", [-1.5, 0.1, 1e300], np.float64),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_type_is_big_endian(path, code, letter, values, dtype, pack):
    data = struct.pack(f">4BI3{letter}", 0, 0, code, 1, 3, *values)
    array = read(path, pack(data))
    assert array.dtype == dtype
    assert array.dtype.isnative
    np.testing.assert_array_equal(array, np.array(values, dtype))


def test_result_is_writable_and_owned_by_the_caller(path):
    array = read(path, IMAGES)
    array += 1
    assert array[0, 0, 0] == 1
    assert read_idx(path)[0, 0, 0] == 0


@pytest.mark.parametrize("end", range(1, len(IMAGES)))
def test_plain_truncated_anywhere(path, end):
    with pytest.raises(DataError) as error:
        read(path, IMAGES[:end])
    one_line(error, path, f"ends at byte {end}" if end >= 16 else "byte")


def test_gzip_truncated_anywhere(path):
    packed = gzip.compress(IMAGES)
    for end in range(1, len(packed)):
        with pytest.raises(DataError) as error:
            read(path, packed[:end])
        one_line(error, path)


@pytest.mark.parametrize("end", range(1, len(IMAGES), 5))
def test_whole_gzip_of_truncated_data(path, end):
    with pytest.raises(DataError) as error:
        read(path, gzip.compress(IMAGES[:end]))
    one_line(error, path, "byte")


@pytest.mark.parametrize("tail", [b"\0", b"x" * 5000])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_trailing_bytes(path, tail, pack):
    with pytest.raises(DataError) as error:
        read(path, pack(IMAGES + tail))
    one_line(error, path, "28")  # 16 bytes of header, 12 of pixels


def test_trailing_bytes_after_the_gzip_data(path):
    with pytest.raises(DataError) as error:
        read(path, gzip.compress(IMAGES) + b"junk")
    one_line(error, path, "damaged gzip data")


def test_wrong_checksum(path):
    packed = bytearray(gzip.compress(IMAGES))
    packed[-8] ^= 1
    with pytest.raises(DataError) as error:
        read(path, bytes(packed))
    one_line(error, path, "CRC")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"PK\3\4" + bytes(40), ["byte 0", "50 4b 03 04", "not an IDX file"]),
        (b"\0\0\x07\1" + bytes(40), ["byte 0", "magic"]),  # no such type
        (b"\0\1\x08\1" + bytes(40), ["byte 0", "magic"]),
        (b"\0\0\x08\0" + b"\5", ["byte 3", "1 to 32 dimensions, got 0"]),
        (b"\0\0\x08\xff" + bytes(1020), ["byte 3", "got 255"]),
        (b"\0\0\x08\3" + struct.pack(">3I", 0, 28, 28), ["byte 4", "no values"]),
        (b"\0\0\x08\3" + struct.pack(">3I", 5, 28, 0), ["byte 12", "no values"]),
        (b"<!DOCTYPE html><html>not found</html>", ["byte 0", "not an IDX file"]),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_wrong_headers(path, header, words, pack):
    with pytest.raises(DataError) as error:
        read(path, pack(header))
    one_line(error, path, *words)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    "shape", [(2**31, 28, 28), (2**32 - 1,) * 32, (2**31,), (2**30,), (100_000_000,)]
)
def test_a_header_that_lies_costs_no_memory(path, pack, shape):
    header = struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)
    path.write_bytes(pack(header + bytes(80)))

    def attempt():
        with pytest.raises(DataError) as error:
            read_idx(path)
        one_line(error, path, "declares")

    assert peak_bytes(attempt) < 10e6


def test_a_gzip_bomb_is_left_packed(path):
    bomb = gzip.compress(IMAGES + bytes(200_000_000), compresslevel=1)
    path.write_bytes(bomb)

    def attempt():
        with pytest.raises(DataError, match="more data follow at byte 28"):
            read_idx(path)

    assert peak_bytes(attempt) < 10e6


def test_max_bytes(path):
    assert read(path, IMAGES, max_bytes=12).shape == (2, 3, 2)
    for data in (IMAGES, gzip.compress(IMAGES)):
        with pytest.raises(DataError, match=r"limit of 11; .* larger max_bytes"):
            read(path, data, max_bytes=11)


def test_things_that_are_no_files(path, tmp_path):
    with pytest.raises(DataError) as error:
        read_idx(tmp_path)
    one_line(error, tmp_path, "directory")
    with pytest.raises(DataError) as error:
        read_idx(tmp_path / "absent")
    one_line(error, tmp_path / "absent", "no such file")
    with pytest.raises(DataError) as error:
        read(path, b"")
    one_line(error, path, "empty")
    with pytest.raises(DataError, match="cannot be opened"):
        read_idx("a\0b")
    with pytest.raises(DataError, match="cannot be opened"):
        read_idx("x" * 5000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="regular file"):
        read_idx(tmp_path / "pipe")


def test_unreadable_file(path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(path))

    path.write_bytes(IMAGES)
    monkeypatch.setattr("ffref.data.files.open", refuse, raising=False)
    with pytest.raises(DataError) as error:
        read_idx(path)
    one_line(error, path, "Permission denied")


def test_a_disk_that_fails_while_reading(path, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    path.write_bytes(IMAGES)
    monkeypatch.setattr("ffref.data.idx.read_up_to", fail)
    with pytest.raises(DataError) as error:
        read_idx(path)
    one_line(error, path, "Input/output error")


flips = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=4)


def flipped(data, changes):
    data = bytearray(data)
    for place, mask in changes:
        data[place % len(data)] ^= mask
    return bytes(data)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(changes=flips)
def test_flipped_bytes_plain(path, changes):
    data = flipped(IMAGES, changes)
    try:
        array = read(path, data)
    except DataError:
        return
    # the header still fits the length, so these are the bytes of the file in the declared shape
    assert array.nbytes == 12
    if data[:16] == IMAGES[:16]:
        assert array.shape == (2, 3, 2)
        assert array.tobytes() == data[16:]


@settings(derandomize=True, deadline=None, max_examples=200)
@given(changes=flips)
def test_flipped_bytes_gzip(path, changes):
    # a checksum guards the content: only the time stamp and such can change unnoticed
    try:
        array = read(path, flipped(gzip.compress(IMAGES), changes))
    except DataError:
        return
    assert array.shape == (2, 3, 2)
    assert array.tobytes() == bytes(range(12))


@settings(derandomize=True, deadline=None, max_examples=150)
@given(data=st.binary(min_size=1, max_size=60))
@pytest.mark.parametrize("start", [b"", b"\0\0\x08\1", b"\x1f\x8b\x08\0"])
def test_any_bytes(path, start, data):
    try:
        array = read(path, start + data)
    except DataError:
        return
    assert array.size > 0
