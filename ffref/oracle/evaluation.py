"""The library's own values of a case."""

import numpy as np
from numpy.typing import DTypeLike

from ffref.oracle.case import Case
from ffref.oracle.families import FAMILIES, evaluate_layers
from ffref.oracle.families.layer import Values


def evaluate(case: Case, dtype: DTypeLike = np.float64) -> Values:
    """Every quantity of a case, by the library's layers and objectives.

    Parameters
    ----------
    case : Case
        Of the registry, or from `new_case`.
    dtype : float64 or float32
        All inputs are cast to it first; those of the registry lose nothing by that.

    Returns
    -------
    dict of arrays
        In the order of computation; "layer1.loss", ... of several layers.

    Examples
    --------
    >>> from ffref.oracle import cases, evaluate
    >>> list(evaluate(cases(family="ff")[0]))[:4]
    ['normalized', 'preactivation', 'activity', 'goodness']
    """
    return evaluate_layers_of(case, dtype)[0]


def evaluate_layers_of(case: Case, dtype: DTypeLike) -> tuple[Values, dict[str, float]]:
    """Return `evaluate`, and each quantity's natural scale."""
    return evaluate_layers(FAMILIES[case.family], case.spec, case.inputs, dtype)
