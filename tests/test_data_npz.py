"""read_npz on files that NumPy wrote and on zip files that are written here byte by byte."""

import os
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffref.data import DataError, read_npz

X = np.array([[0.0, 0.5, 1.0], [-2.0, 3.25, 1e30]])
Y = np.array([4, 2])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("npz") / "mine.npz"


def npy(descr, shape, values, *, order="False", version=1):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    width = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(width, len(text)) + text + values


GOOD_X = npy("'<f8'", "(2, 3)", X.tobytes())
GOOD_Y = npy("'<i8'", "(2,)", Y.astype("<i8").tobytes())


def zip_file(*members, claim=None):
    """Stored members (name, content), or (name, content, deflated); `claim` is a false length."""
    body, directory = b"", b""
    for name, content, *deflated in members:
        packed = content
        if deflated:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = packer.compress(content) + packer.flush()
        size = len(content) if claim is None else claim
        stored = size if claim is not None and not deflated else len(packed)
        method = 8 if deflated else 0
        common = struct.pack(
            "<5H3L2H", 20, 0, method, 0, 33, zlib.crc32(content), stored, size, len(name), 0
        )
        directory += b"PK\1\2" + struct.pack("<H", 20) + common
        directory += struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + name.encode()
        body += b"PK\3\4" + common + name.encode() + packed
    count = len(members)
    end = struct.pack("<4H2LH", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


def read(path, data, **options):
    path.write_bytes(data)
    return read_npz(path, **options)


def refused(path, data, *words):
    with pytest.raises(DataError) as error:
        read(path, data)
    text = str(error.value)
    assert "\n" not in text
    for word in (str(path), *words):
        assert word in text


def saved(path, **arrays):
    np.savez(path, **arrays)
    return path.read_bytes()


def refused_quickly(path, data, *words):
    """As `refused`, within 10 MB."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as error:
            read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()
    for word in words:
        assert word in str(error.value)


def test_hand_written(path):
    for members in (
        [("X.npy", GOOD_X), ("y.npy", GOOD_Y)],
        [("other.npy", b"junk"), ("y.npy", GOOD_Y, True), ("X.npy", GOOD_X, True)],
    ):
        split = read(path, zip_file(*members))
        assert split.X.dtype == np.float32
        np.testing.assert_array_equal(split.X, X.astype(np.float32))
        assert split.y.dtype == np.int64
        np.testing.assert_array_equal(split.y, Y)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("shape", ["(2, 3)", "(2,3)", "(2, 3,)", "( 2 , 3 )"])
def test_headers_of_other_writers(path, version, shape):
    member = npy('"<f8"', shape, X.tobytes(), version=version)
    split = read(path, zip_file(("X.npy", member), ("y.npy", GOOD_Y)))
    np.testing.assert_array_equal(split.X, X.astype(np.float32))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "dtype", ["?", "u1", "i1", "<u2", ">i4", "<i8", ">u8", "<f2", ">f4", "f8"]
)
def test_types_of_samples(path, save, dtype):
    values = np.array([[0, 1, 1], [1, 0, 0]]).astype(dtype)
    save(path, X=values, y=Y)
    split = read_npz(path)
    assert split.X.dtype == np.float32
    np.testing.assert_array_equal(split.X, [[0, 1, 1], [1, 0, 0]])


def test_integers_are_not_scaled(path):
    split = read(path, saved(path, X=np.array([[0, 255]], np.uint8), y=[0]))
    assert split.X.tolist() == [[0.0, 255.0]]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(2, 12), (2, 3, 4), (2, 2, 2, 3)])
def test_images_become_rows(path, shape, order):
    values = np.arange(24.0).reshape(shape)
    split = read(path, saved(path, X=np.asarray(values, order=order), y=Y))
    np.testing.assert_array_equal(split.X, np.arange(24.0).reshape(2, 12))
    assert split.X.flags.c_contiguous


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, -1], "i1"),
        np.array([3, 2**63], ">u8"),
        np.array(["cat", "Käse 🧀"]),
        np.array(["a", "bc"], ">U5"),
        np.array([True, False]),
    ],
)
def test_labels_stay_as_they_are(path, labels):
    split = read(path, saved(path, X=X, y=labels))
    assert split.y.tolist() == labels.tolist()
    assert split.y.dtype == labels.dtype.newbyteorder("=")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": X}, ["one array named y, got 0", "holds: X"]),
        ({"y": Y}, ["one array named X, got 0"]),
        ({"x": X, "labels": Y}, ["named X", "x, labels"]),
        ({"X": X[0], "y": Y}, ["X must be numbers of shape", "(3,)"]),
        ({"X": X.reshape(2, 3, 1, 1, 1), "y": Y}, ["array X", "1 to 4 dimensions"]),
        ({"X": np.array([["a"], ["b"]]), "y": Y}, ["X must be numbers", "<U1"]),
        ({"X": X * 1j, "y": Y}, ["array X", "<c16"]),
        ({"X": X.astype(object), "y": Y}, ["array X", "|O", "never unpickled"]),
        ({"X": X, "y": Y.astype(object)}, ["array y", "|O", "never unpickled"]),
        ({"X": X, "y": np.array(["2020", "2021"], "M8[Y]")}, ["array y", "M8[Y]"]),
        ({"X": X, "y": np.array([(1, 2)] * 2, "i4,i4")}, ["array y", "plain type"]),
        ({"X": X, "y": Y.astype(float)}, ["y must be whole numbers or strings", "astype"]),
        ({"X": X, "y": Y[:, None]}, ["y must be", "(2, 1)", "ravel"]),
        ({"X": X, "y": Y[:1]}, ["2 samples but y has 1 labels"]),
        ({"X": X[:0], "y": Y[:0]}, ["array X", "no values", "(0, 3)"]),
        ({"X": X, "y": 3}, ["array y", "got shape ()"]),
        ({"X": [[0.0, np.nan]], "y": [0]}, ["finite", "nan in sample 0, feature 1"]),
        ({"X": [[0.0], [-np.inf]], "y": Y}, ["finite", "-inf in sample 1, feature 0"]),
        ({"X": [[0.0], [1e300]], "y": Y}, ["finite in float32", "1e+300 in sample 1"]),
    ],
)
def test_wrong_arrays(path, arrays, words):
    refused(path, saved(path, **arrays), *words)


def test_twice_the_same_name(path):
    data = zip_file(("X.npy", GOOD_X), ("y.npy", GOOD_Y), ("X.npy", GOOD_X))
    refused(path, data, "one array named X, got 2")


def test_objects_are_never_unpickled(path):
    attack = b"cos\nmkdir\n(S'" + str(path.parent / "broken-in").encode() + b"'\ntR."
    refused(path, zip_file(("X.npy", npy("'|O'", "(1, 1)", attack)), ("y.npy", GOOD_Y)), "|O")
    assert not (path.parent / "broken-in").exists()


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (b"", ["byte 0", "nothing"]),
        (b"not an array at all", ["byte 0", ".npy"]),
        (b"\x93NUMPY\4\0" + GOOD_X[8:], ["byte 0", "version 1 to 3"]),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff", ["at most 10000 bytes", "4294967295 declared"]),
        (b"\x93NUMPY\1\0\5\0abc", ["5 declared and 3 read"]),
        (b"\x93NUMPY\1\0\3\0abc", ["plain type", "'abc'"]),
        (npy("'<f8'", "(2, 3)", bytes(47)), ["48 bytes", "not"]),
        (npy("'<f8'", "(2, 3)", bytes(49)), ["48 bytes", "not"]),
        (npy("'<f8'", "(2, -3)", bytes(48)), ["shape"]),
        (npy("'<f8'", "(2 3)", bytes(48)), ["dimensions", "(2 3)"]),
        (npy("'<f8'", "(,)", bytes(48)), ["dimensions"]),
        (npy("'<f8'", f"({'9' * 9000},)", bytes(48)), ["plain type"]),
        (npy("'<f8'", "(" + "1" * 99 + ")", bytes(48)), ["declares"]),
        (npy("'<f8'", "(" + "(" * 9000, bytes(48)), ["plain type"]),
        (npy("'<f8'", "(2, 3)", bytes(48), order="Maybe"), ["plain type"]),
        (npy("'<f16'", "(1, 3)", bytes(48)), ["'<f16'"]),
        (npy("'<U0'", "(2, 3)", b""), ["'<U0'"]),
        (npy("'|b1'", "(2, 3)", b"\0\1\2\0\0\0"), ["truth values of 0 or 1, got 2"]),
        (npy("'<U1'", "(2,)", struct.pack("<2I", 97, 0x110000)), ["character code 0x110000"]),
        (npy("'>U1'", "(2,)", struct.pack(">2I", 97, 0xD800)), ["character code 0xd800"]),
    ],
)
@pytest.mark.parametrize("deflated", [(), (True,)])
def test_wrong_members(path, member, words, deflated):
    data = zip_file(("X.npy", member, *deflated), ("y.npy", GOOD_Y))
    refused(path, data, "array X", *words)


def test_damaged_zip(path):
    good = zip_file(("X.npy", GOOD_X), ("y.npy", GOOD_Y))
    refused(path, b"\x89PNG\r\n" + good, "byte 0", "89 50 4e 47")
    refused(path, good + b"\0", "end of a zip")
    refused(path, b"PK", "end of a zip")
    refused(path, b"PK\3\4 junk" + good[4:], "byte 5")
    refused(path, b"PK\3\4 junk" + good, "byte 9")
    refused(path, zip_file(), "named X, got 0; the file holds: nothing")
    wrong_sum = good.replace(GOOD_X, GOOD_X[:-1] + b"\1")
    refused(path, wrong_sum, "damaged", "CRC")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packing(path, method):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("X.npy", GOOD_X)
        archive.writestr("y.npy", GOOD_Y)
    refused(path, path.read_bytes(), f"packed by method {method}")


def test_encrypted_member(path):
    good = zip_file(("X.npy", GOOD_X), ("y.npy", GOOD_Y))
    marked = bytearray(good)
    for place in (6, good.index(b"PK\1\2") + 8):  # the flag bits of the first member
        marked[place] |= 1
    refused(path, bytes(marked), "damaged", "encrypted")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_truncated_anywhere(path, save):
    save(path, X=X, y=Y)
    data = path.read_bytes()
    for end in range(1, len(data)):
        refused(path, data[:end])


def test_a_header_that_lies(path):
    member = npy("'|u1'", "(2147483648, 784)", bytes(80))
    refused_quickly(path, zip_file(("X.npy", member), ("y.npy", GOOD_Y)), "declares", "directory")


@pytest.mark.parametrize("deflated", [(), (True,)])
@pytest.mark.parametrize("length", [2**30, 2**32 - 200])
def test_a_directory_that_lies_along(path, deflated, length):
    member = npy("'|u1'", f"({length},)", b"")
    data = zip_file(
        ("X.npy", member + bytes(50), *deflated),
        ("y.npy", member, *deflated),
        claim=len(member) + length,
    )
    refused_quickly(path, data, str(path))


def test_a_zip_end_that_lies(path):
    data = zip_file(("X.npy", GOOD_X), ("y.npy", GOOD_Y))
    for place in (-10, -6):  # the length of the directory, and where it starts
        lie = bytearray(data)
        lie[place : place + 4] = struct.pack("<L", 0xFFFF_FFF0)
        refused_quickly(path, bytes(lie), str(path))


def test_a_bomb_is_left_packed(path):
    small = npy("'|u1'", "(2, 3)", bytes(6))
    honest = zip_file(("X.npy", small + bytes(60_000_000), True), ("y.npy", GOOD_Y))
    refused_quickly(path, honest, "the zip directory gives the array")
    lying = zip_file(
        ("X.npy", small + bytes(60_000_000), True),
        ("y.npy", small, True),
        claim=len(small),
    )
    refused_quickly(path, lying, "damaged")


def test_max_bytes(path):
    data = zip_file(("X.npy", GOOD_X), ("y.npy", GOOD_Y))
    assert len(read(path, data, max_bytes=48).X) == 2
    with pytest.raises(DataError, match=r"array X: .* limit of 47; .* larger max_bytes"):
        read(path, data, max_bytes=47)


def test_things_that_are_no_files(path, tmp_path):
    with pytest.raises(DataError, match="directory"):
        read_npz(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_npz(os.path.join(tmp_path, "absent"))
    refused(path, b"", "empty")


changes = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=4)


@pytest.mark.parametrize("deflated", [(), (True,)])
@settings(derandomize=True, deadline=None, max_examples=250)
@given(changes=changes)
def test_flipped_bytes(path, deflated, changes):
    data = bytearray(zip_file(("X.npy", GOOD_X, *deflated), ("y.npy", GOOD_Y, *deflated)))
    for place, mask in changes:
        data[place % len(data)] ^= mask
    try:
        split = read(path, bytes(data))
    except DataError:
        return
    # checksums guard both arrays: only time stamps and such can change unnoticed
    np.testing.assert_array_equal(split.X, X.astype(np.float32))
    np.testing.assert_array_equal(split.y, Y)


@settings(derandomize=True, deadline=None, max_examples=250)
@given(changes=changes)
def test_flipped_headers_with_a_right_checksum(path, changes):
    member = bytearray(GOOD_X)
    for place, mask in changes:
        member[place % len(member)] ^= mask
    try:
        split = read(path, zip_file(("X.npy", bytes(member)), ("y.npy", GOOD_Y)))
    except DataError:
        return
    assert len(split.X) == len(split.y) == 2
    assert np.isfinite(split.X).all()
