"""Which known mistakes explain what differs: alone, as a factor, in pairs."""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ffref._checks import require
from ffref.oracle.diagnosis.explanation import Explanation
from ffref.oracle.diagnosis.fitted import fitted
from ffref.oracle.diagnosis.problem import (
    SLACK,
    Problem,
    distance,
    explains,
    first_misfit,
    misfit,
    open_problem,
    predictions,
)
from ffref.oracle.families.layer import Values
from ffref.oracle.report import Report
from ffref.oracle.tolerances import UNIT_ROUNDOFF

Mistakes = tuple[Explanation, ...]
"""One, or two that were made together."""


class EqualMistakes(NamedTuple):
    """Mistakes whose effect on all that was supplied is the same: no report tells them apart."""

    mistakes: tuple[Mistakes, ...]
    """that which is named first comes first"""
    complete: bool
    """whether they explain all that was supplied"""
    residual: float
    """what is left unexplained of the worst quantity: RMS, relative to its own"""

    def __str__(self) -> str:
        """Text and line of the first, texts of the others."""
        first, *others = self.mistakes
        lines = [" AND ".join(e.text for e in first)]
        lines += dict.fromkeys(f"    {e.line}" for e in first)
        shown = [" AND ".join(e.text for e in mistakes) for mistakes in others[:5]]
        lines += [f"    or, the same here: {text}" for text in shown]
        if len(others) > len(shown):
            lines.append(f"    and {len(others) - len(shown)} more that are the same here")
        return "\n".join(lines)


class Diagnosis(NamedTuple):
    """What may be wrong, best first."""

    layouts: dict[str, str]
    """quantities that stand in another layout than was named"""
    ranked: tuple[EqualMistakes, ...]
    agrees: bool
    """whether there is nothing to explain, but for layouts and rounding"""
    rounded: bool = False
    """whether what agrees does so within the allowance of a diagnosis alone"""
    advice: tuple[str, ...] = ()
    """where to look, if nothing explains all"""

    @property
    def explained(self) -> bool:
        """Whether something explains all that was supplied."""
        return bool(self.ranked) and self.ranked[0].complete

    def __str__(self) -> str:
        """Likely mistakes, or that none is known."""
        lines = [f"{n}: its axes stand as in layout {at!r}" for n, at in self.layouts.items()]
        if self.agrees:
            text = "nothing else differs" if lines else "nothing differs"
            if self.rounded:
                text += f" by more than {SLACK:g} times what is allowed: rounding, or an eps"
            return "\n".join([*lines, text])
        if not self.ranked:
            none = "no known mistake, and no two of them, come near this"
            return "\n".join([*lines, none, *self.advice])
        if not self.explained:
            lines.append(
                "no known mistake explains all of it; nearest, with the share they leave:"
            )
        for place, entry in enumerate(self.ranked, 1):
            left = "" if entry.complete else f"[{entry.residual:.2g} left] "
            lines.append(f"{place}. {left}{entry}")
        return "\n".join([*lines, *self.advice])


def diagnose(*reports: Report, most: int = 5) -> Diagnosis:
    """Find known mistakes that explain what reports found, alone or in pairs.

    Each of the known mistakes is made in the case's own computation, and what follows from it
    compared with what was supplied. A pair is tried where no single mistake explains everything.

    Parameters
    ----------
    *reports : Report
        Of `compare` with a case. Several reports of one implementation, on cases of one family,
        tell more mistakes apart; those that agree count as well.
    most : int
        How many classes of mistakes to return.

    Returns
    -------
    Diagnosis
        `ranked`, best first: classes of mistakes that explain everything; or else the nearest.
        `print(diagnosis)` shows each with the line of the formula that it concerns.

    Raises
    ------
    ValueError
        If a report is not of a case, or the cases are of several families.

    Examples
    --------
    >>> from ffref.oracle import compare, evaluate, find_case
    >>> case = find_case("ff/paper/ordinary")
    >>> right = evaluate(case)
    >>> mine = {"loss": right["loss"], "d_weight": right["d_weight"] / 6,
    ...         "d_bias": right["d_bias"] / 6}
    >>> print(diagnose(compare(case, mine)))  # doctest: +ELLIPSIS
    1. the gradient, not the loss, is divided by the batch once too often
        (FF.3) d_logit = -s sigmoid(-s logit) / batch
    ...
    """
    require(len(reports) > 0, "diagnose takes at least one report, of `compare`")
    problems = [open_problem(report) for report in reports]
    families = {problem.case.family for problem in problems}
    require(len(families) == 1, f"reports of one family at a time, got {sorted(families)}")
    layouts = {name: at for problem in problems for name, at in problem.misplaced.items()}
    if _all_fit(problems, ()) is not None:
        rounded = any(report.named("differs") for report in reports)
        return Diagnosis(layouts, (), agrees=True, rounded=rounded)
    known = problems[0].known.explanations
    complete = _complete(problems, ((e,) for e in known))
    if not complete:
        complete = _complete(problems, ((e,) for e in fitted(problems)))
        complete += _complete(problems, _pairs(problems, known))
    if complete:
        return Diagnosis(layouts, tuple(_classes(problems, complete)[:most]), agrees=False)
    near = tuple(_nearest(problems, known)[:most])
    return Diagnosis(layouts, near, agrees=False, advice=_advice(reports))


def _advice(reports: tuple[Report, ...]) -> tuple[str, ...]:
    """Where to look in the first report that differs."""
    failed = next(report for report in reports if not report.ok)
    said = (failed.coarser(), failed.where())
    return tuple(f"{failed.case}: {text}" for text in said if text)


def _pairs(problems: list[Problem], known: list[Explanation]) -> Iterator[Mistakes]:
    """Pairs that may explain everything.

    Where one mistake alone does not explain a quantity, the other must be made before that
    quantity, or at it.
    """
    problem = next(p for p in problems if explains(p, ()) is None)
    places = {name: place for place, name in enumerate(problem.known.chain)}
    begins, ends = [], []
    for explanation in known:
        made = [places[name] for name in explanation.steps if name in places]
        begins.append(-1 if explanation.spec is not None else min(made, default=len(places)))
        ends.append(_end(places, first_misfit(problem, (explanation,)), explanation))
    for a, b in combinations(range(len(known)), 2):
        if begins[a] <= ends[b] and begins[b] <= ends[a]:
            yield known[a], known[b]


def _end(places: dict[str, int], misfitting: str, explanation: Explanation) -> int:
    """Place of the last step that may act on the first quantity that does not fit."""
    layer, _, quantity = misfitting.rpartition(".")
    end = places.get(quantity, len(places))
    if layer and "d_activity" in explanation.steps:  # it may hand on what is above
        return len(places)
    if layer not in ("", "layer1"):
        return max(end, places["activity"])
    return end


def _all_fit(problems: list[Problem], mistakes: Mistakes) -> list[Values] | None:
    """Predictions for every report, if they all fit."""
    made = []
    for problem in problems:
        found = explains(problem, mistakes)
        if found is None:
            return None
        made.append(found)
    return made


def _complete(
    problems: list[Problem], candidates: Iterable[Mistakes]
) -> list[tuple[Mistakes, list[Values], float]]:
    """Candidates that explain everything, what they predict, and what they leave.

    Two mistakes in one step are made in either order.
    """
    found = []
    for mistakes in candidates:
        made = _all_fit(problems, mistakes)
        if (
            made is None
            and len(mistakes) > 1
            and set.intersection(*(set(e.steps) for e in mistakes))
        ):
            made = _all_fit(problems, mistakes[::-1])
        if made is not None:
            left = max(
                distance(problem, name, value)
                for problem, values in zip(problems, made, strict=True)
                for name, value in values.items()
            )
            found.append((mistakes, made, left))
    return found


def _classes(
    problems: list[Problem], found: list[tuple[Mistakes, list[Values], float]]
) -> list[EqualMistakes]:
    """Group what predicts the same; best first."""
    apart = [max(1e-9, 2 * UNIT_ROUNDOFF[problem.dtype]) for problem in problems]
    groups: list[tuple[list[Values], list[Mistakes], float]] = []
    for mistakes, made, left in found:
        for predicted, members, _ in groups:
            if _same(predicted, made, apart):
                members.append(mistakes)
                break
        else:
            groups.append((made, [mistakes], left))
    ordered = sorted(groups, key=lambda group: group[2])
    return [EqualMistakes(tuple(members), True, left) for _, members, left in ordered]


def _same(a: list[Values], b: list[Values], apart: list[float]) -> bool:
    """Equal but for rounding in the dtype that was supplied."""
    for mine, other, share in zip(a, b, apart, strict=True):
        for name, value in mine.items():
            size = np.abs(np.where(np.isfinite(value), value, 0)).max(initial=0)
            if not np.allclose(value, other[name], rtol=0, atol=share * size, equal_nan=True):
                return False
    return True


def _nearest(problems: list[Problem], known: list[Explanation]) -> list[EqualMistakes]:
    """Single mistakes that explain most of it: those that get further, then nearer."""
    plain_fit, plain_left = _how_near(problems, ())
    found = []
    for explanation in known:
        fitting, left = _how_near(problems, (explanation,))
        if fitting > plain_fit or (fitting == plain_fit and left < min(plain_left, 1) / 2):
            found.append((-fitting, left, explanation))
    found.sort(key=lambda entry: entry[:2])
    return [EqualMistakes(((e,),), False, left) for _, left, e in found]


def _how_near(problems: list[Problem], mistakes: Mistakes) -> tuple[int, float]:
    """How many quantities fit before the first that does not, and what is left of the worst."""
    fitting, left = 0, 0.0
    for problem in problems:
        so_far = True
        with np.errstate(all="ignore"):
            for name, predicted in predictions(problem, mistakes):
                if name in problem.mine:
                    so_far = so_far and misfit(problem, name, predicted) <= 1
                    fitting += so_far
                    left = max(left, distance(problem, name, predicted))
    return fitting, left
