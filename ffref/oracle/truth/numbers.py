"""Numbers of many digits, in object arrays: what the scalar formulations compute with."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import mpmath
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError(
        "arithmetic with 50 digits needs mpmath: python -m pip install mpmath (golden values are "
        "read without it)"
    ) from error

DIGITS = 50
"""of the condition numbers"""
MORE_DIGITS = 200
"""of golden values and of central differences, so that 50 are left even where a loss is saturated
and its derivative is 1e-100"""

mp = mpmath.mp.clone()  # a context of our own: the global precision stays as it is
mp.dps = DIGITS

STILL_MORE_DIGITS = 260
"""A number that is not the same with these is what a cancellation left over: it is 0."""

Exact = NDArray[np.object_]
"""Array of numbers with many digits; labels stay whole numbers."""
Number = Any
"""One such number."""
ExactValues = dict[str, Exact]


def exact(array: NDArray[Any]) -> Exact:
    """Exact values of a float64 array; whole numbers are returned as they are."""
    array = np.asarray(array)
    if array.dtype.kind in "iu":
        return array.astype(object)
    out = np.empty(array.shape, object)
    for index in np.ndindex(*array.shape):
        out[index] = mp.mpf(float(array[index]))
    return out


def rounded(array: Exact) -> NDArray[np.float64]:
    """Each number rounded once, to the nearest float64."""
    out = np.empty(np.shape(array))
    for index in np.ndindex(*out.shape):
        out[index] = float(array[index])
    return out


def number(value: Number) -> Exact:
    """One number as an array without axes."""
    out = np.empty((), object)
    out[()] = value
    return out


def zeros(shape: Sequence[int]) -> Exact:
    """Zeros with many digits."""
    return np.full(tuple(shape), mp.mpf(0), object)


def total(terms: Iterable[Number]) -> Number:
    """Sum, rounded once."""
    return mp.fsum(terms)


def mean(terms: Sequence[Number]) -> Number:
    """Sum over their number."""
    return total(terms) / len(terms)


def largest(array: Exact) -> Number:
    """Largest absolute value, 0 of nothing."""
    return max((abs(entry) for entry in np.ravel(array)), default=mp.mpf(0))
