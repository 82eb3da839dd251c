"""Arrays by a formula that any language can repeat, in numbers that no cast rounds.

Entry k of an array is an odd whole number between -127 and 127 over 64, made of splitmix64 of the
array's name: seven significant bits, exact in bfloat16, float32 and float64, and never 0.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from ffref.oracle.dialects import dialect_spec
from ffref.oracle.families.layer import Values
from ffref.oracle.specs import Spec
from ffref.types import Array

_MASK = 2**64 - 1


class Definition(NamedTuple):
    """A case before its golden values are known."""

    id: str
    why: str
    spec: Spec
    inputs: Values
    few_active: int = 0
    """rows that are meant to have fewer than two active units"""


Change = Callable[[Array], Array]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Row(NamedTuple):
    """One line of a table of cases: what it departs in from the family's ordinary case."""

    id: str
    """family/dialect/name"""
    why: str
    choices: Mapping[str, Any] = _NOTHING
    """of the specification, where it is not the dialect's"""
    change: Mapping[str, Any] = _NOTHING
    """of an input: a function of the array, or other numbers"""
    shape: tuple[int, ...] = ()
    """where it is not the family's"""
    few_active: int = 0
    """rows that are meant to have fewer than two active units"""

    def define(self, inputs: Values) -> Definition:
        """Change what the row says, in the dialect's specification and in the arrays."""
        family, dialect, _ = self.id.split("/")
        spec = dialect_spec(family, dialect)._replace(**self.choices)
        for name, change in self.change.items():
            inputs[name] = change(inputs[name]) if callable(change) else change
        return Definition(self.id, self.why, spec, inputs, self.few_active)


def times(factor: float) -> Change:
    """Multiply all entries."""
    return lambda array: array * factor


def row_times(row: int, factor: float) -> Change:
    """Multiply one row."""

    def change(array: Array) -> Array:
        array = array.copy()
        array[row] *= factor
        return array

    return change


def units_at(units: list[int], value: float) -> Change:
    """Overwrite the entries of some units."""

    def change(array: Array) -> Array:
        array = array.copy()
        array[..., units] = value
        return array

    return change


def spread(name: str, shape: tuple[int, ...], scale: float = 1.0) -> Array:
    """Numbers spread evenly over (-2, 2) times `scale`, a power of two.

    Examples
    --------
    >>> spread("weight", (3,)) * 64
    array([-81., 115.,  91.])
    """
    seed = crc32(name.encode())
    count = int(np.prod(shape))
    odd = [2 * (_splitmix64(seed, k) >> 57) - 127 for k in range(count)]
    return np.array(odd, np.float64).reshape(shape) / 64 * scale


def _splitmix64(seed: int, k: int) -> int:
    z = (seed + (k + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def sides(positives: int, negatives: int) -> Array:
    """Polarity of positive rows, then negative ones."""
    return np.repeat([1.0, -1.0], [positives, negatives])
