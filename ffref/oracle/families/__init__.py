"""Families of cases: one file each, in which the library computes every quantity of a local step.

A family is a record of functions. A new one (`cumulative`, `symba`, `faust`, `mono-forward`) adds
a specification to specs.py, a file here and one line to `FAMILIES`, a scalar formulation in truth/
and one line to its `FORMULATIONS`, definitions of its cases, and dialects.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from ffref.oracle.families import ff, hff, recurrent
from ffref.oracle.families.layer import Axes, Values, no_kinks
from ffref.oracle.specs import FFSpec, HFFSpec, RecurrentSpec
from ffref.oracle.stack import layer_inputs, layers_of, prefix_of


class Family(NamedTuple):
    """How the library evaluates one kind of local step."""

    spec: type
    input_axes: Callable[[Any], Axes]
    quantity_axes: Callable[[Any], Axes]
    """names and axes of what comes out, in the order of computation"""
    evaluate: Callable[[Any, Values], Values]
    scales: Callable[[Any, Values, Values], dict[str, float]]
    """(spec, inputs, values) -> natural scale of each quantity"""
    kinks: Callable[[Values], Values]
    """values -> by quantity, 1 where a case of one's own has no derivative"""


def _family(
    spec: type,
    module: Any,  # noqa: ANN401
    kinks: Callable[[Values], Values] = no_kinks,
) -> Family:
    return Family(
        spec, module.input_axes, module.quantity_axes, module.evaluate, module.scales, kinks
    )


FAMILIES = {
    "ff": _family(FFSpec, ff),
    "hff": _family(HFFSpec, hff, hff.kinks),
    "recurrent": _family(RecurrentSpec, recurrent),
}


def evaluate_layers(
    family: Family,
    spec: Any,  # noqa: ANN401
    inputs: Values,
    dtype: DTypeLike,
) -> tuple[Values, dict[str, float]]:
    """Every quantity of every layer, and its natural scale."""
    cast = {
        name: array if array.dtype.kind in "iu" else array.astype(dtype)
        for name, array in inputs.items()
    }
    values: Values = {}
    scales: dict[str, float] = {}
    below: Values | None = None
    for layer in layers_of(inputs):
        own = layer_inputs(cast, layer, below)
        below = family.evaluate(spec, own)
        prefix = prefix_of(layer)
        natural = family.scales(spec, own, below)
        values |= {prefix + name: np.asarray(value) for name, value in below.items()}
        scales |= {prefix + name: natural[name] for name in below}
    return values, scales
