"""Your own samples, whatever kind of path they have."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ffref.data.errors import DataError
from ffref.data.files import PathLike
from ffref.data.npz import read_npz
from ffref.data.own_data import OwnData
from ffref.data.pictures import is_picture, read_images
from ffref.data.shards import stream_shards
from ffref.data.table import read_csv

_TABLES = (".csv", ".tsv")


def is_own(path: PathLike) -> bool:
    """Whether `path` is named as a file of samples, or is a folder."""
    return _suffix(path) in (".npz", *_TABLES) or Path(path).is_dir()


def has_parts(path: PathLike) -> bool:
    """Whether `path` is a folder of folders "train" and "test", which are no classes."""
    parts = [Path(path) / name for name in ("train", "test")]
    return all(part.is_dir() for part in parts) and not any(
        is_picture(file) for part in parts for file in part.iterdir()
    )


def is_table(path: PathLike) -> bool:
    """Whether `path` is named as a table, with a column of labels."""
    return _suffix(path) in _TABLES


def read_own(
    path: PathLike,
    *,
    label: str | None = None,
    feature_names: Sequence[str] | None = None,
    image_shape: Sequence[int] | None = None,
) -> OwnData:
    """Read samples and labels: an .npz file, a CSV file, a folder of pictures or of .npz files.

    Parameters
    ----------
    path : str or path
        Tells by its ending, or by what is in the folder, what it is: see `read_npz`, `read_csv`,
        `read_images` and `stream_shards`.
    label, feature_names
        Of a CSV file.
    image_shape : (height, width) or (height, width, channels), optional
        Of a folder of pictures.

    Raises
    ------
    DataError
        As those functions; or if `label` is given for what is no table, or the folder has one
        part to train on and one to test on.
    """
    if has_parts(path):
        raise DataError(
            f"{path}: the folder has a part to train on and one to test on; name "
            f"{Path(path) / 'train'} or {Path(path) / 'test'}"
        )
    if label is not None and not is_table(path):
        raise DataError(f"{path}: a label column is named, but this is no table (.csv)")
    if is_table(path):
        return read_csv(path, label=label, feature_names=feature_names)
    if Path(path).is_dir():
        if not any(Path(path).glob("*.npz")):
            return read_images(path, image_shape=image_shape)
        stream = stream_shards(path)
        return OwnData(stream, np.asarray(stream.y))
    return OwnData(*read_npz(path))


def _suffix(path: PathLike) -> str:
    return Path(path).suffix.lower()
