"""What a comparison found, in words that fit on one screen."""

import math
from typing import Any, NamedTuple

import numpy as np

from ffref.oracle.case import Case
from ffref.oracle.families.layer import Values
from ffref.oracle.tolerances import UNIT_ROUNDOFF

GOLDEN = "golden values, 50 digits rounded once"
_ENOUGH = 4
"""Different numbers that must fit into a coarser dtype, before a report says that they do."""
RULE = "|yours - reference| <= tolerance * max|reference| + floor"


class MismatchError(AssertionError):
    """Values are not those of the reference; `report` says which."""

    def __init__(self, report: "Report") -> None:
        super().__init__(str(report))
        self.report = report


class Finding(NamedTuple):
    """One quantity's verdict."""

    quantity: str
    """with the layer in front, where there are several: "layer2.d_weight\""""
    verdict: str
    """"agrees", "differs", "not finite", "wrong shape", "not supplied", "not checkable\""""
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    note: str = ""
    tolerance: float = 0.0
    floor: float = 0.0
    allowed: float = 0.0
    at: tuple[int, ...] = ()
    """index of the worst entry, in the reference's layout"""
    yours: float = 0.0
    reference: float = 0.0
    out: int = 0
    """entries that are further away than allowed"""
    error_ratio: float = 0.0
    """root of the mean square of the difference, over that of the reference"""
    rms_ratio: float = 0.0
    """root of the mean square of yours, over that of the reference"""
    cosine: float = 0.0
    kinks: int = 0
    """entries without a derivative, set aside"""

    @property
    def failed(self) -> bool:
        """Whether it was supplied, and is wrong."""
        return self.verdict in ("differs", "not finite", "wrong shape")

    @property
    def checked(self) -> bool:
        """Whether there was something to compare."""
        return self.failed or self.verdict == "agrees"

    def name(self) -> str:
        """In words, with the layer."""
        layer, _, quantity = self.quantity.rpartition(".")
        return f"{quantity} of layer {layer.removeprefix('layer')}" if layer else quantity


class Report(NamedTuple):
    """The verdict on all quantities of a case, in the order of computation."""

    case: str
    why: str
    reference: str
    """where the reference comes from"""
    dtype: str
    layout: str
    findings: tuple[Finding, ...]
    source: Case | None
    """what was compared with, if it was a case; `diagnose` needs it"""
    mine: Values
    """what was supplied, in float64, in its own layout"""

    @property
    def ok(self) -> bool:
        """Whether all that was supplied agrees, and something was checked."""
        return not any(f.failed for f in self.findings) and self.checked > 0

    @property
    def checked(self) -> int:
        """How many quantities were compared."""
        return sum(f.checked for f in self.findings)

    def named(self, verdict: str) -> list[str]:
        """Quantities of this verdict."""
        return [f.quantity for f in self.findings if f.verdict == verdict]

    def first_difference(self) -> Finding | None:
        """Return the first quantity that is wrong: those after it may follow from it."""
        return next((f for f in self.findings if f.failed), None)

    def coarser(self) -> str:
        """Say that all that was supplied fits into a coarser dtype, if it does and differs.

        Of fewer than four different numbers nothing is said: a few may be short by chance.

        Examples
        --------
        >>> from ffref.oracle import compare, evaluate, find_case
        >>> case = find_case("ff/paper/ordinary")
        >>> mine = {"d_bias": evaluate(case, "float32")["d_bias"].tolist()}  # plain numbers
        >>> compare(case, mine).coarser()
        'all your numbers are float32 numbers: if that is what you compute in, say dtype float32'
        """
        numbers = np.unique(np.concatenate([a.ravel() for a in self.mine.values()]))
        numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
        if self.ok or numbers.size < _ENOUGH:
            return ""
        mantissas = np.frexp(numbers)[0]
        fitting = [
            dtype
            for dtype, unit in UNIT_ROUNDOFF.items()
            if unit > UNIT_ROUNDOFF[self.dtype] and not (mantissas / unit % 1).any()
        ]
        if not fitting:
            return ""
        dtype = fitting[-1]
        numbers_of = f"all your numbers are {dtype} numbers"
        return f"{numbers_of}: if that is what you compute in, say dtype {dtype}"

    def where(self) -> str:
        """Say between which quantities the first mistake lies, and what would show it closer."""
        first = self.first_difference()
        if first is None:
            return ""
        before = self.findings[: self.findings.index(first)]
        agree = [place for place, f in enumerate(before) if f.verdict == "agrees"]
        since = before[agree[-1] + 1 :] if agree else before
        gap = [f.quantity for f in since if f.verdict == "not supplied"]
        last = before[agree[-1]].quantity if agree else "the inputs"
        if not gap:
            return f"it is in the step from {last} to {first.quantity}"
        return (
            f"it is between {last} and {first.quantity}: supply {', '.join(gap)}, "
            f"and the first that is wrong says where"
        )

    def raise_if_failed(self) -> None:
        """Raise MismatchError unless `ok`."""
        if not self.ok:
            raise MismatchError(self)

    def as_data(self) -> dict[str, Any]:
        """Everything but the arrays, for JSON."""
        findings = [
            {name: _json(value) for name, value in f._asdict().items()} for f in self.findings
        ]
        about = {n: v for n, v in self._asdict().items() if n not in ("source", "mine")}
        return {**about, "ok": self.ok, "checked": self.checked, "findings": findings}

    def __str__(self) -> str:
        """Verdict, first difference, and how to repeat it."""
        first = self.first_difference()
        head = f"{'ok' if self.ok else 'FAIL'} {self.case} in {self.dtype}"
        counts = f"{len(self.named('agrees'))} of {len(self.findings)} quantities agree"
        lines = [f"{head}: {counts}" if first is None else f"{head}: {first.name()} is wrong"]
        if first is None and not self.checked:
            lines[0] = f"{head}: nothing could be checked"
        if self.coarser():
            lines.append(f"  {self.coarser()}")
        if first is not None:
            lines += self._about(first)
        for verdict in ("not supplied", "not checkable"):
            if self.named(verdict):
                lines.append(f"  {verdict}: {', '.join(self.named(verdict))}")
        lines += [f"  {f.quantity}: {f.note}" for f in self.findings if f.note and f != first]
        if not self.ok:
            lines.append(f"  what this case is there to catch: {self.why}")
            lines.append(f"  reproduce: {self._command('compare')}")
            if first is not None and self.source is not None:
                lines.append(f"  what may be wrong: {self._command('diagnose')}")
        return "\n".join(lines)

    def _about(self, first: Finding) -> list[str]:
        before = [f.quantity for f in self.findings[: self.findings.index(first)]]
        agree = [name for name in self.named("agrees") if name in before]
        later = [f.quantity for f in self.findings if f.failed and f is not first]
        size = "x".join(map(str, first.shape)) or "one number"
        shape = f"{size} ({', '.join(first.axes)})" if first.axes else size
        lines = [f"  {first.name()}: {shape}; reference: {self.reference}"]
        if first.verdict == "differs":
            lines += _numbers(first)
        if first.note:
            lines.append(f"  {first.note}")
        lines.append(f"  before it agree: {', '.join(agree) or 'none'}")
        if later:
            lines.append(f"  wrong after it, perhaps because of it: {', '.join(later)}")
        return lines

    def _command(self, action: str) -> str:
        if self.reference != GOLDEN:
            family, _, seed = self.case.partition("/random/")
            drawn = f"random_case({family!r}, {seed})" if seed else "case"
            made = f"compare({drawn}, yours, dtype={self.dtype!r}, layout={self.layout or None!r})"
            return made if action == "compare" else f"diagnose({made})"
        layout = f" --layout {self.layout}" if self.layout else ""
        return f"ffref oracle {action} {self.case} YOURS --dtype {self.dtype}{layout}"


def _json(value: Any) -> Any:  # noqa: ANN401
    """JSON has no NaN: None where nothing can be divided."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(f: Finding) -> list[str]:
    count = 1
    for length in f.shape:
        count *= length
    return [
        f"  worst at {list(f.at)}: yours {f.yours:.9g}, reference {f.reference:.9g}, apart "
        f"{abs(f.yours - f.reference):.3g}; allowed {f.allowed:.3g}",
        f"  rule: {RULE}, tolerance {f.tolerance:.3g}, floor {f.floor:.3g}",
        f"  {f.out} of {count} entries out; RMS of the difference {f.error_ratio:.3g} of the "
        f"reference's, RMS ratio {f.rms_ratio:.6g}, cosine {f.cosine:.6f}",
    ]
