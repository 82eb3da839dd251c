"""How far a correct implementation may be from the golden value.

A quantity's tolerance is MULTIPLE[dtype] * unit roundoff * condition number / largest entry. The
condition number is the case's own, found with 50 digits; the multiple is measured: correct
implementations (the library, and PyTorch's autograd) were at most 0.67 such units away in float64
and float32, 0.72 in bfloat16, beyond the floor, over all cases and quantities (docs/oracle.md,
benchmarks/oracle_tolerances.py). They are given six and 1.4 times that.
"""

UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8}
"""Half the distance from 1 to the next number."""
MULTIPLE = {"float64": 4.0, "float32": 4.0, "bfloat16": 1.0}
LOOSEST = 0.25
"""A dtype in which a quantity's tolerance would be larger cannot check that quantity."""
OF_ONES_OWN = {"float64": 1e-12, "float32": 1e-4, "bfloat16": 0.25}
"""Relative tolerance for cases of your own, whose condition numbers nobody computed."""


def tolerances(kappa: float, largest: float) -> dict[str, float]:
    """Tolerance of a quantity by dtype, relative to its largest entry.

    Examples
    --------
    >>> sorted(tolerances(kappa=1000.0, largest=1.0))  # bfloat16 has too few digits for it
    ['float32', 'float64']
    """
    if largest == 0:
        return dict.fromkeys(UNIT_ROUNDOFF, 0.0)
    found = {
        dtype: float(f"{MULTIPLE[dtype] * unit * kappa / largest:.3g}")
        for dtype, unit in UNIT_ROUNDOFF.items()
    }
    return {dtype: tolerance for dtype, tolerance in found.items() if tolerance <= LOOSEST}


def floor(dtype: str, scale: float) -> float:
    """Absolute allowance: eps of the dtype times the quantity's natural scale."""
    return 2 * UNIT_ROUNDOFF[dtype] * scale
