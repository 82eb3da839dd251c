"""Checks of arguments, with one form of message: what is wrong, what came, what to try."""

import numpy as np

from ffref.types import Array, Labels


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
    require(
        array.dtype in (np.float32, np.float64),
        f"{name} must be float32 or float64, got {array.dtype}; convert it with .astype",
    )


def check_polarity(activity: Array, polarity: Array) -> Array:
    """Return `polarity` in the dtype of `activity`, if it is (batch,) of +1 and -1."""
    check_matrix(activity, "activity")
    polarity = np.asarray(polarity)
    require(
        polarity.shape == (len(activity),),
        f"polarity must have shape ({len(activity)},), one entry for each row of activity, "
        f"got {_describe(polarity)}",
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
    require(
        labels.shape == (batch,),
        f"labels must have shape ({batch},), one for each row, got {_describe(labels)}",
    )
    require(
        np.issubdtype(labels.dtype, np.integer),
        f"labels must be whole numbers, got {labels.dtype}; convert them with .astype(np.int64)",
    )
    if batch:
        low, high = int(labels.min()), int(labels.max())
        require(
            low >= 0 and high < classes,
            f"labels must lie in 0 .. {classes - 1}, got {low} .. {high}; "
            f"map them with np.unique(labels, return_inverse=True)",
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
    if np.ndim(value) != 0 or not np.issubdtype(np.asarray(value).dtype, np.number):
        raise ValueError(f"{name} must be one number, got {value!r}")
    require(bool(np.isfinite(value)), f"{name} must be a finite number, got {value!r}")
    return float(value)


def check_positive(value: float, name: str) -> float:
    """Return `value` as a plain float, if it is one finite number above zero."""
    number = check_number(value, name)
    require(number > 0, f"{name} must be above 0, got {value!r}")
    return number


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"shape {value.shape} and dtype {value.dtype}"
    return f"{type(value).__name__}"
