"""Files that are written whole or not at all, whatever stops the process or the machine."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ffref.data.files import reason


def write_whole(
    path: Path,
    write: Callable[[BinaryIO], object],
    *,
    durable: bool = False,
    keep: Path | None = None,
) -> None:
    """Write a file under a temporary name and rename it to `path`.

    A reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    path : Path
    write : callable
        Writes the contents to the open file that it is given.
    durable : bool
        Flush the file and its folder to disk, so that this also holds after a power failure.
    keep : Path, optional
        The name under which what stood at `path` stays, in the same folder. Whenever the process
        ends, the old or the new file is there whole, under one of the two names.

    Raises
    ------
    ValueError
        If the system refuses: no permission, no space. What stood there before is still there.
    """
    if not path.name or not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: name a file in a folder that exists")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("wb") as file:
                write(file)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            if keep is not None and path.is_file():
                path.replace(keep)
            temporary.replace(path)
            if durable:
                _flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {reason(error)}") from error


def leftovers(folder: Path) -> list[Path]:
    """Temporary files of processes that were killed while they wrote."""
    return list(folder.glob(".*.[0-9]*.tmp"))


def remove_leftovers(folder: Path) -> None:
    """Remove them; no process may be writing in `folder`."""
    for path in leftovers(folder):
        path.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Flush the folder's entries, so that a rename outlives a power failure."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
