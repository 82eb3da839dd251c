"""CIFAR-10 and CIFAR-100 in their binary versions: records without any header.

A record is one label byte (CIFAR-10) or two (CIFAR-100: coarse, then fine), then 3,072 pixel
bytes: the red, the green and the blue plane, each 32 rows of 32 values.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, and
https://www.cs.toronto.edu/~kriz/cifar.html, section "Binary version".
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ffref.data.errors import DataError
from ffref.data.files import PathLike, open_file, read_up_to, reason
from ffref.types import Labels

_PIXELS = 3 * 32 * 32

Images = NDArray[np.uint8]
"""(samples, 32, 32, 3): height, width, channels"""


def read_cifar10_batch(path: PathLike, *, records: int | None = None) -> tuple[Images, Labels]:
    """Read one batch of CIFAR-10, such as data_batch_1.bin.

    Parameters
    ----------
    path : str or path
        The file.
    records : int, optional
        The number of images that must be there; 10,000 in the original files. The format has no
        header, so without it a file that was cut between two images looks complete.

    Returns
    -------
    images : (records, 32, 32, 3) uint8
        Height, width, then red, green, blue.
    labels : (records,) int64
        0 to 9.

    Raises
    ------
    DataError
        If the file is missing, empty, of a length that is no whole number of records (or not
        `records`), or holds a label above 9.
    """
    images, labels = _read_records(path, label_bytes=1, records=records)
    return images, _checked(path, labels, column=0, classes=10)


def read_cifar100(
    path: PathLike,
    labels: Literal["fine", "coarse"] = "fine",
    *,
    records: int | None = None,
) -> tuple[Images, Labels]:
    """Read train.bin or test.bin of CIFAR-100.

    Parameters
    ----------
    path : str or path
        The file.
    labels : "fine" or "coarse"
        The 100 classes, or the 20 groups of five classes each.
    records : int, optional
        The number of images that must be there; 50,000 and 10,000 in the original files.

    Returns
    -------
    images : (records, 32, 32, 3) uint8
        Height, width, then red, green, blue.
    labels : (records,) int64
        0 to 99 for fine, 0 to 19 for coarse.

    Raises
    ------
    DataError
        As for `read_cifar10_batch`; both label bytes of each record are checked.
    """
    if labels not in ("fine", "coarse"):
        raise DataError(f"labels must be 'fine' or 'coarse', got {labels!r}")
    images, both = _read_records(path, label_bytes=2, records=records)
    coarse = _checked(path, both, column=0, classes=20)
    fine = _checked(path, both, column=1, classes=100)
    return images, fine if labels == "fine" else coarse


def _read_records(
    path: PathLike, *, label_bytes: int, records: int | None
) -> tuple[Images, NDArray[np.uint8]]:
    length = label_bytes + _PIXELS
    with open_file(path) as (file, size):
        if records is not None and size != records * length:
            raise DataError(
                f"{path}: expected {records} records of {length} bytes, {records * length} in "
                f"all, but the file ends at byte {size}; fetch it again"
            )
        if size % length:
            raise DataError(
                f"{path}: expected whole records of {length} bytes, but the file ends at byte "
                f"{size}, {size % length} bytes into record {size // length}; it is truncated or "
                f"no CIFAR binary file"
            )
        try:
            data = read_up_to(file, size)
        except OSError as problem:
            raise DataError(f"{path}: cannot be read: {reason(problem)}") from problem
    if len(data) != size:
        raise DataError(f"{path}: expected {size} bytes, but the data end at byte {len(data)}")
    table = np.frombuffer(data, np.uint8).reshape(-1, length)
    planes = table[:, label_bytes:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), table[:, :label_bytes]


def _checked(path: PathLike, labels: NDArray[np.uint8], *, column: int, classes: int) -> Labels:
    wrong = np.flatnonzero(labels[:, column] >= classes)
    if wrong.size:
        record = int(wrong[0])
        offset = record * (labels.shape[1] + _PIXELS) + column
        raise DataError(
            f"{path}: byte {offset}: expected a label of 0 to {classes - 1} in record {record}, "
            f"got {labels[record, column]}; this is not the file that it should be"
        )
    return labels[:, column].astype(np.int64)
