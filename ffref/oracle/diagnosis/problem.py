"""What has to be explained: a report's arrays, and how near a prediction comes to them."""

from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.oracle.case import Case
from ffref.oracle.comparison import Expected, expectations, fit
from ffref.oracle.diagnosis.catalogue import KNOWN, Known
from ffref.oracle.diagnosis.chain import Change, follow, unchanged
from ffref.oracle.diagnosis.explanation import Explanation
from ffref.oracle.families.layer import Values
from ffref.oracle.layouts import from_layout, shape_there
from ffref.oracle.report import Report
from ffref.oracle.tolerances import OF_ONES_OWN
from ffref.types import Array

SLACK = 4.0
"""Times what a comparison allows: what follows from a mistake has other condition numbers."""
LAYOUTS_TO_TRY = ("out_in", "NCHW", "out_in,NCHW")


class Problem(NamedTuple):
    """One report, ready to be compared with predictions."""

    case: Case
    dtype: str
    mine: Values
    """what was supplied and can be compared, in the reference's layout, in order"""
    expected: dict[str, Expected]
    misplaced: dict[str, str]
    """quantities that only fit in another layout than was named, and that layout"""
    plain: Values | None
    """every step without a mistake, where there is one layer"""

    @property
    def known(self) -> Known:
        """Steps and explanations of the case's family."""
        return KNOWN[self.case.family]


def open_problem(report: Report) -> Problem:
    """Collect what there is to explain.

    Raises
    ------
    ValueError
        If the report is of a mapping, not of a case; no mistake of its family is known; or no
        array has the right size.
    """
    case = report.source
    if case is None:
        raise ValueError(
            "diagnose needs to know the rule that was meant: compare with a case, not with arrays"
        )
    require(
        case.family in KNOWN,
        f"no mistakes are known of the family {case.family}; there are {', '.join(KNOWN)}",
    )
    expected, _ = expectations(case, report.dtype)
    mine: Values = {}
    misplaced: dict[str, str] = {}
    for name, wanted in expected.items():
        if name not in report.mine or wanted.tolerance is None:
            continue
        for layout in (report.layout, *LAYOUTS_TO_TRY):
            names = tuple(layout.split(",")) if layout else ()
            fitted = fit(report.mine[name], shape_there(wanted.value.shape, wanted.axes, names))
            if fitted is not None:
                mine[name] = from_layout(fitted, wanted.axes, names)
                if layout != report.layout:
                    misplaced[name] = layout
                break
    require(
        len(mine) > 0,
        "nothing to diagnose: no array that was supplied has the right number of entries",
    )
    plain = unchanged(KNOWN[case.family].chain, case, report.dtype)
    return Problem(case, report.dtype, mine, expected, misplaced, plain)


def predictions(problem: Problem, explanations: tuple[Explanation, ...]) -> Any:  # noqa: ANN401
    """Yield (quantity, value) of the case with these mistakes made."""
    spec = problem.case.spec
    changes: dict[str, Change] = {}
    for explanation in explanations:
        if explanation.spec is not None:
            spec = explanation.spec(spec)
        for name, change in explanation.steps.items():
            changes[name] = _after(changes[name], change) if name in changes else change
    plain = problem.plain if spec == problem.case.spec else None
    return follow(problem.known.chain, problem.case, spec, changes, problem.dtype, plain)


def _after(first: Change, second: Change) -> Change:
    return lambda v, right: second(v, first(v, right))


def explains(problem: Problem, explanations: tuple[Explanation, ...]) -> Values | None:
    """Predictions of all that was supplied, if they all fit."""
    made: Values = {}
    with np.errstate(all="ignore"):
        for name, predicted in predictions(problem, explanations):
            if name in problem.mine:
                if misfit(problem, name, predicted) > 1:
                    return None
                made[name] = predicted
    return made


def first_misfit(problem: Problem, explanations: tuple[Explanation, ...]) -> str:
    """Name of the first quantity that these mistakes do not explain; empty: there is none."""
    with np.errstate(all="ignore"):
        for name, predicted in predictions(problem, explanations):
            if name in problem.mine and misfit(problem, name, predicted) > 1:
                return name
    return ""


def misfit(problem: Problem, name: str, predicted: Array) -> float:
    """Largest error in units of what is allowed; infinite if one is NaN and the other is not."""
    wanted, mine = problem.expected[name], problem.mine[name]
    predicted = np.asarray(predicted, np.float64)
    if predicted.shape != mine.shape:  # another number of pairs
        return np.inf
    finite, finite_mine = np.isfinite(predicted), np.isfinite(mine)
    if wanted.kinks is not None:
        finite, finite_mine = finite | (wanted.kinks > 0), finite_mine | (wanted.kinks > 0)
    if finite.all() != finite_mine.all():
        return np.inf
    kept = finite & finite_mine
    if wanted.kinks is not None:
        kept &= wanted.kinks == 0
    assert wanted.tolerance is not None
    size = float(np.abs(predicted[kept]).max(initial=0))
    usual = float(np.abs(wanted.value).max(initial=0))
    floor = wanted.floor * max(1.0, size / usual if usual else 1.0)
    error = float(np.abs(mine - predicted)[kept].max(initial=0))
    # of a reference of zeros alone no tolerance is known
    tolerance = wanted.tolerance or OF_ONES_OWN[problem.dtype]
    allowed = SLACK * (tolerance * size + floor)
    if error == 0:
        return 0.0
    return error / allowed if allowed else np.inf


def distance(problem: Problem, name: str, predicted: Array) -> float:
    """Root of the mean square of what is not explained, over that of what was supplied."""
    mine = problem.mine[name]
    if np.shape(predicted) != mine.shape:
        return np.inf
    kept = np.isfinite(mine) & np.isfinite(predicted)
    if not kept.any():
        return np.inf if np.isfinite(mine).all() or np.isfinite(predicted).all() else 0.0
    size = float(np.sqrt((mine[kept] ** 2).mean()))
    error = float(np.sqrt(((mine[kept] - predicted[kept]) ** 2).mean()))
    return error / size if size else (0.0 if error == 0 else np.inf)
