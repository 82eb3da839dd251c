"""How near the library comes to the truth: ulp and condition number of every quantity."""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from ffref._checks import require
from ffref.oracle.case import Case
from ffref.oracle.evaluation import evaluate
from ffref.oracle.tolerances import UNIT_ROUNDOFF


class Precision(NamedTuple):
    """One quantity's error."""

    quantity: str
    kind: str
    ulp: float
    """largest error, in distances between the numbers next to the array's largest entry"""
    kappa: float
    """condition number, relative to the largest entry"""
    share: float
    """error / (unit roundoff * condition number): at most 8 in float64, by promise"""


def precision(case: Case, dtype: DTypeLike = np.float64) -> list[Precision]:
    """Errors of `evaluate` against the golden values, in the order of computation.

    Examples
    --------
    >>> from ffref.oracle import find_case
    >>> max(line.share for line in precision(find_case("ff/paper/ordinary"))) <= 8
    True
    """
    require(bool(case.golden), f"{case.id} has no golden values: it is a case of your own")
    kind = np.dtype(dtype)
    lines = []
    for name, mine in evaluate(case, kind).items():
        golden = case.golden[name]
        largest = np.abs(golden.value).max()
        # below the smallest normal number there are no relative digits to have
        error = np.abs(mine.astype(np.float64) - golden.value).max()
        error = max(0.0, float(error) - float(np.finfo(kind).tiny))
        unit = UNIT_ROUNDOFF[kind.name] * golden.kappa
        lines.append(
            Precision(
                name,
                golden.kind,
                float(error / np.spacing(largest.astype(kind))),
                float(golden.kappa / largest) if largest else 0.0,
                float(error / unit) if unit else 0.0,
            )
        )
    return lines


def precision_table(case: Case, dtype: DTypeLike = np.float64) -> str:
    """`precision` as text."""
    head = f"{'quantity':24} {'kind':13} {'ulp':>8} {'kappa':>9} {'error / u kappa':>16}"
    lines = [
        f"{p.quantity:24} {p.kind:13} {p.ulp:8.2f} {p.kappa:9.3g} {p.share:16.3g}"
        for p in precision(case, dtype)
    ]
    return "\n".join([f"{case.id} in {np.dtype(dtype).name}", head, *lines])
