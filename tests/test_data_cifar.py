"""The CIFAR readers on records that are written here byte by byte."""

import numpy as np
import pytest

from ffref.data import DataError, read_cifar10_batch, read_cifar100

PLANE = 32 * 32


def record(labels, red, green, blue):
    return bytes(labels) + bytes(red) + bytes(green) + bytes(blue)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "batch.bin"


def two_records(*label_bytes):
    # the first image has a mark in each plane, the second is flat
    marked = bytearray(PLANE)
    marked[1 * 32 + 2] = 200  # row 1, column 2
    green = bytearray(PLANE)
    green[31 * 32 + 0] = 100  # row 31, column 0
    first = record(label_bytes[0], marked, green, [7] * PLANE)
    return first + record(label_bytes[1], [1] * PLANE, [2] * PLANE, [3] * PLANE)


def test_planes_become_channels(path):
    path.write_bytes(two_records([9], [0]))
    images, labels = read_cifar10_batch(path)
    assert images.shape == (2, 32, 32, 3)
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert labels.dtype == np.int64
    assert labels.tolist() == [9, 0]
    assert images[0, 1, 2].tolist() == [200, 0, 7]
    assert images[0, 31, 0].tolist() == [0, 100, 7]
    assert images[0].sum() == 200 + 100 + 7 * PLANE
    assert (images[1] == [1, 2, 3]).all()


def test_both_labels_of_cifar100(path):
    path.write_bytes(two_records([19, 99], [4, 0]))
    images, fine = read_cifar100(path)
    _, coarse = read_cifar100(path, labels="coarse")
    assert fine.tolist() == [99, 0]
    assert coarse.tolist() == [19, 4]
    assert images[0, 1, 2].tolist() == [200, 0, 7]
    assert (images[1] == [1, 2, 3]).all()
    with pytest.raises(DataError, match="'fine' or 'coarse', got 'both'"):
        read_cifar100(path, labels="both")


@pytest.mark.parametrize("extra", [-3072, -1, 1, 3072])
def test_no_whole_number_of_records(path, extra):
    data = two_records([9], [0])
    path.write_bytes(data[:extra] if extra < 0 else data + bytes(extra))
    with pytest.raises(DataError) as error:
        read_cifar10_batch(path)
    assert str(path) in str(error.value)
    assert f"ends at byte {2 * 3073 + extra}" in str(error.value)


def test_cut_between_two_records(path):
    path.write_bytes(two_records([9], [0])[:3073])
    assert len(read_cifar10_batch(path)[0]) == 1
    with pytest.raises(DataError, match=r"expected 2 records .* ends at byte 3073"):
        read_cifar10_batch(path, records=2)
    path.write_bytes(two_records([0, 9], [0, 9]))
    with pytest.raises(DataError, match=r"expected 3 records .* ends at byte 6148"):
        read_cifar100(path, records=3)


def test_labels_out_of_range(path):
    path.write_bytes(two_records([9], [10]))
    with pytest.raises(DataError, match="byte 3073: expected a label of 0 to 9 in record 1, got"):
        read_cifar10_batch(path)
    path.write_bytes(two_records([19, 99], [20, 0]))
    with pytest.raises(DataError, match="byte 3074: expected a label of 0 to 19 in record 1"):
        read_cifar100(path)
    path.write_bytes(two_records([19, 100], [2, 0]))
    with pytest.raises(DataError, match="byte 1: expected a label of 0 to 99 in record 0"):
        read_cifar100(path, labels="coarse")


def test_one_file_under_the_name_of_the_other(path):
    path.write_bytes(two_records([9], [0]))
    with pytest.raises(DataError, match="whole records of 3074 bytes"):
        read_cifar100(path)
    path.write_bytes(two_records([9, 0], [0, 1]))
    with pytest.raises(DataError, match="whole records of 3073 bytes"):
        read_cifar10_batch(path)


@pytest.mark.parametrize("read", [read_cifar10_batch, read_cifar100])
def test_things_that_are_no_files(path, tmp_path, read):
    with pytest.raises(DataError, match="directory"):
        read(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        read(path)


@pytest.mark.parametrize("outcome", [OSError(5, "Input/output error"), bytearray(10)])
def test_a_disk_that_fails_while_reading(path, monkeypatch, outcome):
    def read_up_to(*_):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    path.write_bytes(two_records([9], [0]))
    monkeypatch.setattr("ffref.data.cifar.read_up_to", read_up_to)
    with pytest.raises(DataError, match=r"Input/output error|end at byte 10"):
        read_cifar10_batch(path)
