"""A lock on a run folder: one process at a time trains there."""

import os
import warnings
from pathlib import Path
from typing import Self

from ffref.data.files import reason

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # not a POSIX system: nothing is locked
    flock = None  # type: ignore[assignment]

NAME = ".lock"
_LOCKS = flock is not None


class Lock:
    """Held until `release`, the end of a `with`, or the end of the process, however it ends.

    The system holds it, on an open file, so that a process that was killed holds nothing.

    Raises
    ------
    ValueError
        If another process holds it, or the folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with Lock(folder):
    ...     try:
    ...         Lock(folder)
    ...     except ValueError as error:
    ...         print(str(error).split(" in ")[0])
    another process is training
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._descriptor, self._owner = folder / NAME, -1, os.getpid()
        while _LOCKS and not self._is_held():
            self.release()
            try:
                self._take()
            except OSError as error:
                self.release()
                raise ValueError(
                    f"cannot write to the run folder {folder}: {reason(error)}"
                ) from error

    def _take(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            flock(self._descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip()
            self._close()
            raise ValueError(
                f"another process is training in {self._path.parent} (its number: "
                f"{holder or 'unknown'}); wait for it or stop it, or train in another folder"
            ) from None
        except OSError as error:  # some network file systems know no locks
            warnings.warn(
                f"{self._path.parent} cannot be locked ({reason(error)}); see to it that no "
                f"other process trains there",
                stacklevel=5,
            )
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{self._owner}\n".encode())

    def _is_held(self) -> bool:
        """Whether the locked file is still the one in the folder: its last holder removed it."""
        if self._descriptor < 0:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let others train here."""
        if self._is_held() and self._owner == os.getpid():  # and not a child that was forked
            self._path.unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        """Hold it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release it."""
        self.release()

    def __del__(self) -> None:
        """Release it."""
        self.release()
