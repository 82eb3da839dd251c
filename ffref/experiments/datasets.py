"""Data by what a user types: a known name, or a path of one's own samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ffref._checks import require
from ffref.data import (
    Samples,
    chosen_rows,
    describe,
    disk_and_ring,
    has_parts,
    is_own,
    load,
    names,
    read_own,
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
    feature_names: tuple[str, ...] | None = None
    """of a table with a header"""
    image_shape: tuple[int, int, int] | None = None
    """of a folder of pictures"""
    notes: tuple[str, ...] = ()
    """what was done to the files' contents, in words"""


def is_path(data: str) -> bool:
    """Whether `data` is a file or a folder of samples, and not the name of a data set."""
    return data not in (*names(), TOY, TEXT) and is_own(data)


def is_one_part(data: str) -> bool:
    """Whether a part of `data` has to be held out, since they have no split of their own."""
    return is_path(data) and not has_parts(data)


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
    data: str,
    data_dir: str | None,
    *,
    test_fraction: float = DEFAULT_TEST_FRACTION,
    label: str | None = None,
    image_shape: Sequence[int] | None = None,
) -> TrainTest:
    """Load both parts of a data set.

    Parameters
    ----------
    data : str
        A name of `ffref.data.names()`, "disk-and-ring", "moby-dick" (windows of 10 characters, and
        the next), or a path that `ffref.data.read_own` reads; if it is a folder with folders
        "train" and "test", these two.
    data_dir : str, optional
        Where the files of a named data set are.
    test_fraction : float in (0, 1)
        Share of the samples of a path that is held out, chosen at random within each class,
        always the same for the same files. Named data sets have a split of their own.
    label : str, optional
        The column of the labels, of a table.
    image_shape : (height, width) or (height, width, channels), optional
        What to make of a folder of pictures.
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
        f"or the path of a file (.npz, .csv) or folder (of pictures, one folder a class, or of "
        f".npz files)",
    )
    if has_parts(data):
        return _two_parts(Path(data), image_shape)
    own = read_own(data, label=label, image_shape=image_shape)
    held_out = _stratified(own.y, test_fraction)
    return TrainTest(
        chosen_rows(own.X, ~held_out),
        own.y[~held_out],
        chosen_rows(own.X, held_out),
        own.y[held_out],
        *own[2:],
    )


def _two_parts(folder: Path, image_shape: Sequence[int] | None) -> TrainTest:
    train = read_own(folder / "train", image_shape=image_shape)
    test = read_own(folder / "test", image_shape=image_shape)
    if train.image_shape and test.image_shape and train.image_shape != test.image_shape:
        require(
            train.image_shape[:2] == test.image_shape[:2],
            f"{folder}: pictures to train on are {train.image_shape[:2]} (height, width), those "
            f"to test on {test.image_shape[:2]}; resize all by --image-shape",
        )
        test = read_own(folder / "test", image_shape=train.image_shape)  # the same channels
    notes = [
        f"{part}: {note}" for part, own in (("train", train), ("test", test)) for note in own.notes
    ]
    return TrainTest(*train[:2], *test[:2], train.feature_names, train.image_shape, tuple(notes))


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
