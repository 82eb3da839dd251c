"""Careful reading: every surprise that a file can hold becomes a `DataError` with its name.

Memory grows with the bytes that really arrive, never with what a header promises.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Protocol

from ffref.data.errors import DataError

PathLike = str | os.PathLike[str]

MAX_BYTES = 4 * 2**30
"""An array above 4 GiB is refused, unless the caller raises `max_bytes`: a few megabytes of
compressed zeros can unpack to that much."""

_CHUNK = 2**20


class Readable(Protocol):
    """Anything that hands out at most `size` bytes a call, and b"" at its end."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""


@contextmanager
def open_file(path: PathLike) -> Iterator[tuple[BufferedReader, int]]:
    """Open a regular, non-empty file for reading and yield it with its size in bytes.

    Raises
    ------
    DataError
        If there is no such file, if it is a directory or a device, if it is empty, or if the
        system refuses to open it.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise DataError(f"{path}: expected a file, got a directory; name the file inside it")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise DataError(f"{path}: expected a regular file, got a pipe or a device")
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the path") from None
    except DataError:
        raise
    except (OSError, ValueError) as problem:  # ValueError: a zero byte inside the path
        raise DataError(f"{path}: cannot be opened: {reason(problem)}") from problem
    with file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise DataError(f"{path}: the file is empty; fetch it again")
        yield file, size


def is_gzip(file: BufferedReader) -> bool:
    """Whether the bytes that come next begin a gzip file, whatever its name."""
    return file.peek(2)[:2] == b"\x1f\x8b"


def read_up_to(stream: Readable, count: int) -> bytearray:
    """Read `count` bytes, or fewer if `stream` ends before; memory follows what arrives."""
    data = bytearray()
    while len(data) < count:
        chunk = stream.read(min(_CHUNK, count - len(data)))
        if not chunk:
            break
        data += chunk
    return data


def check_size(path: PathLike, need: int, max_bytes: int) -> None:
    """Refuse an array of `need` bytes if that is more than `max_bytes`."""
    if need > max_bytes:
        raise DataError(
            f"{path}: the header declares an array of {need} bytes, more than the limit of "
            f"{max_bytes}; the file is corrupt, or pass a larger max_bytes"
        )


def reason(problem: Exception) -> str:
    """Return the cause of `problem` in one line, without the path that the system adds."""
    if isinstance(problem, EOFError):
        return "the data end too early"
    text = problem.strerror if isinstance(problem, OSError) else None
    return " ".join((text or str(problem)).split())
