"""A case: explicit arrays, the full specification, and what must come out.

A case of the registry carries golden values, from arithmetic with 50 digits. A case of your own,
made by `new_case`, carries none: `check` then compares with `evaluate`.
"""

from typing import NamedTuple

import numpy as np

from ffref._checks import require
from ffref.oracle.families import FAMILIES, Family
from ffref.oracle.families.layer import Axes, Values
from ffref.oracle.specs import Spec
from ffref.oracle.stack import layers_of, prefix_of
from ffref.types import Array


class Golden(NamedTuple):
    """What is known of one quantity."""

    value: Array
    """float64: the evaluation with 50 digits, rounded once"""
    kind: str
    """"value": the forward pass, by the scalar formulation; "derivative": central differences of
    the loss with 50 digits; "surrogate": the same of the loss with its stop-gradients frozen;
    "transcription": a second scalar transcription only, see `reason`"""
    reason: str
    """why this kind; empty for "value" and "derivative\""""
    kinks: Array | None
    """same shape, 1 where no derivative exists and a convention decides; None: nowhere"""
    scale: float
    """natural scale: the floor of a comparison is the dtype's eps times this"""
    kappa: float
    """condition number: largest change of an entry per relative change of inputs and
    intermediates by one unit roundoff each, in that unit, absolute"""
    tolerance: dict[str, float]
    """relative to the largest entry, by dtype; absent where the dtype has too few digits"""


class Case(NamedTuple):
    """One local step, with everything that it takes."""

    id: str
    """family/dialect/name"""
    why: str
    """the known mistake that it catches"""
    spec: Spec
    inputs: Values
    axes: Axes
    """in words, of every input and quantity; layouts translate by them"""
    golden: dict[str, Golden]
    """by quantity, in the order of computation; empty for a case of your own"""

    @property
    def family(self) -> str:
        """First part of the id."""
        return self.id.split("/")[0]

    @property
    def dialect(self) -> str:
        """Second part of the id."""
        return self.id.split("/")[1]

    def __str__(self) -> str:
        """Return the id."""
        return self.id


def new_case(id: str, spec: Spec, inputs: Values, *, why: str = "a case of your own") -> Case:
    """Make a case of your own: any arrays, any specification of a family.

    Parameters
    ----------
    id : str
        family/dialect/name; the family chooses the rule, the rest is free.
    spec : FFSpec, HFFSpec, CumulativeSpec, ...
        That of the family (docs/oracle.md, section 1).
    inputs : dict of arrays
        By the names that docs/oracle.md lists for the family; of several layers, each layer's
        own arrays as "layer1.weight", "layer2.weight", ...

    Raises
    ------
    ValueError
        If the family is unknown, or an input is missing, unknown or of a wrong number of axes.

    Examples
    --------
    >>> import numpy as np
    >>> from ffref.oracle import FFSpec, evaluate
    >>> case = new_case("ff/mine/one unit", FFSpec(threshold=4.0), {
    ...     "x": np.ones((1, 1)), "weight": np.full((1, 1), 2.0), "bias": np.zeros(1),
    ...     "polarity": np.ones(1)})
    >>> evaluate(case)["d_weight"]  # goodness 4, dL/dg = -1/2, dg/dw = 4
    array([[-2.]])
    """
    parts = id.split("/")
    require(
        len(parts) == 3 and parts[0] in FAMILIES,
        f"a case's id is family/dialect/name with a family of {', '.join(FAMILIES)}, got {id!r}",
    )
    family = FAMILIES[parts[0]]
    require(
        isinstance(spec, family.spec),
        f"a case of {parts[0]} takes a {family.spec.__name__}, got {type(spec).__name__}",
    )
    arrays = {name: _kept(array) for name, array in inputs.items()}
    return Case(id, why, spec, arrays, _checked_axes(id, family, spec, arrays), {})


def _checked_axes(id: str, family: Family, spec: Spec, arrays: Values) -> Axes:
    """Axes of all inputs and quantities, if every input is there, and none besides."""
    taken: Axes = {}
    out: Axes = {}
    for layer in layers_of(arrays):
        prefix = prefix_of(layer)
        for name, words in family.input_axes(spec).items():
            # the input of the first layer alone is given; what has no prefix, all layers share
            if layer > 1 and name == "x":
                continue
            taken[prefix + name if prefix + name in arrays else name] = words
        out |= {prefix + name: words for name, words in family.quantity_axes(spec).items()}
    wrong = sorted(set(arrays) ^ set(taken))
    require(
        not wrong,
        f"{id} takes {', '.join(taken)}; missing or unknown: {', '.join(wrong)}",
    )
    for name, words in taken.items():
        require(
            arrays[name].ndim == len(words),
            f"{name} must have the axes {words}, got shape {arrays[name].shape}",
        )
    return taken | out


def _kept(array: Array) -> Array:
    """Return whole numbers as int64, all else as float64."""
    array = np.asarray(array)
    return array.astype(np.int64 if array.dtype.kind in "iu" else np.float64)
