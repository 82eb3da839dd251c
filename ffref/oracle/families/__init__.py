"""Families of cases: one file each, in which the library computes every quantity of a local step.

A family is a record of functions. A new one adds a specification to specs.py, a file here (most
are a head in the layer of `frame`) and one line to `FAMILIES`, a scalar formulation in truth/ and
one line to its `FORMULATIONS`, definitions of its cases, and dialects.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from ffref.oracle.families import block, faust, ff, hff, labelled, pairs, recurrent, sides
from ffref.oracle.families.layer import Axes, Values, no_kinks
from ffref.oracle.specs import (
    BlockSpec,
    CumulativeSpec,
    CwcSpec,
    DistanceSpec,
    FaustSpec,
    FFSpec,
    HFFSpec,
    MonoSpec,
    RecurrentSpec,
    ScffSpec,
    SymbaSpec,
)
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
    "symba": _family(SymbaSpec, pairs.SYMBA),
    "cumulative": _family(CumulativeSpec, pairs.CUMULATIVE),
    "block": _family(BlockSpec, block, block.kinks),
    "faust": _family(FaustSpec, faust.FAUST, hff.kinks),
    "layer-collaboration": _family(FFSpec, sides.COLLABORATION),
    "scff": _family(ScffSpec, sides.SCFF),
    "mono-forward": _family(MonoSpec, labelled.MONO),
    "cwc": _family(CwcSpec, labelled.CWC),
    "deeper-forward": _family(CwcSpec, labelled.CWC),
    "distance-forward": _family(DistanceSpec, labelled.DISTANCE, hff.kinks),
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
