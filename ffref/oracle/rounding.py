"""How far rounding may move the quantities of a case whose condition numbers nobody computed."""

import numpy as np

from ffref.oracle.case import Case
from ffref.oracle.evaluation import evaluate
from ffref.oracle.families import Family
from ffref.oracle.families.layer import Values, flat
from ffref.oracle.tolerances import UNIT_ROUNDOFF

_DRAWS = 8
_SIZE = 4.0
"""Of the changes, in unit roundoffs."""


def moved_by_rounding(case: Case, values: Values, dtype: str) -> Values:
    """Largest change of each entry, when every input is changed by some roundings of its size.

    Inputs are changed at random, relative to themselves, by up to four unit roundoffs of the
    dtype, eight times, always by the same draws; labels and polarity stay. A unit whose weighted
    sum is near the relu's kink is on in some draws and off in others: its gradient comes and goes
    as it does in correct code that rounds.
    """
    rng = np.random.default_rng(0)
    size = _SIZE * UNIT_ROUNDOFF[dtype]
    moved = {name: np.zeros(np.shape(value)) for name, value in values.items()}
    for _ in range(_DRAWS):
        inputs = {
            name: array
            if array.dtype.kind == "i" or name == "polarity"
            else array * (1 + rng.uniform(-size, size, array.shape))
            for name, array in case.inputs.items()
        }
        for name, value in evaluate(case._replace(inputs=inputs)).items():
            np.maximum(moved[name], np.abs(value - values[name]), out=moved[name])
    return moved


def left_to_rounding(
    family: Family, values: Values, scales: dict[str, float], dtype: str
) -> tuple[Values, set[str]]:
    """Entries without a derivative, or so near the relu's kink that rounding decides.

    Returns
    -------
    marks : dict of arrays
        1 at such entries, by quantity.
    unknown : set of str
        Quantities of which nothing is known: a row whose active units are all near the kink has a
        direction, but its derivative is one over a length that rounding may make any size.
    """
    marks = family.kinks(values)
    unknown: set[str] = set()
    for name, sums in values.items():
        *layer, quantity = name.split(".")
        if quantity != "preactivation":
            continue
        weight, bias, gated, activity, through = (
            ".".join([*layer, other])
            for other in ("d_weight", "d_bias", "d_preactivation", "activity", "d_activity")
        )
        near = np.abs(sums) <= 2 * UNIT_ROUNDOFF[dtype] * scales[name]
        if gated not in values:  # of a block: what its channels' scale and norm are behind
            marks[".".join([*layer, "d_sums"])] = near.astype(np.float64)
            continue
        marks[gated] = near.astype(np.float64)
        sure = flat(np.where(near, 0, values[activity]))
        short = flat(values[activity]).any(axis=1) & ~sure.any(axis=1)
        if through in marks and short.any():
            marks[gated][short] = marks[through][short] = 1
            unknown |= {weight, bias}
    return marks, unknown
