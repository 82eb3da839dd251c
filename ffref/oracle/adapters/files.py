"""Files that a program in another language wrote: `.npz`, or `arrays.txt` beside raw numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ffref._checks import require
from ffref.oracle.case import Case
from ffref.oracle.specs import Spec


class Files:
    """A folder with one result a case: `ff/paper/ordinary.npz`, or a folder of raw arrays there.

    Parameters
    ----------
    folder : path
    dtype : {"float64", "float32", "bfloat16"}, optional
        What the values were computed in; None: the dtype of the file.
    layout : str, optional
        As in `compare`.

    Raises
    ------
    ValueError
        If there is no such folder.
    """

    def __init__(
        self, folder: str | Path, *, dtype: str | None = None, layout: str | None = None
    ) -> None:
        self.folder = Path(folder)
        require(self.folder.is_dir(), f"there is no folder {folder}")
        self.dtype, self.layout = dtype, layout

    def supports(self, spec: Spec) -> bool | str:
        """Any specification: what is not there is skipped case by case."""
        return True

    def run(self, case: Case) -> Mapping[str, Any] | str:
        """Read the arrays of the case."""
        for path in (self.folder / f"{case.id}.npz", self.folder / case.id):
            if path.exists():
                return read_arrays(path)
        return "no file of the case"


def read_arrays(path: str | Path) -> dict[str, Any]:
    """Return the arrays of an `.npz` file, or of a folder with `arrays.txt` and raw numbers.

    Raw numbers are `arrays.f64` or `arrays.f32`, and are what they were computed in.

    Raises
    ------
    ValueError
        If it is neither, or is damaged.
    """
    path = Path(path)
    if path.is_dir():
        return _raw_arrays(path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, TypeError, AttributeError, EOFError, BadZipFile) as error:
        raise ValueError(
            f"{path} is no .npz file of numbers; write it with numpy.savez(FILE, d_weight=..., "
            f"d_bias=...)"
        ) from error


def _raw_arrays(folder: Path) -> dict[str, Any]:
    """Arrays of a folder: lines "name offset shape..." and little-endian numbers."""
    there = [(folder / f"arrays.f{8 * n}", f"<f{n}") for n in (8, 4)]
    there = [(path, dtype) for path, dtype in there if path.exists()]
    require(
        len(there) == 1,
        f"{folder} must hold arrays.txt and one of arrays.f64 and arrays.f32, "
        f"it has {len(there)} of the two",
    )
    ((path, dtype),) = there
    numbers = np.fromfile(path, dtype).astype(np.dtype(dtype).newbyteorder("="))
    arrays = {}
    for line in (folder / "arrays.txt").read_text().splitlines():
        name, *words = line.split()
        require(
            bool(words) and all(word.isdigit() for word in words),
            f"{folder}/arrays.txt: a line is a name, an offset and a shape, got {line!r}",
        )
        offset, *shape = map(int, words)
        size = int(np.prod(shape))
        require(
            offset + size <= numbers.size,
            f"{path} has {numbers.size} numbers, {name} needs {offset + size}",
        )
        arrays[name] = numbers[offset : offset + size].reshape(shape)
    return arrays
