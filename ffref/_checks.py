"""Checks of arguments, with one form of message: what is wrong, what came, what to try.

Those that run in every step build their message only when they fail.
"""

import math

import numpy as np

from ffref.types import Array, Labels

_FLOATING = (np.dtype(np.float32), np.dtype(np.float64))


def require(condition: bool, message: str) -> None:
    """Raise ValueError(message) unless `condition` holds."""
    if not condition:
        raise ValueError(message)


def check_matrix(array: object, name: str) -> None:
    """`array` is (batch, units), floating, with at least one row and one column."""
    if not (isinstance(array, np.ndarray) and array.ndim == 2 and array.size > 0):
        raise ValueError(
            f"{name} must be a non-empty array of shape (batch, units), got {_describe(array)}; "
            f"reshape one sample to (1, units)"
        )
    check_floating(array, name)


def check_floating(array: Array, name: str) -> None:
    """`array` holds float32 or float64."""
    if array.dtype not in _FLOATING:
        raise ValueError(
            f"{name} must be float32 or float64, got {array.dtype}; convert it with .astype"
        )


def check_polarity(activity: Array, polarity: Array) -> Array:
    """Return `polarity` in the dtype of `activity`, if it is (batch,) of +1 and -1."""
    check_matrix(activity, "activity")
    polarity = np.asarray(polarity)
    if polarity.shape != (len(activity),):
        raise ValueError(
            f"polarity must have shape ({len(activity)},), one entry for each row of activity, "
            f"got {_describe(polarity)}"
        )
    require(
        polarity.dtype.kind in "if" and bool(np.all(np.abs(polarity) == 1)),
        "polarity must be +1 (positive sample) or -1 (negative sample) in every row; "
        "for labels 1 and 0 pass 2 * labels - 1",
    )
    return polarity.astype(activity.dtype, copy=False)


def check_labels(labels: Labels, batch: int, classes: int) -> None:
    """`labels` is (batch,), whole numbers in 0 .. classes - 1."""
    labels = np.asarray(labels)
    if labels.shape != (batch,):
        raise ValueError(
            f"labels must have shape ({batch},), one for each row, got {_describe(labels)}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be whole numbers, got {labels.dtype}; convert them with "
            f".astype(np.int64)"
        )
    if batch and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"labels must lie in 0 .. {classes - 1}, got {labels.min()} .. {labels.max()}; "
            f"map them with np.unique(labels, return_inverse=True)"
        )


def check_count(value: object, name: str) -> None:
    """`value` is a whole number of at least 1."""
    require(
        isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 1,
        f"{name} must be a whole number of at least 1, got {value!r}",
    )


def check_number(value: float, name: str) -> float:
    """Return `value` as a plain float, if it is one finite number.

    A plain float takes the dtype of the array that it meets; NumPy's own float64 would turn a
    float32 result into float64.
    """
    if np.ndim(value) != 0 or np.asarray(value).dtype.kind not in "iuf":
        raise ValueError(f"{name} must be one number, got {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return number


def check_positive(value: float, name: str) -> float:
    """Return `value` as a plain float, if it is one finite number above zero."""
    number = check_number(value, name)
    require(number > 0, f"{name} must be above 0, got {value!r}")
    return number


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"shape {value.shape} and dtype {value.dtype}"
    return f"{type(value).__name__}"
