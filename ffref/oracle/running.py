"""Every case asked of one implementation: what passed, failed, was expected to fail, or skipped.

A green run says how much was compared; `Expected.checks` pins it, so that a run in which cases
have fallen away does not pass.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from ffref._checks import require
from ffref.oracle.adapters import Adapter
from ffref.oracle.case import Case
from ffref.oracle.comparison import compare
from ffref.oracle.report import Report

VERDICTS = ("passed", "failed", "xfailed", "skipped")


class Expected(NamedTuple):
    """What is known of an implementation before it runs."""

    failures: Mapping[str, str] = {}
    """pattern of case ids (`ff/loewex/*`) -> why these fail; one that passes is a failure"""
    skips: Mapping[str, str] = {}
    """pattern of case ids -> why these are not asked"""
    checks: int = 0
    """at least so many quantities have to be compared"""


class Outcome(NamedTuple):
    """What became of one case."""

    case: str
    verdict: str
    """one of `VERDICTS`"""
    reason: str
    """why it was skipped, expected to fail, or failed"""
    report: Report | None
    """None: nothing was compared"""


class Summary(NamedTuple):
    """What became of all cases."""

    adapter: str
    outcomes: tuple[Outcome, ...]
    expected: Expected

    @property
    def checks(self) -> int:
        """How many quantities were compared."""
        return sum(o.report.checked for o in self.outcomes if o.report is not None)

    @property
    def ok(self) -> bool:
        """Whether nothing failed, something was compared, and no less than was pinned."""
        return not self.named("failed") and self.checks >= max(1, self.expected.checks)

    def named(self, verdict: str) -> list[Outcome]:
        """Outcomes of this verdict."""
        return [outcome for outcome in self.outcomes if outcome.verdict == verdict]

    def as_data(self) -> dict[str, Any]:
        """Everything but the arrays, for JSON."""
        return {
            "adapter": self.adapter,
            "ok": self.ok,
            "checks": self.checks,
            "pinned": self.expected.checks,
            "counts": {verdict: len(self.named(verdict)) for verdict in VERDICTS},
            "outcomes": [
                {
                    "case": o.case,
                    "verdict": o.verdict,
                    "reason": o.reason,
                    "report": None if o.report is None else o.report.as_data(),
                }
                for o in self.outcomes
            ],
        }

    def __str__(self) -> str:
        """Counts, each failure in a line, reasons, and the first failure's report."""
        failed = self.named("failed")
        counts = ", ".join(f"{len(self.named(verdict))} {verdict}" for verdict in VERDICTS)
        ran = len(self.outcomes) - len(self.named("skipped"))
        lines = [f"{self.adapter}: {ran} run: {counts}; {self.checks} quantities compared"]
        lines += [f"  failed {o.case}: {o.reason}" for o in failed]
        for verdict in ("xfailed", "skipped"):
            reasons = Counter(o.reason for o in self.named(verdict))
            lines += [f"  {verdict} {count}: {reason}" for reason, count in reasons.items()]
        if self.checks < self.expected.checks:
            lines.append(f"  FEWER than the {self.expected.checks} quantities that are pinned")
        first = next((o.report for o in failed if o.report is not None and not o.report.ok), None)
        if first is not None:
            lines += ["", str(first)]
        return "\n".join(lines)


def run_adapter(
    adapter: Adapter, cases: Iterable[Case], expected: Expected | None = None
) -> Summary:
    """Ask an adapter for every case, and compare with its reference.

    Parameters
    ----------
    adapter : Adapter
        Anything with `supports(spec)` and `run(case)`. What it raises fails the case.
    cases : Cases
        `oracle.cases(...)`, `oracle.random_case(...)`, or your own.
    expected : Expected, optional

    Returns
    -------
    Summary
        `ok`, `outcomes`; `print(summary)` fits on a screen.

    Raises
    ------
    ValueError
        If `supports` returns neither True nor a reason, or a pattern of `expected` fits no case.

    Examples
    --------
    >>> from ffref.oracle import cases
    >>> from ffref.oracle.adapters import NumPy
    >>> print(run_adapter(NumPy(), cases("ff", "fflib")))
    NumPy: 2 run: 2 passed, 0 failed, 0 xfailed, 0 skipped; 22 quantities compared
    """
    expected = expected or Expected()
    chosen = list(cases)
    for pattern in (*expected.failures, *expected.skips):
        require(
            any(fnmatchcase(case.id, pattern) for case in chosen),
            f"no case that was asked for fits {pattern!r}",
        )
    outcomes = tuple(_outcome(adapter, case, expected) for case in chosen)
    return Summary(type(adapter).__name__, outcomes, expected)


def reason_of(case: Case, reasons: Mapping[str, str]) -> str | None:
    """Return the reason whose pattern fits the case's id, if any."""
    return next((why for pattern, why in reasons.items() if fnmatchcase(case.id, pattern)), None)


def why_not(adapter: Adapter, case: Case, skips: Mapping[str, str]) -> str | None:
    """Why an adapter is not asked for a case; None: it is."""
    skipped = reason_of(case, skips)
    if skipped is not None:
        return skipped
    supported = adapter.supports(case.spec)
    require(
        supported is True or (isinstance(supported, str) and supported != ""),
        f"supports must return True, or the reason why cases are skipped, got {supported!r}",
    )
    return None if supported is True else str(supported)


def _outcome(adapter: Adapter, case: Case, expected: Expected) -> Outcome:
    skipped = why_not(adapter, case, expected.skips)
    if skipped is not None:
        return Outcome(case.id, "skipped", skipped, None)
    fails = reason_of(case, expected.failures)
    report = None
    try:
        mine = adapter.run(case)
        if isinstance(mine, str):
            return Outcome(case.id, "skipped", mine, None)
        report = compare(
            case,
            mine,
            dtype=getattr(adapter, "dtype", None),
            layout=getattr(adapter, "layout", None),
        )
        problem = _problem(report)
    except Exception as error:  # whatever someone's code raises, the other cases run
        problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if fails is not None:
        if problem is None:
            return Outcome(case.id, "failed", f"passes, but is expected to fail: {fails}", report)
        return Outcome(case.id, "xfailed", fails, report)
    return Outcome(case.id, "passed" if problem is None else "failed", problem or "", report)


def _problem(report: Report) -> str | None:
    first = report.first_difference()
    if first is not None:
        return f"{first.name()} is wrong"
    return None if report.ok else "nothing could be checked"


def read_expected(path: str | Path) -> Expected:
    """Read what is expected from a TOML file.

    ::

        checks = 812                    # at least so many quantities are compared

        [failures]
        "ff/loewex/*" = "we follow Hinton's peer rule"

        [skips]
        "recurrent/*" = "no recurrent layers"

    Raises
    ------
    ValueError
        If it is no TOML, or holds anything else.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    unknown = sorted(set(data) - set(Expected._fields))
    require(not unknown, f"{path} has checks, [failures] and [skips], not {', '.join(unknown)}")
    for table in ("failures", "skips"):
        entries = data.get(table, {})
        require(
            isinstance(entries, dict) and all(isinstance(why, str) for why in entries.values()),
            f'{path}: an entry of [{table}] is "pattern" = "reason"',
        )
    checks = data.get("checks", 0)
    require(isinstance(checks, int) and checks >= 0, f"{path}: checks is a number, got {checks!r}")
    return Expected(**data)
