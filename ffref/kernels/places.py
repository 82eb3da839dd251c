"""Windows that walk over images: how many places they have, and what is refused."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ffref._checks import check_floating, require
from ffref.types import Array

A = TypeVar("A", bound=NDArray[Any])

Pair = tuple[int, int]
"""Vertical, horizontal."""

Size = int | tuple[int, int]
"""One whole number for both directions, or (vertical, horizontal)."""


def as_pair(value: Size, name: str, *, least: int) -> Pair:
    """`value` as (vertical, horizontal), both whole numbers of at least `least`."""
    pair: tuple[object, ...] = tuple(value) if isinstance(value, tuple | list) else (value, value)
    down, right = pair if len(pair) == 2 else (None, None)
    require(
        _is_count(down, least) and _is_count(right, least),
        f"{name} must be a whole number of at least {least}, or two of them "
        f"(vertical, horizontal), got {value!r}",
    )
    return int(down), int(right)  # type: ignore[call-overload]


def _is_count(value: object, least: int) -> bool:
    """Whether `value` is a whole number of at least `least`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and int(value) >= least  # type: ignore[call-overload]


def count_places(input_size: Pair, window: Pair, stride: Pair) -> Pair:
    """Places of a window in a picture; what is left at the bottom and at the right is dropped.

    Examples
    --------
    >>> count_places((7, 8), window=(3, 2), stride=(2, 2))
    (3, 4)
    """
    require(
        window[0] <= input_size[0] and window[1] <= input_size[1],
        f"a window of {window[0]} x {window[1]} does not fit into {input_size[0]} x "
        f"{input_size[1]} pixels (padding included); take a smaller window or larger images",
    )
    down, right = ((input_size[axis] - window[axis]) // stride[axis] + 1 for axis in (0, 1))
    return down, right


def check_axes(array: object, name: str, axes: str) -> None:
    """`array` is floating and has the named axes, such as "batch, height, width, channels"."""
    count = axes.count(",") + 1
    if not (isinstance(array, np.ndarray) and array.ndim == count):
        came = f"shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{name} must be an array of shape ({axes}), got {came}")
    check_floating(array, name)


def check_same_dtype(first: Array, second: Array, names: str) -> None:
    """Both arrays have one dtype."""
    require(
        first.dtype == second.dtype,
        f"{names} must have one dtype, got {first.dtype} and {second.dtype}; "
        f"convert one with .astype",
    )


def readable(array: A) -> A:
    """The array itself, or a copy where rows do not follow each other or words are split.

    Loops then meet one layout of memory, for which they are compiled once.
    """
    return np.require(array, requirements=["C", "A"])


def padded(images: Array, padding: Pair) -> Array:
    """Images with `padding` rows of zeros above and below, columns of zeros left and right."""
    down, right = padding
    if not (down or right):
        return readable(images)
    batch, height, width, channels = images.shape
    wide = np.zeros((batch, height + 2 * down, width + 2 * right, channels), images.dtype)
    wide[:, down : down + height, right : right + width] = images
    return wide
