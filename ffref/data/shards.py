"""A folder of .npz files with X and y each, read one after the other: data larger than memory."""

from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffref.data.errors import DataError
from ffref.data.files import PathLike, reason
from ffref.data.npz import ArrayHeader, check_forms, read_arrays, read_headers
from ffref.data.stream import WINDOW_BYTES, Part, Stream, check_finite

_NAMES = ("X", "y")


def stream_shards(
    folder: PathLike, *, highest: float | None = None, window_bytes: int = WINDOW_BYTES
) -> Stream:
    """Read the samples in a folder of .npz files when they are needed.

    Each file, a shard, is written by `numpy.savez(path, X=X, y=y)` or `savez_compressed`, as for
    `read_npz`. Now, all headers and labels are read and compared; samples later, shard by shard,
    anew in every epoch.

    Parameters
    ----------
    folder : str or path
        All its files `*.npz`, in the order of their names, are one data set. X has the same type
        and the same shape of a sample in all of them; images are flattened.
    highest : float, optional
        The stored value that becomes 1, as 255 for 8-bit images; None: values stay as they are.
    window_bytes : int
        How much of X, as it is stored, is in memory at a time, to be shuffled: as many shards as
        fit, at least two. Shards of a 16th of that mix well.

    Returns
    -------
    Stream
        With labels `y`; its fingerprint is made of the files' own checksums.

    Raises
    ------
    DataError
        If the folder has no such file, or one of them is damaged, lacks an array, or differs from
        the first; when samples are read, if they are damaged or not finite, or the file is
        another than it was. The message names the file.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i in range(3):
    ...         np.savez(os.path.join(folder, f"{i}.npz"), X=np.full((2, 4, 4), i), y=[i, 7])
    ...     stream = stream_shards(folder)
    ...     samples = [block[:, 0].tolist() for block in stream.blocks()]
    >>> stream.shape, stream.y.tolist(), samples
    ((6, 16), [0, 7, 1, 7, 2, 7], [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    """
    paths = _shards_in(Path(folder))
    parts: list[Part] = []
    labels: list[NDArray[Any]] = []
    digest = blake2b(digest_size=16)
    first: dict[str, ArrayHeader] = {}
    for path in paths:
        headers = read_headers(path, _NAMES)
        check_forms(path, headers["X"], headers["y"])
        first = first or headers
        _check_same(path, headers, paths[0], first)
        labels.append(read_arrays(path, ("y",))["y"])
        for name in _NAMES:
            digest.update(repr(headers[name]).encode())
        parts.append(Part(headers["X"].shape[0], partial(_read, path, headers)))
    _, *sizes = first["X"].shape
    return Stream(
        tuple(parts), int(np.prod(sizes)), first["X"].dtype.newbyteorder("="),
        np.concatenate(labels), digest.hexdigest(), highest, window_bytes,
    )  # fmt: skip


def _shards_in(folder: Path) -> list[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".npz")
    except OSError as problem:
        raise DataError(f"{folder}: cannot be read as a folder: {reason(problem)}") from None
    if not paths:
        raise DataError(
            f"{folder}: expected .npz files in this folder, got none; write each by "
            f"numpy.savez(path, X=X, y=y)"
        )
    return paths


def _check_same(
    path: Path, headers: dict[str, ArrayHeader], first_path: Path, first: dict[str, ArrayHeader]
) -> None:
    """Hold the types and the shape of a sample against those of the first shard."""
    own, expected = headers["X"], first["X"]
    if own.dtype != expected.dtype or own.shape[1:] != expected.shape[1:]:
        raise DataError(
            f"{path}: expected samples of shape {expected.shape[1:]} and type {expected.dtype}, "
            f"as in {first_path.name}, got shape {own.shape[1:]} and type {own.dtype}; write all "
            f"shards alike"
        )
    if headers["y"].dtype.kind != first["y"].dtype.kind:
        raise DataError(
            f"{path}: expected labels of type {first['y'].dtype}, as in {first_path.name}, got "
            f"{headers['y'].dtype}; write all shards alike"
        )


def _read(path: Path, expected: dict[str, ArrayHeader]) -> NDArray[Any]:
    if read_headers(path, _NAMES) != expected:
        raise DataError(f"{path}: the file was changed since its labels were read; start again")
    stored = read_arrays(path, ("X",))["X"]
    stored = np.ascontiguousarray(stored).reshape(len(stored), -1)
    check_finite(str(path), stored)
    return stored
