"""What an explanation is, and those that are a factor in one place."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ffref.oracle.diagnosis.chain import Change
from ffref.oracle.diagnosis.layer_steps import rows_of, units_of
from ffref.oracle.families.layer import Values

_NOTHING: Mapping[str, Change] = MappingProxyType({})


class Explanation(NamedTuple):
    """One mistake that someone may have made."""

    text: str
    line: str
    """the line of the formula that it concerns, with the tag of docs/derivations"""
    steps: Mapping[str, Change] = _NOTHING
    """of the chain, those that are mistaken, and how"""
    spec: Callable[[Any], Any] | None = None
    """the specification that was followed instead; None: the case's own"""


def other_spec(text: str, line: str, **fields: Any) -> Explanation:  # noqa: ANN401
    """Make an explanation by other choices; a function is one of the old choice."""

    def change(spec: Any) -> Any:  # noqa: ANN401
        known = {n: f for n, f in fields.items() if getattr(spec, n, None) is not None}
        made = {n: f(getattr(spec, n)) if callable(f) else f for n, f in known.items()}
        return spec._replace(**made)

    return Explanation(text, line, spec=change)


def replaced(text: str, line: str, **steps: Callable[[Values], Any]) -> Explanation:
    """Make an explanation by steps that return something else, whatever was right."""
    return Explanation(text, line, {n: _ignoring(step) for n, step in steps.items()})


def changed(text: str, line: str, **steps: Change) -> Explanation:
    """Make an explanation by steps whose result is changed."""
    return Explanation(text, line, steps)


def _ignoring(step: Callable[[Values], Any]) -> Change:
    return lambda v, right: step(v)


Factors = Mapping[str, Callable[[Values], float]]
PLAIN: Factors = {
    "half as large: a factor 2 is left out": lambda v: 0.5,
    "twice as large": lambda v: 2.0,
    "of the other sign": lambda v: -1.0,
}
BATCH: Factors = {
    "a sum over the batch, where its mean is meant: 1/batch is left out": rows_of,
    "divided by the batch once too often": lambda v: 1 / rows_of(v),
}
UNITS: Factors = {
    "a factor of the layer's units too large: 1/units is left out": units_of,
    "divided by the layer's units once too often": lambda v: 1 / units_of(v),
}


def factors(
    place: str, line: str, *steps: str, of: tuple[Factors, ...] = (PLAIN, BATCH)
) -> list[Explanation]:
    """Every factor of these groups in one place: in these steps, and all that follows them."""
    return [
        Explanation(f"{place} is {text}", line, dict.fromkeys(steps, times(factor)))
        for group in of
        for text, factor in group.items()
    ]


def times(factor: Callable[[Values], float]) -> Change:
    """Multiply by a number of the case."""
    return lambda v, right: right * factor(v)
