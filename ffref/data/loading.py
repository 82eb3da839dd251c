"""Find the canonical files of a named data set and turn them into rows."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffref.data.catalogue import SPLITS, DatasetInfo, describe
from ffref.data.cifar import read_cifar10_batch, read_cifar100
from ffref.data.digits import load_digits
from ffref.data.errors import DataError
from ffref.data.files import PathLike
from ffref.data.idx import read_idx
from ffref.data.split import Split, scaled_rows

_HIGHEST = 255


def load(name: str, data_dir: PathLike | None = None, split: str = "train") -> Split:
    """Load one part of a named data set, with pixels scaled to [0, 1].

    Nothing is fetched from the net: put the canonical files into the data folder. "digits" comes
    with the package and needs no folder.

    Parameters
    ----------
    name : str
        One of `names()`: "digits", "mnist", "fashion-mnist", "cifar10", "cifar100" (fine labels).
    data_dir : str or path, optional
        The data folder, as told by `find_data_dir`.
    split : "train" or "test"
        The part; for "digits" the fixed split of docs/data.md.

    Returns
    -------
    Split
        X is (samples, features) float32, each row one image in C order of (height, width,
        channels); y is (samples,) int64, indices into `describe(name).class_names`.

    Raises
    ------
    DataError
        If the name or the split is unknown, a file is missing, or a file is not what it should
        be: damaged, cut, too long, of other images, with other labels.

    Examples
    --------
    >>> X, y = load("digits")
    >>> X.shape, y.shape
    ((1437, 64), (1437,))
    """
    info = describe(name)
    if split not in SPLITS:
        raise DataError(f"there is no split named {split!r}; choose one of {', '.join(SPLITS)}")
    if name == "digits":
        return load_digits(test=split == "test")
    folder = find_data_dir(data_dir)
    paths = [_find(folder, file, info) for file in info.files[split]]
    if name in ("mnist", "fashion-mnist"):
        return _load_idx(info, *paths)
    return _load_cifar(info, paths, info.samples[split])


def find_data_dir(data_dir: PathLike | None = None) -> Path:
    """Tell the folder that `load` looks in.

    That is `data_dir`, else the environment variable FFREF_DATA, else the folder "ffref" in the
    user's cache: $XDG_CACHE_HOME or ~/.cache, on macOS ~/Library/Caches, on Windows
    %LOCALAPPDATA%. The folder need not exist.
    """
    if data_dir is not None:
        return Path(os.path.expanduser(data_dir))
    if os.environ.get("FFREF_DATA"):
        return Path(os.path.expanduser(os.environ["FFREF_DATA"]))
    return _user_cache() / "ffref"


def _user_cache() -> Path:
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # the XDG rules say that a relative path is to be ignored
    return Path(cache) if os.path.isabs(cache) else home / ".cache"


def _find(folder: Path, file: str, info: DatasetInfo) -> Path:
    places = [folder / file]
    if file.endswith("-ubyte"):
        places.append(folder / f"{file}.gz")
    for place in places:
        if os.path.lexists(place):
            return place
    looked = " and ".join(str(place) for place in places)
    raise DataError(
        f"{info.name}: file not found, looked for {looked}; get it by ffref data fetch "
        f"{info.name}, or from {info.source}, or name another folder by data_dir or FFREF_DATA"
    )


def _load_idx(info: DatasetInfo, image_path: Path, label_path: Path) -> Split:
    labels = read_idx(label_path)  # first, since the wrong file is then told quickly
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise _wrong_content(label_path, "labels of shape (samples,)", labels)
    images = read_idx(image_path)
    if images.dtype != np.uint8 or images.shape[1:] != info.image_shape[:2]:
        raise _wrong_content(image_path, "images of shape (samples, 28, 28)", images)
    if len(images) != len(labels):
        raise DataError(
            f"{label_path}: byte 4: expected {len(images)} labels, one for each image in "
            f"{image_path}, got {len(labels)}"
        )
    wrong = np.flatnonzero(labels >= len(info.class_names))
    if wrong.size:
        raise DataError(
            f"{label_path}: byte {8 + wrong[0]}: expected a label of 0 to "
            f"{len(info.class_names) - 1}, got {labels[wrong[0]]}"
        )
    return Split(scaled_rows(images, _HIGHEST), labels.astype(np.int64))


def _wrong_content(path: Path, expected: str, array: NDArray[Any]) -> DataError:
    return DataError(
        f"{path}: byte 0: expected uint8 {expected}, got {array.dtype} of shape {array.shape}; "
        f"is it another file under this name?"
    )


def _load_cifar(info: DatasetInfo, paths: list[Path], samples: int) -> Split:
    X = np.empty((samples, int(np.prod(info.image_shape))), np.float32)
    y = np.empty(samples, np.int64)
    records = samples // len(paths)  # all files of one split have the same length
    read = read_cifar10_batch if info.name == "cifar10" else read_cifar100
    for number, path in enumerate(paths):
        images, labels = read(path, records=records)
        rows = slice(number * records, (number + 1) * records)
        scaled_rows(images, _HIGHEST, out=X[rows])
        y[rows] = labels
    return Split(X, y)
