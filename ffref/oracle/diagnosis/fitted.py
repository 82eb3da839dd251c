"""Explanations with a number that is found from what was supplied: a factor, a shift, a decay.

In each of them what follows is linear in the number, up to the first quantity that differs.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ffref.oracle.diagnosis.chain import Change
from ffref.oracle.diagnosis.explanation import Explanation
from ffref.oracle.diagnosis.problem import Problem, misfit, predictions
from ffref.types import Array


class _Family(NamedTuple):
    """Explanations that differ in a number."""

    text: str
    """with {} for the number"""
    line: str
    steps: tuple[str, ...]
    change: Callable[[float], Change]

    def at(self, number: float) -> Explanation:
        """Return the explanation with this number."""
        steps = dict.fromkeys(self.steps, self.change(number))
        return Explanation(self.text.format(f"{number:.6g}"), self.line, steps)


def _factor(place: str, line: str, *steps: str) -> _Family:
    return _Family(
        f"{place} is {{}} times what it should be",
        line,
        steps,
        lambda c: lambda v, right: c * right,
    )


def _shift(text: str, line: str, step: str) -> _Family:
    return _Family(text, line, (step,), lambda c: lambda v, right: right + c)


def _decay(text: str, line: str, step: str, of: str) -> _Family:
    return _Family(text, line, (step,), lambda c: lambda v, right: right + c * v[of])


_FAMILIES = (
    _shift("the threshold is off by {}", "(FF.1) logit = goodness - threshold", "threshold"),
    _factor("the logit", "(FF.1), (HFF.5) logit", "logit"),
    _factor("the loss alone", "(FF.2), (HFF.6) loss", "loss"),
    _factor("the loss, and with it the gradient,", "(FF.2), (HFF.6) loss", "loss_factor"),
    _factor("the gradient, not the loss,", "(FF.3), (HFF.7) the loss's derivative",
            "d_loss_factor"),
    _factor("the derivative of goodness", "(GOOD.2) d goodness / d activity", "slope"),
    _factor("d_score", "(HFF.7) d_score", "d_score"),
    _factor("the peers' push", "(PEER.4) the push", "peer_push"),
    _factor("the peers' derivative", "(PEER.6) the pull", "peer_pull"),
    _factor("d_preactivation", "(LOCAL.4) d_preactivation", "d_preactivation"),
    _factor("the gradient of every parameter", "(LOCAL.5) d_weight, d_bias", "d_weight", "d_bias",
            "d_top_down", "d_prototypes", "d_factor", "d_projection", "d_scale", "d_shift",
            "d_auxiliary_weight", "d_auxiliary_bias"),
    _factor("d_weight alone", "(LOCAL.5) d_weight", "d_weight"),
    _factor("d_bias alone", "(LOCAL.5) d_bias", "d_bias"),
    _factor("d_top_down alone", "(RECUR.8) d_top_down", "d_top_down"),
    _factor("d_prototypes alone", "(HFF.12) d_prototypes", "d_prototypes"),
    _decay("{} times the weight is added to d_weight: weight decay", "(LOCAL.5) d_weight",
           "d_weight", "weight"),
)  # fmt: skip


def fitted(problems: list[Problem]) -> list[Explanation]:
    """Every family, with the number that fits the first quantity that differs best."""
    made = []
    for family in _FAMILIES:
        number = next((n for p in problems if (n := _best(p, family)) is not None), None)
        if number is not None:
            made.append(family.at(number))
    return made


def _best(problem: Problem, family: _Family) -> float | None:
    """Least squares between the predictions for 0 and for 1."""
    with np.errstate(all="ignore"):
        right = predictions(problem, ())
        zero, one = (predictions(problem, (family.at(c),)) for c in (0.0, 1.0))
        for (name, golden), (_, at_zero), (_, at_one) in zip(right, zero, one, strict=True):
            if name not in problem.mine or misfit(problem, name, golden) <= 1:
                continue
            return _along(problem.mine[name], np.asarray(at_zero), np.asarray(at_one))
    return None


def _along(mine: Array, at_zero: Array, at_one: Array) -> float | None:
    way = at_one - at_zero
    kept = np.isfinite(mine) & np.isfinite(way) & np.isfinite(at_zero)
    length = float((way[kept] ** 2).sum())
    return float(((mine - at_zero) * way)[kept].sum() / length) if length else None
