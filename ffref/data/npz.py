"""Your own data: one .npz file with the arrays X and y, never a pickle.

An .npz file is a zip of .npy files, one an array. Each is read here header first, so that the
shape it declares is held against the length in the zip directory, and the bytes against both.

Source: NumPy Enhancement Proposal 1 (the .npy format) and numpy.lib.format.
"""

import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffref.data.errors import DataError
from ffref.data.files import (
    MAX_BYTES,
    PathLike,
    Readable,
    check_size,
    open_file,
    read_up_to,
    reason,
)
from ffref.data.split import Split

_DTYPE = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|U[1-9][0-9]{0,5})")
_DESCR = re.compile(r"['\"]descr['\"]\s*:\s*['\"]([^'\"]*)['\"]")
_ORDER = re.compile(r"['\"]fortran_order['\"]\s*:\s*(True|False)")
_SHAPE = re.compile(r"['\"]shape['\"]\s*:\s*\(([0-9,\s]{0,99})\)")
_MAX_HEADER = 10_000
_MAX_DIMENSIONS = 4
_ZIP_END = 22  # bytes of the zip directory's last record
_DAMAGED = (
    zipfile.BadZipFile,
    RuntimeError,  # encrypted, or a feature that zipfile does not know
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    UserWarning,  # overlapping members, where warnings are errors
    struct.error,
    zlib.error,
)


class ArrayHeader(NamedTuple):
    """What a file says of an array before its values."""

    dtype: np.dtype[Any]
    fortran_order: bool
    shape: tuple[int, ...]
    checksum: int
    """CRC-32 of the values and their header, which reading compares"""


def read_npz(path: PathLike, *, max_bytes: int = MAX_BYTES) -> Split:
    """Read the arrays `X` and `y` of an .npz file, as `numpy.savez(path, X=X, y=y)` writes it.

    Values stay as they are: X is only converted to float32 (integers above 2**24 are rounded),
    never scaled, whatever its type. Divide 8-bit images by 255 before saving them.

    Parameters
    ----------
    path : str or path
        The file. Other arrays in it are ignored.
    max_bytes : int
        The largest array to accept, in bytes as stored.

    Returns
    -------
    Split
        X is (samples, features) float32; images (samples, height, width) or (samples, height,
        width, channels) are flattened. y is (samples,) with the type it has in the file:
        whole numbers, truth values or strings.

    Raises
    ------
    DataError
        If the file is missing or damaged, an array is missing or there twice, holds Python
        objects, has another shape or type, no samples, or NaN, inf or a value that float32
        cannot hold.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "mine.npz")
    ...     np.savez(path, X=[[0.0, 0.5], [1.0, 0.25]], y=["cat", "dog"])
    ...     X, y = read_npz(path)
    >>> X
    array([[0.  , 0.5 ],
           [1.  , 0.25]], dtype=float32)
    >>> y
    array(['cat', 'dog'], dtype='<U3')
    """
    arrays = read_arrays(path, ("X", "y"), max_bytes=max_bytes)
    X, y = arrays["X"], arrays["y"]
    check_forms(path, X, y)
    rows = np.ascontiguousarray(X).reshape(len(X), -1)
    return Split(finite_rows(path, rows), y)


def check_forms(
    path: PathLike, X: ArrayHeader | NDArray[Any], y: ArrayHeader | NDArray[Any]
) -> None:
    """Refuse types and shapes that samples and labels cannot have."""
    if X.dtype.kind not in "biuf" or not 2 <= len(X.shape) <= 4:
        raise DataError(
            f"{path}: X must be numbers of shape (samples, features), (samples, height, width) or "
            f"(samples, height, width, channels), got {X.dtype} of shape {X.shape}; reshape it"
        )
    if y.dtype.kind not in "biuU" or len(y.shape) != 1:
        raise DataError(
            f"{path}: y must be whole numbers or strings of shape (samples,), got {y.dtype} of "
            f"shape {y.shape}; try y.astype(np.int64).ravel() before saving"
        )
    if X.shape[0] != y.shape[0]:
        raise DataError(f"{path}: X has {X.shape[0]} samples but y has {y.shape[0]} labels")


def finite_rows(path: PathLike, rows: NDArray[Any], first: int = 0) -> NDArray[np.float32]:
    """Convert `rows`, the samples `first` and on, to float32; refuse what is not finite there."""
    with np.errstate(over="ignore"):
        single = rows.astype(np.float32)
    if not np.isfinite(single).all():
        sample, feature = (int(i) for i in np.argwhere(~np.isfinite(single))[0])
        raise DataError(
            f"{path}: X must be finite in float32, got {rows[sample, feature]} in sample "
            f"{first + sample}, feature {feature}; remove or replace such values before saving"
        )
    return single


def read_arrays(
    path: PathLike, names: tuple[str, ...], *, max_bytes: int = MAX_BYTES
) -> dict[str, NDArray[Any]]:
    """Read the named arrays of an .npz file: booleans, integers, floats or strings.

    Raises
    ------
    DataError
        If the file or one of the arrays is missing, damaged, empty, or of another type.
    """
    with _open_archive(path) as archive:
        members = _members(path, archive, names)
        return {
            name: _read_member(f"{path}: array {name}", archive, member, max_bytes)
            for name, member in members.items()
        }


def read_headers(path: PathLike, names: tuple[str, ...]) -> dict[str, ArrayHeader]:
    """Read what an .npz file says of the named arrays, and none of their values.

    Raises
    ------
    DataError
        As `read_arrays`, save for damage among the values.
    """
    with _open_archive(path) as archive:
        headers = {}
        for name, member in _members(path, archive, names).items():
            with archive.open(member) as stream:
                headers[name] = _fitting_header(f"{path}: array {name}", stream, member)[0]
        return headers


@contextmanager
def _open_archive(path: PathLike) -> Iterator[zipfile.ZipFile]:
    """Open an .npz file; whatever turns out to be damaged in it becomes a DataError."""
    with open_file(path) as (file, size):
        try:
            _check_ends(path, file, size)
            with zipfile.ZipFile(file) as archive:
                yield archive
        except DataError:
            raise
        except _DAMAGED as problem:
            raise DataError(
                f"{path}: damaged .npz file: {reason(problem)}; write or fetch it again"
            ) from problem


def _check_ends(path: PathLike, file: BufferedReader, size: int) -> None:
    """Say early what is no zip file, and refuse bytes after its end, which zipfile skips."""
    start = file.read(4)
    if start[:2] != b"PK":
        raise DataError(
            f"{path}: byte 0: expected the start of a zip (.npz) file, got {start.hex(' ')}; "
            f"write it with numpy.savez(path, X=X, y=y)"
        )
    end = max(size - _ZIP_END, 0)
    file.seek(end)
    if not re.fullmatch(rb"PK\x05\x06.{16}\0\0", file.read(_ZIP_END), re.DOTALL):
        raise DataError(
            f"{path}: byte {end}: expected the end of a zip (.npz) file; it is truncated, or "
            f"other data follow it"
        )


def _members(
    path: PathLike, archive: zipfile.ZipFile, names: tuple[str, ...]
) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    first = min((entry.header_offset for entry in entries), default=0)
    if first != 0:
        raise DataError(
            f"{path}: byte 0: expected the first array here, but it is at byte {first}"
        )
    found = {}
    for name in names:
        same = [entry for entry in entries if entry.filename == f"{name}.npy"]
        if len(same) != 1:
            listed = ", ".join(entry.filename.removesuffix(".npy") for entry in entries[:20])
            raise DataError(
                f"{path}: expected one array named {name}, got {len(same)}; the file holds: "
                f"{listed or 'nothing'}; write it with numpy.savez(path, X=X, y=y)"
            )
        if same[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(
                f"{path}: array {name} is packed by method {same[0].compress_type}; write it with "
                f"numpy.savez or numpy.savez_compressed"
            )
        found[name] = same[0]
    return found


def _read_member(
    label: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int
) -> NDArray[Any]:
    with archive.open(member) as stream:
        header, start = _fitting_header(label, stream, member)
        need = member.file_size - start
        check_size(label, need, max_bytes)
        data = read_up_to(stream, need)
        if len(data) < need:  # zipfile hands out no more, and has compared the checksum
            raise DataError(
                f"{label}: the header declares {header.shape} {header.dtype}, {need} bytes, but "
                f"the data end at byte {start + len(data)}"
            )
    _check_values(label, data, header.dtype)
    array = np.frombuffer(data, header.dtype)
    array = array.reshape(header.shape, order="F" if header.fortran_order else "C")
    return array.astype(header.dtype.newbyteorder("="), copy=False)


def _fitting_header(
    label: str, stream: Readable, member: zipfile.ZipInfo
) -> tuple[ArrayHeader, int]:
    """Read a header and hold it against the zip directory; tell where the values start."""
    header, start = _read_header(label, stream, member.CRC)
    need = math.prod(header.shape) * header.dtype.itemsize
    if start + need != member.file_size:
        raise DataError(
            f"{label}: the header declares {header.shape} {header.dtype}, {need} bytes from byte "
            f"{start} on, but the zip directory gives the array {member.file_size} bytes, not "
            f"{start + need}"
        )
    return header, start


def _read_header(label: str, stream: Readable, checksum: int) -> tuple[ArrayHeader, int]:
    """Read the header of one .npy file, and tell where its values start."""
    magic = bytes(read_up_to(stream, 8))
    if magic[:6] != b"\x93NUMPY" or magic[6:] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise DataError(
            f"{label}: byte 0: expected the start of an .npy file, version 1 to 3, got "
            f"{magic.hex(' ') or 'nothing'}"
        )
    width = 2 if magic[6] == 1 else 4
    length = int.from_bytes(read_up_to(stream, width), "little")
    raw = read_up_to(stream, min(length, _MAX_HEADER))
    start = 8 + width + length
    if len(raw) < length:
        raise DataError(
            f"{label}: byte 8: expected an .npy header of at most {_MAX_HEADER} bytes that is all "
            f"there, got {length} declared and {len(raw)} read"
        )
    text = raw.decode("latin-1")
    return _parse_header(f"{label}: byte {8 + width}", text, checksum), start


def _parse_header(label: str, text: str, checksum: int) -> ArrayHeader:
    descr, order, shape = (pattern.search(text) for pattern in (_DESCR, _ORDER, _SHAPE))
    if descr and not _DTYPE.fullmatch(descr[1]):
        raise DataError(
            f"{label}: expected booleans, integers, floats or strings, got type {descr[1]!r}; "
            f"arrays of Python objects are never unpickled: convert with .astype before saving"
        )
    if not (descr and order and shape):
        raise DataError(
            f"{label}: expected an .npy header with a plain type, fortran_order "
            f"and shape, got {text[:80].strip()!r}"
        )
    sizes = tuple(number.strip() for number in shape[1].strip().removesuffix(",").split(","))
    if len(sizes) > _MAX_DIMENSIONS or not all(number.isdigit() for number in sizes):
        raise DataError(
            f"{label}: expected 1 to {_MAX_DIMENSIONS} dimensions, got shape ({shape[1].strip()})"
        )
    if 0 in map(int, sizes):
        raise DataError(f"{label}: the array holds no values, got shape ({shape[1].strip()})")
    whole = tuple(map(int, sizes))
    return ArrayHeader(np.dtype(descr[1]), order[1] == "True", whole, checksum)


def _check_values(label: str, data: bytearray, dtype: np.dtype[Any]) -> None:
    """Refuse characters and truth values that are none: NumPy would fail late and elsewhere."""
    if dtype.kind == "U":
        codes = np.frombuffer(data, f"{dtype.byteorder}u4")
        wrong = (codes > 0x10FFFF) | ((codes >= 0xD800) & (codes <= 0xDFFF))
        if wrong.any():
            raise DataError(f"{label}: expected text, got the character code {codes[wrong][0]:#x}")
    if dtype.kind == "b" and (highest := np.frombuffer(data, np.uint8).max()) > 1:
        raise DataError(f"{label}: expected truth values of 0 or 1, got {highest}")
