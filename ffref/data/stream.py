"""Samples that need not fit into memory: read part by part, shuffled within a window.

A `Stream` gives the training loop its mini-batches, and prediction its blocks, from a folder of
.npz files (`ffref.data.shards`) or from a memory map (`stream_array`). `shuffled_batches`,
`blocks` and `first_rows` do the same for an array in memory: what trains need not know which.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffref._checks import check_count, check_positive, require
from ffref.data.npz import finite_rows
from ffref.types import Array

WINDOW_BYTES = 256 * 2**20
"""Samples that are in memory at a time, in bytes as they are stored."""

_PARTS_A_WINDOW = 16
"""Of an array: a window mixes stretches from so many places of it."""
_ROWS_AT_ONCE = 1024


class Part(NamedTuple):
    """Neighbouring samples, which are read together."""

    samples: int
    read: Callable[[], NDArray[Any]]
    """-> (samples, features), in memory, in the type in which they are stored"""


@dataclass(frozen=True, eq=False)
class Stream:
    """Samples (samples, features) that are read part by part; labels are in memory.

    Made by `stream_shards` and `stream_array`; nothing is read before it is needed.
    """

    parts: tuple[Part, ...]
    features: int
    stored_dtype: np.dtype[Any]
    """in which samples are stored; they are handed out in float32"""
    y: NDArray[Any] | None
    """(samples,) labels, if they came with the samples"""
    digest: str
    """short fingerprint, to know the same samples again"""
    highest: float | None = None
    """stored value that becomes 1; None: values stay as they are"""
    window_bytes: int = WINDOW_BYTES
    changes: tuple[Callable[[Array], Array], ...] = ()
    """(rows, features) -> same, applied to what is handed out, the first one first"""

    def __post_init__(self) -> None:
        """Check the choices."""
        check_count(self.window_bytes, "window_bytes")
        if self.highest is not None:
            check_positive(self.highest, "highest")

    def __len__(self) -> int:
        """Number of samples."""
        return sum(part.samples for part in self.parts)

    @property
    def shape(self) -> tuple[int, int]:
        """(samples, features), as of an array."""
        return len(self), self.features

    def changed(self, change: Callable[[Array], Array]) -> "Stream":
        """Return the same samples with `change` applied to each batch and block."""
        return replace(self, changes=(*self.changes, change))

    def subset(self, chosen: NDArray[np.bool_]) -> "Stream":
        """Return the samples that the mask `chosen` (samples,) names, in the same order."""
        require(
            chosen.shape == (len(self),) and chosen.dtype == bool and bool(chosen.any()),
            f"chosen must be a mask of shape ({len(self)},) with a True in it, got "
            f"{chosen.dtype} of shape {chosen.shape}",
        )
        own = np.split(chosen, np.cumsum([part.samples for part in self.parts])[:-1])
        parts = tuple(
            Part(int(mask.sum()), _reader_of(part, mask))
            for part, mask in zip(self.parts, own, strict=True)
            if mask.any()
        )
        digest = blake2b(self.digest.encode() + np.packbits(chosen).tobytes(), digest_size=16)
        y = None if self.y is None else self.y[chosen]
        return replace(self, parts=parts, y=y, digest=digest.hexdigest())

    def shuffled_batches(
        self, size: int, rng: np.random.Generator, *, skip: int = 0
    ) -> Iterator[tuple[Array, NDArray[np.int64]]]:
        """Yield (x, row numbers) of mini-batches: every sample once, the last batch the rest.

        Parts come in random order, as many at a time as fit into the window, at least two;
        samples are shuffled among those. If the window holds all, the order is that of an array
        in memory. The first `skip` batches are left out; windows that they fill are not read.
        """
        waiting: list[tuple[NDArray[Any], NDArray[np.int64]]] = []
        free, skipped = size, skip * size
        firsts = np.cumsum([0, *(part.samples for part in self.parts)])
        window: NDArray[Any] = np.empty((0, self.features), self.stored_dtype)
        for chosen, shuffled in self._windows(rng):
            left, skipped = shuffled[skipped:], max(0, skipped - len(shuffled))
            if len(left) == 0:
                continue
            numbers = np.concatenate([np.arange(firsts[i], firsts[i + 1]) for i in chosen])
            if len(window) < len(numbers):
                window = np.empty((0, self.features), self.stored_dtype)  # the old one goes first
                window = np.empty((len(numbers), self.features), self.stored_dtype)
            self._fill(window, chosen)
            while len(left) > 0:
                rows, left = left[:free], left[free:]
                waiting.append((window[rows], numbers[rows]))
                free -= len(rows)
                if free == 0:
                    yield self._joined(waiting)
                    waiting, free = [], size
        if waiting:
            yield self._joined(waiting)

    def blocks(self, rows: int = _ROWS_AT_ONCE) -> Iterator[Array]:
        """Yield all samples in their order, at most `rows` at a time."""
        for part in self.parts:
            stored = part.read()
            for start in range(0, len(stored), rows):
                yield self._handed_out(stored[start : start + rows])

    def _windows(
        self, rng: np.random.Generator
    ) -> Iterator[tuple[Sequence[int], NDArray[np.int64]]]:
        """Yield the parts of each window, and the order of their samples."""
        if len(self) * self._sample_bytes() <= self.window_bytes:
            yield range(len(self.parts)), rng.permutation(len(self))
            return
        groups = self._groups(rng.permutation(len(self.parts)))
        # drawn at once: the order of an epoch depends on nothing that the steps draw
        for chosen, seed in zip(groups, rng.integers(2**63, size=len(groups)), strict=True):
            samples = sum(self.parts[i].samples for i in chosen)
            yield chosen, np.random.default_rng(seed).permutation(samples)

    def _groups(self, order: NDArray[np.int64]) -> list[list[int]]:
        groups: list[list[int]] = [[]]
        held = 0
        for i in order:
            need = self.parts[i].samples * self._sample_bytes()
            if len(groups[-1]) >= 2 and held + need > self.window_bytes:
                groups.append([])
                held = 0
            groups[-1].append(int(i))
            held += need
        return groups

    def _sample_bytes(self) -> int:
        return self.features * self.stored_dtype.itemsize

    def _fill(self, window: NDArray[Any], chosen: Sequence[int]) -> None:
        start = 0
        for i in chosen:
            stop = start + self.parts[i].samples
            window[start:stop] = self.parts[i].read()
            start = stop

    def _joined(
        self, pieces: list[tuple[NDArray[Any], NDArray[np.int64]]]
    ) -> tuple[Array, NDArray[np.int64]]:
        stored, numbers = zip(*pieces, strict=True)
        return self._handed_out(np.concatenate(stored)), np.concatenate(numbers)

    def _handed_out(self, stored: NDArray[Any]) -> Array:
        x: Array = (
            stored.astype(np.float32)
            if self.highest is None
            else np.divide(stored, self.highest, dtype=np.float32)
        )
        for change in self.changes:
            x = change(x)
        return x


Samples = Array | Stream
"""What classifiers train on: rows in memory, or rows that are read when they are needed."""


def stream_array(
    X: Any,  # noqa: ANN401  a memory map, or whatever has a shape, a type and slices
    y: NDArray[Any] | None = None,
    *,
    highest: float | None = None,
    window_bytes: int = WINDOW_BYTES,
) -> Stream:
    """Read the rows of an array when they are needed: of a memory map, of an HDF5 data set.

    Parameters
    ----------
    X : (samples, features)
        Booleans, integers or floats; anything with `shape`, `dtype` and slices of rows.
    y : (samples,), optional
        Labels, in memory; classifiers take them if they are given none.
    highest : float, optional
        The stored value that becomes 1, as 255 for 8-bit images; None: values stay as they are.
    window_bytes : int
        How much of X is in memory at a time, to be shuffled: its rows come in stretches of a
        16th of that.

    Raises
    ------
    ValueError
        If X is not of such a shape and type; when it is read, if a value is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> stream = stream_array(np.arange(6, dtype=np.uint8).reshape(3, 2), highest=5)
    >>> [block.tolist() for block in stream.blocks(2)][1]
    [[0.800000011920929, 1.0]]
    """
    shape, dtype = tuple(X.shape), np.dtype(X.dtype)
    require(
        len(shape) == 2 and 0 not in shape and dtype.kind in "biuf",
        f"X must be numbers of shape (samples, features), at least one of each, got {dtype} of "
        f"shape {shape}; reshape images to (samples, -1)",
    )
    labels = None if y is None else np.asarray(y)
    if labels is not None and labels.shape != shape[:1]:
        raise ValueError(
            f"y must have shape ({shape[0]},), one label for each row of X, got {labels.shape}"
        )
    check_count(window_bytes, "window_bytes")
    rows = max(1, window_bytes // (_PARTS_A_WINDOW * shape[1] * dtype.itemsize))
    native = dtype.newbyteorder("=")
    parts = tuple(
        Part(min(rows, shape[0] - start), _slice_reader(X, start, start + rows, native))
        for start in range(0, shape[0], rows)
    )
    # a row of each stretch: enough to tell data sets apart, without reading them whole
    digest = blake2b(f"{shape} {native}".encode(), digest_size=16)
    for start in range(0, shape[0], rows):
        digest.update(np.ascontiguousarray(X[start : start + 1]).tobytes())
    return Stream(parts, shape[1], native, labels, digest.hexdigest(), highest, window_bytes)


def shuffled_batches(
    x: Samples, size: int, rng: np.random.Generator, *, skip: int = 0
) -> Iterator[tuple[Array, NDArray[np.int64]]]:
    """Yield (x, row numbers) of mini-batches in random order: every sample once.

    The first `skip` batches are left out. The whole order is drawn before the first is yielded.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(3.0).reshape(3, 1)
    >>> [len(rows) for _, rows in shuffled_batches(x, 2, np.random.default_rng(0))]
    [2, 1]
    """
    if isinstance(x, Stream):
        yield from x.shuffled_batches(size, rng, skip=skip)
        return
    order = rng.permutation(len(x))
    for start in range(skip * size, len(x), size):
        rows = order[start : start + size]
        yield x[rows], rows


def blocks(x: Samples, rows: int) -> Iterator[Array]:
    """Yield all samples in their order, at most `rows` at a time.

    Examples
    --------
    >>> import numpy as np
    >>> [len(block) for block in blocks(np.zeros((5, 1)), 2)]
    [2, 2, 1]
    """
    if isinstance(x, Stream):
        return x.blocks(rows)
    return (x[start : start + rows] for start in range(0, len(x), rows))


def first_rows(x: Samples, count: int) -> Array:
    """Return the first samples, `count` or as many as there are.

    Examples
    --------
    >>> import numpy as np
    >>> first_rows(np.zeros((5, 1)), 2).shape
    (2, 1)
    """
    if not isinstance(x, Stream):
        return x[:count]
    found: list[Array] = []
    missing = min(count, len(x))
    for block in x.blocks():
        found.append(block[:missing])
        missing -= len(found[-1])
        if missing == 0:
            break
    return np.concatenate(found)


def chosen_rows(x: Samples, chosen: NDArray[np.bool_]) -> Samples:
    """Return the samples that the mask `chosen` (samples,) names, in the same order.

    Examples
    --------
    >>> import numpy as np
    >>> chosen_rows(np.arange(3.0).reshape(3, 1), np.array([True, False, True]))
    array([[0.],
           [2.]])
    """
    return x.subset(chosen) if isinstance(x, Stream) else x[chosen]


def check_finite(label: str, stored: NDArray[Any], first: int = 0) -> None:
    """Refuse values that are not finite in float32, of samples `first` and on."""
    if stored.dtype.kind == "f":
        for start in range(0, len(stored), _ROWS_AT_ONCE):
            finite_rows(label, stored[start : start + _ROWS_AT_ONCE], first + start)


def _slice_reader(
    X: Any,  # noqa: ANN401
    start: int,
    stop: int,
    dtype: np.dtype[Any],
) -> Callable[[], NDArray[Any]]:
    label = str(getattr(X, "filename", None) or "X")

    def read() -> NDArray[Any]:
        stored = np.array(X[start:stop], dtype, order="C")
        check_finite(label, stored, start)
        return stored

    return read


def _reader_of(part: Part, mask: NDArray[np.bool_]) -> Callable[[], NDArray[Any]]:
    return lambda: part.read()[mask]
