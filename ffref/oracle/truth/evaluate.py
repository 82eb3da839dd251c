"""A case with 50 digits: golden values, how they were confirmed, and condition numbers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffref.oracle.specs import Spec
from ffref.oracle.stack import HANDED_UP, layer_inputs, layers_of, prefix_of
from ffref.oracle.truth import block, faust, ff, hff, labelled, pairs, recurrent, sides
from ffref.oracle.truth.numbers import (
    MORE_DIGITS,
    STILL_MORE_DIGITS,
    Exact,
    ExactValues,
    exact,
    largest,
    mp,
)
from ffref.oracle.truth.steps import Formulation, Mode, Step, run
from ffref.types import Array

FORMULATIONS: dict[str, Callable[[Any], Formulation]] = {
    "ff": ff.formulation,
    "hff": hff.formulation,
    "recurrent": recurrent.formulation,
    "symba": pairs.symba,
    "cumulative": pairs.cumulative,
    "block": block.formulation,
    "faust": faust.formulation,
    "layer-collaboration": sides.collaboration,
    "scff": sides.scff,
    "mono-forward": labelled.mono,
    "cwc": labelled.cwc,
    "deeper-forward": labelled.cwc,
    "distance-forward": labelled.distance,
}
MOST_COORDINATES = 300
"""that are differentiated in a case"""
AGREE = 1e-30
"""Relative agreement that a difference and its transcription must reach."""
NEGLIGIBLE = 1e-45
"""The same, absolute, as a share of an array's largest entry."""


class Truth(NamedTuple):
    """One quantity with many digits."""

    value: Exact
    kind: str
    reason: str
    kinks: NDArray[np.bool_]
    kappa: float
    """largest change of an entry under changes of all inputs and intermediates by one unit
    roundoff, in that unit; absolute"""
    agreement: float | None
    """between central differences and transcription, relative to the largest entry"""


class DisagreementError(ArithmeticError):
    """Two derivations of one quantity do not agree."""


def evaluate_exactly(
    family: str, spec: Spec, inputs: dict[str, Array], *, conditions: bool = True
) -> dict[str, Truth]:
    """Every quantity of every layer, in the order of computation.

    Raises
    ------
    DisagreementError
        If the transcription of a derivative is not what central differences give.
    ValueError
        If more than 300 coordinates would have to be differentiated.
    """
    found: dict[str, Truth] = {}
    below: ExactValues | None = None
    given = {name: exact(array) for name, array in inputs.items()}
    made = FORMULATIONS[family](spec)
    kappas_below: dict[str, float] = {}
    for layer in layers_of(inputs):
        own = layer_inputs(given, layer, below)
        with mp.workdps(STILL_MORE_DIGITS):
            again = run(made.forward | made.backward, own, spec)
        with mp.workdps(MORE_DIGITS):
            values, truths = _one_layer(made, spec, own, again)
        kappas = dict.fromkeys(truths, float("nan"))
        if conditions:
            inherited = {to: kappas_below[n] for to, n in HANDED_UP.items() if n in kappas_below}
            kappas = kappas_below = _condition_numbers(made, spec, own, values, inherited)
        for name, truth in truths.items():
            found[prefix_of(layer) + name] = truth._replace(kappa=kappas[name])
        below = values
    return found


def _one_layer(
    made: Formulation, spec: Spec, inputs: ExactValues, again: ExactValues
) -> tuple[ExactValues, dict[str, Truth]]:
    base = run(made.forward, inputs, spec)
    values = run(made.backward, base, spec)
    values = {name: _without_residue(array, again[name]) for name, array in values.items()}
    other = run(made.backward, base, spec, Mode(slope_at_kink=1))
    truths: dict[str, Truth] = {}
    for name in made.forward:
        nowhere = np.zeros(values[name].shape, bool)
        truths[name] = Truth(values[name], "value", "", nowhere, 0.0, None)
    _check_size(made, values)
    for name, variable in made.variables.items():
        kinks = _differs(values[name], other[name])
        kind, reason = made.kinds.get(name, ("derivative", ""))
        if kinks.all() and kinks.size:
            kind, reason = "transcription", "no entry has a derivative; 0 by convention"
        slopes = _differences(made, spec, inputs, base, variable, ~kinks)
        agreement = _agreement(name, slopes, values[name], ~kinks)
        truths[name] = Truth(values[name], kind, reason, kinks, 0.0, agreement)
    return values, truths


def _without_residue(array: Exact, again: Exact) -> Exact:
    """Zero where more digits show that nothing but rounding is left."""
    out = array.copy()
    for index in np.ndindex(*out.shape):
        if abs(again[index]) < 1e-40 * abs(out[index]):
            out[index] = mp.mpf(0)
    return out


def _check_size(made: Formulation, values: ExactValues) -> None:
    count = sum(values[variable].size for variable in made.variables.values())
    if count > MOST_COORDINATES:
        raise ValueError(
            f"a layer of a case has at most {MOST_COORDINATES} differentiated coordinates, got "
            f"{count}; take fewer rows or units"
        )


def _differs(a: Exact, b: Exact) -> NDArray[np.bool_]:
    out = np.zeros(a.shape, bool)
    for index in np.ndindex(*a.shape):
        out[index] = a[index] != b[index]
    return out


def _differences(
    made: Formulation,
    spec: Spec,
    inputs: ExactValues,
    base: ExactValues,
    variable: str,
    wanted: NDArray[np.bool_],
) -> Exact:
    """(L(v + h) - L(v - h)) / 2h of the loss whose stop-gradients are frozen at `base`.

    200 digits and h = 1e-60: the error is 1e-120 times the third derivative, and no chain rule is
    involved.
    """
    known = dict(inputs) if variable in inputs else _before(made.forward, inputs, base, variable)
    point, step = base[variable], mp.mpf(10) ** -60
    out = np.full(point.shape, mp.mpf(0), object)
    for index in np.ndindex(*point.shape):
        if not wanted[index]:
            continue
        ends = []
        for h in (step, -step):
            moved = point.copy()
            moved[index] = moved[index] + h
            after = run(made.forward, known | {variable: moved}, spec, Mode(frozen=base))
            ends.append(after["loss"][()])
        out[index] = (ends[0] - ends[1]) / (2 * step)
    return out


def _before(
    forward: dict[str, Step], inputs: ExactValues, base: ExactValues, variable: str
) -> ExactValues:
    """What was known when `variable` was computed."""
    names = list(forward)
    return dict(inputs) | {name: base[name] for name in names[: names.index(variable)]}


def _agreement(name: str, slopes: Exact, written: Exact, wanted: NDArray[np.bool_]) -> float:
    size = largest(written)
    worst = mp.mpf(0)
    for index in np.ndindex(*written.shape):
        if not wanted[index]:
            continue
        error = abs(slopes[index] - written[index])
        if error > AGREE * abs(written[index]) + NEGLIGIBLE * max(size, mp.mpf(1e-100)):
            raise DisagreementError(
                f"{name}{list(index)}: central differences give {mp.nstr(slopes[index], 20)}, the "
                f"transcription {mp.nstr(written[index], 20)}"
            )
        worst = max(worst, error)
    return float(worst / size) if size else 0.0


def _condition_numbers(
    made: Formulation,
    spec: Spec,
    inputs: ExactValues,
    values: ExactValues,
    inherited: dict[str, float],
) -> dict[str, float]:
    """Sum over all inputs and intermediates of how far a change by 2^-52 moves each entry.

    A correct implementation rounds each of them about once, so that its error stays below a small
    multiple of this number times the unit roundoff. An input that a layer below computed moves by
    its `inherited` condition number instead.
    """
    steps: dict[str, Step] = made.forward | made.backward
    moved: dict[str, Exact] = {
        name: np.array([abs(entry) for entry in values[name].ravel()], object) for name in steps
    }
    one_ulp = mp.mpf(2) ** -52
    names = list(steps)
    for name in (*inputs, *names):
        array = values[name]
        first: Any = array.flat[0] if array.size else 0
        if name == "polarity" or (name in inputs and isinstance(first, int)):
            continue  # labels and row numbers are not measured
        later = names if name in inputs else names[names.index(name) + 1 :]
        known: ExactValues = {n: a for n, a in values.items() if n not in later}
        for index in np.ndindex(*array.shape):
            if not array[index]:
                continue
            changed: Any = array.copy()
            changed[index] += one_ulp * inherited.get(name, abs(array[index]))
            after = run(steps, known | {name: changed}, spec)
            for n in later:
                moved[n] += np.abs(np.ravel(after[n] - values[n])) / one_ulp
    return {name: float(largest(entries)) for name, entries in moved.items()}
