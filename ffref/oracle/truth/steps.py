"""The frame of a scalar formulation: named steps, one after the other.

A formulation is a list of steps, each a function of all that was computed before. The forward
steps end with `loss`; the backward steps are a transcription of the derivatives by hand, which
central differences of the loss have to confirm.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ffref.oracle.truth.numbers import ExactValues


class Mode(NamedTuple):
    """What differs between the passes over the steps."""

    frozen: ExactValues | None = None
    """values in which stop-gradients are stored constants: the loss is then the surrogate"""
    slope_at_kink: int = 0
    """of a relu at exactly 0, and of a normalisation at a row of zeros: 0 or 1; what depends on
    it has no derivative"""


Step = Callable[[ExactValues, Any, Mode], Any]


class Formulation(NamedTuple):
    """The steps of one layer, and what is the derivative of what."""

    forward: dict[str, Step]
    backward: dict[str, Step]
    variables: dict[str, str]
    """of each derivative: the name in which the loss is differentiated"""
    kinds: dict[str, tuple[str, str]]
    """(kind, reason) of quantities that are neither plain values nor plain derivatives"""


PLAIN = Mode()


def run(
    steps: dict[str, Step],
    values: ExactValues,
    spec: Any,  # noqa: ANN401
    mode: Mode = PLAIN,
) -> ExactValues:
    """Values with each step's result added; a name that is there already is not computed."""
    values = dict(values)
    for name, step in steps.items():
        if name not in values:
            values[name] = step(values, spec, mode)
    return values
