"""Your own data: a CSV file, one sample a line, one column the label.

Commas, semicolons or tabs separate, as the first line has it. The first line is a header unless
all its features are numbers; numbers in order from 0 are a header too, as pandas names columns.

Source: RFC 4180, and the csv module of Python.
"""

import csv
import math
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from io import TextIOWrapper
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffref.data.errors import DataError
from ffref.data.files import MAX_BYTES, PathLike, check_size, open_file
from ffref.data.own_data import OwnData

_MAX_LINE = 2**24
_MAX_LABEL = 200
"""An array of strings gives each the room of the longest."""
_HIGHEST = float(np.finfo(np.float32).max)
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.0*)?")
_BY_NUMPY = re.compile(r"-?[0-9]\.[0-9]+e[+-][0-9]{2}")
"""As `numpy.savetxt` writes any number: 2.000000000000000000e+00."""

Row = tuple[int, list[str]]
"""number of the line, cells"""


class _Columns(NamedTuple):
    features: list[int]
    label: int | None
    names: tuple[str, ...] | None
    """of all columns"""

    def place(self, column: int) -> str:
        """Name a column in an error."""
        name = f" ({self.names[column]!r})" if self.names else ""
        return f"column {column + 1}{name}"

    def taker(self) -> Callable[[list[str]], Sequence[str]]:
        """Make the function that takes the features' cells out of a line."""
        first, last = self.features[0], self.features[-1]
        if self.features == list(range(first, last + 1)):
            return itemgetter(slice(first, last + 1))  # a single cell is a list too
        return itemgetter(*self.features)


Choice = Callable[[list[str], tuple[str, ...] | None], _Columns]
"""(first row, header or None) -> the columns to read"""


def read_csv(
    path: PathLike,
    *,
    label: str | None = None,
    feature_names: Sequence[str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> OwnData:
    r"""Read a table of numbers with a column of labels.

    Parameters
    ----------
    path : str or path
        The file, in UTF-8.
    label : str, optional
        The column that holds the labels, by its name in the header; without it the last column.
    feature_names : sequence of str, optional
        The columns to take as features, in this order; without it all but the label. A file
        without a header has no names, and its columns are taken as they come.
    max_bytes : int
        The largest table to accept, in bytes as float64.

    Returns
    -------
    OwnData
        X (samples, features) float32; y int64 if all labels are whole numbers, else strings;
        `feature_names` where the file has a header.

    Raises
    ------
    DataError
        If the file is missing, empty or not UTF-8, a line has too few or too many cells, a
        feature is no finite number, a label is empty or a fraction, two columns share a name, or
        a named column is not there. The text names line and column.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "mine.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("width,height,kind\n1,2.5,cat\n3,4,dog\n")
    ...     samples = read_csv(path)
    >>> samples.X.tolist(), samples.y.tolist(), samples.feature_names
    ([[1.0, 2.5], [3.0, 4.0]], ['cat', 'dog'], ('width', 'height'))
    """

    def choose(first: list[str], names: tuple[str, ...] | None) -> _Columns:
        where = _label_column(path, label, names, len(first))
        others = [column for column in range(len(first)) if column != where]
        columns = _Columns(_named(path, feature_names, names) or others, where, names)
        if where in columns.features:
            raise DataError(
                f"{path}: {columns.place(where)} is a feature, not the label; name the label's "
                f"column"
            )
        return columns

    columns, X, labels = _read(path, choose, max_bytes, label=label)
    assert columns.label is not None
    names = columns.names and tuple(columns.names[column] for column in columns.features)
    place = columns.place(columns.label)
    return OwnData(X, _as_labels(path, labels, place), names, notes=(f"labels are in {place}",))


def read_features(
    path: PathLike,
    features: int,
    *,
    feature_names: Sequence[str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> NDArray[np.float32]:
    """Read the features alone of a table, whose labels may be there or not.

    Columns are found by `feature_names` where the file has a header that holds them; else the
    file must have exactly `features` columns.

    Raises
    ------
    DataError
        As `read_csv`, labels apart; or if the columns are not those that are expected.
    """

    def choose(first: list[str], names: tuple[str, ...] | None) -> _Columns:
        wanted = _named(path, feature_names, names) or list(range(len(first)))
        if len(wanted) != features:
            raise DataError(
                f"{path}: expected {features} columns of features, got {len(wanted)}; leave the "
                f"label out, or train on a table with a header"
            )
        return _Columns(wanted, None, names)

    return _read(path, choose, max_bytes, label=None)[1]


def _read(
    path: PathLike, choose: Choice, max_bytes: int, *, label: str | None
) -> tuple[_Columns, NDArray[np.float32], list[str]]:
    with (
        open_file(path) as (file, _),
        TextIOWrapper(file, encoding="utf-8-sig", newline="") as text,
    ):
        rows = _rows(path, text)
        start, first = next(rows, (0, []))
        if not first:
            raise DataError(f"{path}: expected a table, got empty lines alone")
        header = _header(path, [cell.strip() for cell in first], label)
        columns = choose(first, header)
        if not columns.features:
            raise DataError(f"{path}: line {start}: expected features beside the label, got none")
        take = columns.taker()
        values, labels, lines = array("d"), [], 0
        known: dict[str, str] = {}  # one string a class, not one a line
        for line, cells in chain([] if header else [(start, first)], rows):
            if len(cells) != len(first):
                raise DataError(
                    f"{path}: line {line}: expected {len(first)} columns, as in the first line, "
                    f"got {len(cells)}"
                )
            values.extend(_numbers(path, line, take(cells), columns))
            check_size(path, 8 * len(values), max_bytes)
            lines += 1
            if columns.label is not None:
                labels.append(_label(path, line, cells, columns, known))
    if not lines:
        raise DataError(f"{path}: expected samples below the header, got none")
    X = np.frombuffer(values).reshape(lines, -1).astype(np.float32)
    return columns, X, labels


def _rows(path: PathLike, text: TextIOWrapper) -> Iterator[Row]:
    """Cells of each line that is not empty."""
    lines = _lines(path, text)
    reader: Any = None
    try:
        first = next(lines, "")
        separator = max(",;\t", key=first.count)
        reader = csv.reader(chain([first], lines), delimiter=separator, strict=True)
        for cells in reader:
            if any(cells):
                yield reader.line_num, cells
    except UnicodeDecodeError as problem:
        raise DataError(
            f"{path}: expected text in UTF-8, got the byte {problem.object[problem.start]:#04x}; "
            f"save the table as UTF-8"
        ) from None
    except csv.Error as problem:
        line = reader.line_num if reader else 1
        raise DataError(f"{path}: line {line}: no valid CSV: {problem}") from None


def _lines(path: PathLike, text: TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise DataError(f"{path}: a line is longer than {_MAX_LINE} characters")
        yield line


def _header(path: PathLike, first: list[str], label: str | None) -> tuple[str, ...] | None:
    """Names of all columns if the first row holds names, and not the first sample."""
    features = [cell for cell in first if cell != label] if label else first[:-1]
    counted = len(features) > 1 and features == [str(i) for i in range(len(features))]
    if label not in first and not counted and all(map(_is_number, features)) and features:
        return None
    for column, name in enumerate(first):
        if not name or name in first[:column]:
            raise DataError(
                f"{path}: line 1, column {column + 1}: expected a name of its own for each "
                f"column, got {name!r}"
            )
    return tuple(first)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell.strip()  # a value that is missing, not a name
    return True


def _label_column(
    path: PathLike, label: str | None, names: tuple[str, ...] | None, width: int
) -> int:
    if label is None:
        return width - 1
    if names is None or label not in names:
        listed = ", ".join(names[:20]) if names else "no header"
        raise DataError(f"{path}: there is no column {label!r} for the label; there is: {listed}")
    return names.index(label)


def _named(
    path: PathLike, wanted: Sequence[str] | None, names: tuple[str, ...] | None
) -> list[int] | None:
    """Columns of the wanted names; None where the file or the wish has no names."""
    if wanted is None or names is None:
        return None
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(
            f"{path}: there is no column {missing[0]!r}, which the training had; there is: "
            f"{', '.join(names[:20])}"
        )
    return [names.index(name) for name in wanted]


def _numbers(path: PathLike, line: int, cells: Sequence[str], columns: _Columns) -> list[float]:
    """Read the cells of the features, `cells`, as numbers."""
    try:
        values = list(map(float, cells))
        if math.isfinite(sum(values)) and max(values) <= _HIGHEST and min(values) >= -_HIGHEST:
            return values
    except ValueError:
        pass
    for column, cell in zip(columns.features, cells, strict=True):  # which cell it was
        if not _is_number(cell) or not cell.strip() or not abs(float(cell)) <= _HIGHEST:
            raise DataError(
                f"{path}: line {line}, {columns.place(column)}: expected a finite number, "
                f"got {_no_number(cell)}"
            )
    return values  # finite, one by one, though their sum is not


def _no_number(cell: str) -> str:
    """What stands where a number should, and what to do about it."""
    if not cell.strip():
        return "an empty cell; fill it in, or leave the line out"
    if "," in cell and _is_number(cell.replace(",", ".")):
        return f"{cell[:40]!r}; write decimals with a point"
    return (
        f"{cell[:40]!r}; features are numbers, and the label stands in the last column or in the "
        f"one that is named as label"
    )


def _label(
    path: PathLike, line: int, cells: list[str], columns: _Columns, known: dict[str, str]
) -> str:
    assert columns.label is not None
    cell = cells[columns.label].strip()
    if not 0 < len(cell) <= _MAX_LABEL:
        raise DataError(
            f"{path}: line {line}, {columns.place(columns.label)}: expected a label of 1 to "
            f"{_MAX_LABEL} characters, got {len(cell)}"
        )
    return known.setdefault(cell, cell)


def _whole_number(label: str) -> int | None:
    if _WHOLE.fullmatch(label):
        return int(label.partition(".")[0])
    if _BY_NUMPY.fullmatch(label) and float(label).is_integer() and abs(float(label)) < 2**53:
        return int(float(label))
    return None


def _as_labels(path: PathLike, labels: list[str], place: str) -> NDArray[Any]:
    classes = set(labels)
    whole = {label: _whole_number(label) for label in classes}
    if None not in whole.values():
        return np.array([whole[label] for label in labels], np.int64)
    fractions = [one for one in classes if _is_number(one) and not float(one).is_integer()]
    if fractions and all(map(_is_number, classes)):
        raise DataError(
            f"{path}: {place}: labels must be whole numbers or text, got {min(fractions)!r}; name "
            f"the column of the labels"
        )
    return np.array(labels)
