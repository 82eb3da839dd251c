"""Your own samples, whatever kind of path they have."""

from collections.abc import Sequence
from pathlib import Path

from ffref.data.errors import DataError
from ffref.data.files import PathLike
from ffref.data.npz import read_npz
from ffref.data.pictures import read_images
from ffref.data.split import OwnData
from ffref.data.table import read_csv

_TABLES = (".csv", ".tsv")


def is_own(path: PathLike) -> bool:
    """Whether `path` is named as a file of samples, or is a folder."""
    return _suffix(path) in (".npz", *_TABLES) or Path(path).is_dir()


def is_table(path: PathLike) -> bool:
    """Whether `path` is named as a table, with a column of labels."""
    return _suffix(path) in _TABLES


def read_own(
    path: PathLike,
    *,
    label: str | None = None,
    feature_names: Sequence[str] | None = None,
    image_shape: tuple[int, ...] | None = None,
) -> OwnData:
    """Read samples and labels: an .npz file, a CSV file, or a folder of pictures.

    Parameters
    ----------
    path : str or path
        Tells by its ending what it is: see `read_npz`, `read_csv` and `read_images`.
    label, feature_names
        Of a CSV file.
    image_shape : (height, width) or (height, width, channels), optional
        Of a folder of pictures.

    Raises
    ------
    DataError
        As those functions; or if `label` is given for what is no table.
    """
    if label is not None and not is_table(path):
        raise DataError(f"{path}: a label column is named, but this is no table (.csv)")
    if is_table(path):
        return read_csv(path, label=label, feature_names=feature_names)
    if Path(path).is_dir():
        return read_images(path, image_shape=image_shape)
    return OwnData(*read_npz(path))


def _suffix(path: PathLike) -> str:
    return Path(path).suffix.lower()
