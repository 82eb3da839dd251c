"""IDX, the format of MNIST and its relatives, plain or packed with gzip.

Two zero bytes, one byte for the type, one for the number of dimensions, then each dimension as a
big-endian uint32, then the values, big-endian, in C order.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section on
the file format.
"""

import gzip
import math
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffref.data.errors import DataError
from ffref.data.files import (
    MAX_BYTES,
    PathLike,
    Readable,
    check_size,
    is_gzip,
    open_file,
    read_up_to,
    reason,
)

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_DIMENSIONS = 32  # the most that every supported NumPy can hold


def read_idx(path: PathLike, *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Read one IDX file; gzip is told by the file's first bytes, not by its name.

    Parameters
    ----------
    path : str or path
        The file.
    max_bytes : int
        The largest array to accept, in bytes.

    Returns
    -------
    array
        The declared shape, in native byte order: uint8, int8, int16, int32, float32 or float64.
        MNIST images are (samples, 28, 28) uint8, its labels (samples,) uint8.

    Raises
    ------
    DataError
        If the file is missing, empty, truncated, too long, damaged, or not IDX, or if a
        dimension is 0. Offsets in the text count unpacked bytes.
    """
    with open_file(path) as (file, size):
        packed = is_gzip(file)
        try:
            if packed:
                with gzip.GzipFile(fileobj=file) as stream:
                    return _read(path, stream, None, max_bytes)
            return _read(path, file, size, max_bytes)
        except DataError:
            raise
        except EOFError:
            raise DataError(
                f"{path}: the gzip data end too early, at byte {size} of the file; fetch it again"
            ) from None
        except (OSError, zlib.error, struct.error) as problem:
            raise DataError(
                f"{path}: damaged {'gzip data' if packed else 'file'}: {reason(problem)}; "
                f"fetch it again"
            ) from problem


def _read(path: PathLike, stream: Readable, size: int | None, max_bytes: int) -> NDArray[Any]:
    """Read header and values; `size` is None where only reading to the end can tell it."""
    dtype, shape = _read_header(path, stream)
    start = 4 + 4 * len(shape)
    need = math.prod(shape) * dtype.itemsize
    declared = f"the header declares {shape} {dtype.name}, {need} bytes from byte {start} on"
    if size is not None and size != start + need:
        raise DataError(
            f"{path}: {declared}, but the file ends at byte {size}, not at {start + need}; "
            f"it is truncated or not the file that it claims to be"
        )
    check_size(path, need, max_bytes)
    data = read_up_to(stream, need)
    if len(data) < need:
        raise DataError(f"{path}: {declared}, but the data end at byte {start + len(data)}")
    if stream.read(1):
        raise DataError(f"{path}: {declared}, but more data follow at byte {start + need}")
    array = np.frombuffer(data, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_header(path: PathLike, stream: Readable) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = bytes(read_up_to(stream, 4))
    if len(magic) < 4:
        raise DataError(
            f"{path}: byte 0: expected an IDX magic number of 4 bytes, got {len(magic)}"
        )
    if magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise DataError(
            f"{path}: byte 0: expected an IDX magic number (00 00, a type 08 to 0e, the number of "
            f"dimensions), got {magic.hex(' ')}; this is not an IDX file"
        )
    dimensions = magic[3]
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise DataError(
            f"{path}: byte 3: expected 1 to {_MAX_DIMENSIONS} dimensions, got {dimensions}"
        )
    raw = read_up_to(stream, 4 * dimensions)
    if len(raw) < 4 * dimensions:
        raise DataError(
            f"{path}: byte {4 + len(raw)}: expected {dimensions} dimensions of 4 bytes each, "
            f"but the data end here"
        )
    shape = struct.unpack(f">{dimensions}I", raw)
    if 0 in shape:
        raise DataError(
            f"{path}: byte {4 + 4 * shape.index(0)}: expected dimensions above 0, got {shape}; "
            f"the file holds no values"
        )
    return np.dtype(_DTYPES[magic[2]]), shape
