"""How far rounding may move the quantities of a case whose condition numbers nobody computed."""

import numpy as np

from ffref.oracle.case import Case
from ffref.oracle.evaluation import evaluate
from ffref.oracle.families.layer import Values
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
