"""Data by what a user types: a known name, or the path of an .npz file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ffref._checks import require
from ffref.data import describe, disk_and_ring, load, names, read_npz, text
from ffref.types import Array

TOY = "disk-and-ring"
TEXT = "moby-dick"
_TOY_SAMPLES = 1000
_STRINGS, _STRING_LENGTH, _WINDOW = 248, 100, 10
"""Of text, as Hinton (2022) takes them: strings to train on, as many to test on."""
DEFAULT_TEST_FRACTION = 0.2


class TrainTest(NamedTuple):
    """Training and held-out samples."""

    X: Array
    y: np.ndarray
    X_test: Array
    y_test: np.ndarray


def is_file(data: str) -> bool:
    """Whether `data` is the path of a file of samples, and not the name of a data set."""
    return data.endswith(".npz")


def check_data_dir(data: str, data_dir: str | None) -> None:
    """Refuse a data folder for data that are not read from one."""
    read_from_folder = data in names() and bool(describe(data).files["train"])
    require(
        data_dir is None
        or read_from_folder
        or not (data in names() or data in (TOY, TEXT) or is_file(data)),
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
        the next), or the path of an .npz with X and y.
    data_dir : str, optional
        Where the files of a named data set are.
    test_fraction : float in (0, 1)
        Share of an .npz that is held out, chosen at random within each class, always the same
        for the same file. Named data sets have a split of their own.
    """
    if data == TOY:
        train, test = disk_and_ring(_TOY_SAMPLES, seed=0), disk_and_ring(_TOY_SAMPLES, seed=1)
        return TrainTest(*train, *test)
    if data == TEXT:
        return _next_characters()
    if data in names():
        return TrainTest(*load(data, data_dir, "train"), *load(data, data_dir, "test"))
    require(
        is_file(data),
        f"there is no data set named {data!r}: choose one of {', '.join(names())}, {TOY}, {TEXT}, "
        f"or the path of an .npz file with arrays X and y",
    )
    X, y = read_npz(Path(data))
    held_out = _stratified(y, test_fraction)
    return TrainTest(X[~held_out], y[~held_out], X[held_out], y[held_out])


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
