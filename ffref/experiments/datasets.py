"""Data by what a user types: a known name, or a path of one's own samples."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ffref._checks import require
from ffref.data import (
    Samples,
    chosen_rows,
    describe,
    disk_and_ring,
    load,
    names,
    read_npz,
    stream_shards,
    text,
)

TOY = "disk-and-ring"
TEXT = "moby-dick"
_TOY_SAMPLES = 1000
_STRINGS, _STRING_LENGTH, _WINDOW = 248, 100, 10
"""Of text, as Hinton (2022) takes them: strings to train on, as many to test on."""
DEFAULT_TEST_FRACTION = 0.2


class TrainTest(NamedTuple):
    """Training and held-out samples."""

    X: Samples
    y: np.ndarray
    X_test: Samples
    y_test: np.ndarray


def is_path(data: str) -> bool:
    """Whether `data` is an .npz file or a folder of them, and not the name of a data set."""
    return data not in (*names(), TOY, TEXT) and (data.endswith(".npz") or Path(data).is_dir())


def is_one_part(data: str) -> bool:
    """Whether a part of `data` has to be held out, since they have no split of their own."""
    return is_path(data) and not _has_parts(Path(data))


def _has_parts(folder: Path) -> bool:
    return (folder / "train").is_dir() and (folder / "test").is_dir()


def read_path(data: str) -> tuple[Samples, np.ndarray]:
    """Read all samples and labels of an .npz file, or of a folder of them as a stream."""
    if not Path(data).is_dir():
        return read_npz(Path(data))
    require(
        not _has_parts(Path(data)),
        f"{data} has a part to train on and one to test on: name {data}/train or {data}/test",
    )
    stream = stream_shards(data)
    return stream, np.asarray(stream.y)


def check_data_dir(data: str, data_dir: str | None) -> None:
    """Refuse a data folder for data that are not read from one."""
    read_from_folder = data in names() and bool(describe(data).files["train"])
    require(
        data_dir is None
        or read_from_folder
        or not (data in (*names(), TOY, TEXT) or is_path(data)),
        f"--data-dir does nothing for {data}, which needs no folder",
    )


def load_train_test(
    data: str, data_dir: str | None, *, test_fraction: float = DEFAULT_TEST_FRACTION
) -> TrainTest:
    """Load both parts of a data set.

    Parameters
    ----------
    data : str
        A name of `ffref.data.names()`, "disk-and-ring", "moby-dick" (windows of 10 characters, and
        the next), the path of an .npz with X and y, or of a folder of such files, which are read
        when they are needed; those in its folders `train` and `test`, if it has them.
    data_dir : str, optional
        Where the files of a named data set are.
    test_fraction : float in (0, 1)
        Share of the samples of a path that is held out, chosen at random within each class,
        always the same for the same files. Named data sets have a split of their own.
    """
    if data == TOY:
        train, test = disk_and_ring(_TOY_SAMPLES, seed=0), disk_and_ring(_TOY_SAMPLES, seed=1)
        return TrainTest(*train, *test)
    if data == TEXT:
        return _next_characters()
    if data in names():
        return TrainTest(*load(data, data_dir, "train"), *load(data, data_dir, "test"))
    require(
        is_path(data),
        f"there is no data set named {data!r}: choose one of {', '.join(names())}, {TOY}, {TEXT}, "
        f"or the path of an .npz file with arrays X and y, or of a folder of them",
    )
    if _has_parts(Path(data)):
        return TrainTest(*read_path(f"{data}/train"), *read_path(f"{data}/test"))
    X, y = read_path(data)
    held_out = _stratified(y, test_fraction)
    return TrainTest(
        chosen_rows(X, ~held_out), y[~held_out], chosen_rows(X, held_out), y[held_out]
    )


def _next_characters() -> TrainTest:
    found = text.strings(text.load_text(), count=2 * _STRINGS, length=_STRING_LENGTH)
    parts = (found[:_STRINGS], found[_STRINGS:])
    train, test = (text.next_character(part, length=_WINDOW) for part in parts)
    return TrainTest(*train, *test)


def _stratified(y: np.ndarray, test_fraction: float) -> np.ndarray:
    """Mask of held-out samples: the same share of each class, rounded, and never all of it."""
    require(
        0 < test_fraction < 1, f"test_fraction must lie between 0 and 1, got {test_fraction!r}"
    )
    rng = np.random.default_rng(0)
    held_out = np.zeros(len(y), bool)
    for label in np.unique(y):
        own = rng.permutation(np.flatnonzero(y == label))
        held_out[own[: min(round(test_fraction * len(own)), len(own) - 1)]] = True
    require(
        bool(held_out.any()),
        f"a test fraction of {test_fraction} of {len(y)} samples leaves no sample to test on; "
        f"add samples or change --test-fraction",
    )
    return held_out
