"""Goodness, threshold and norm that belong together, and a warning for those that do not.

Two traditions of Forward-Forward code differ by a factor of thousands in the scale of goodness.
Each is sound; half of one with half of the other is not. Derivation:
docs/derivations/formulas.md, equation GOOD.5.
"""

import warnings
from typing import NamedTuple

from ffref._checks import check_count, check_number, require
from ffref.formulas.goodness import GOODNESS
from ffref.formulas.norms import NORMS


class GoodnessRecipe(NamedTuple):
    """What belongs together."""

    goodness: str
    """a name of `GOODNESS`"""
    threshold: float | None
    """None: the number of units"""
    norm: str
    """a name of `NORMS`: of each layer's input"""
    source: str

    def threshold_of(self, units: int) -> float:
        """Threshold of a layer of `units`."""
        return float(units) if self.threshold is None else self.threshold


GOODNESS_RECIPES = {
    "hinton": GoodnessRecipe("sum", None, "rms", "Matlab code of Hinton (2022); loeweX da516f0"),
    "mean-l2": GoodnessRecipe("mean", 2.0, "l2", "mpezeshki 1c7a211; pytorch/examples 77f55b9"),
}
"""The two traditions by name. "mean-l2" starts far below its threshold and wants a large learning
rate (0.03 with Adam)."""

MIXED_BEYOND = 20.0
"""Factor between threshold and goodness at the start, either way, above which `warn_if_mixed`
speaks up."""


def starting_goodness(goodness: str, norm: str, *, units: int, in_units: int) -> float:
    """Goodness that a relu layer starts with, in the mean, for weights from N(0, 1 / in_units).

    A weighted sum has variance ||x||^2 / in_units, of which the relu keeps half of the square;
    ||x||^2 is in_units after `rms_normalize` and `layer_normalize`, 1 after `l2_normalize`.

    Parameters
    ----------
    goodness : {"sum", "mean", "negative-sum", "negative-mean"}
    norm : {"rms", "layer", "l2"}
        Of the layer's input.
    units, in_units : int

    Examples
    --------
    >>> starting_goodness("sum", "rms", units=500, in_units=784)
    250.0
    >>> round(starting_goodness("mean", "l2", units=500, in_units=784), 6)
    0.000638
    """
    require(
        goodness in GOODNESS,
        f"goodness must be one of {', '.join(GOODNESS)}, got {goodness!r}",
    )
    known = [name for name in NORMS if name != "none"]
    require(norm in known, f"norm must be one of {', '.join(known)}, got {norm!r}")
    check_count(units, "units")
    check_count(in_units, "in_units")
    squared_length = 1 if norm == "l2" else in_units
    terms = units if goodness.endswith("sum") else 1
    size = 0.5 * squared_length / in_units * terms  # (GOOD.5)
    return -size if goodness.startswith("negative") else size


def warn_if_mixed(
    goodness: str, threshold: float | None, norm: str, *, units: int, in_units: int
) -> bool:
    """Warn when goodness, threshold and norm come from different traditions, and say whether so.

    Silent for `GOODNESS_RECIPES`, for no norm, and wherever the threshold is within a factor
    of 20 of `starting_goodness`.

    Parameters
    ----------
    goodness : {"sum", "mean", "negative-sum", "negative-mean"}
    threshold : float, optional
        None: the number of units.
    norm : {"none", "rms", "layer", "l2"}
        Of the layer's input.
    units, in_units : int

    Examples
    --------
    >>> warn_if_mixed("sum", None, "rms", units=500, in_units=784)
    False
    >>> warn_if_mixed("mean", 2.0, "l2", units=500, in_units=784)
    False
    """
    value = float(units) if threshold is None else check_number(threshold, "threshold")
    sign = -1 if goodness.startswith("negative") else 1
    for recipe in GOODNESS_RECIPES.values():
        same = (goodness.removeprefix("negative-"), norm) == (recipe.goodness, recipe.norm)
        if same and value == sign * recipe.threshold_of(units):
            return False
    if norm == "none":
        return False
    start = starting_goodness(goodness, norm, units=units, in_units=in_units)
    ratio = value / start
    if 1 / MIXED_BEYOND <= ratio <= MIXED_BEYOND:
        return False
    together = " or ".join(
        f"{{{recipe.goodness}, {recipe.threshold or 'number of units'}, {recipe.norm}}}"
        for recipe in GOODNESS_RECIPES.values()
    )
    warnings.warn(
        f"goodness {goodness!r}, threshold {value:g} and norm {norm!r} hardly go together: a "
        f"layer of {units} units on {in_units} inputs starts with a goodness of about "
        f"{start:.3g}; take {together}",
        stacklevel=2,
    )
    return True
