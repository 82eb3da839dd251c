"""Updates of a parameter in formulas, right ones and those that people write by mistake."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ffref.types import Array


class Update(NamedTuple):
    """What an update is made of."""

    w: Array
    g: Array
    slots: tuple[Array, ...]
    rate: float
    decay: float
    """0 for parameters that do not decay"""
    step: int
    """counted from 1"""
    training: Any
    """a TrainingSpec"""


DECAYED = ("weight", "top_down", "auxiliary_weight")
LEARNED = (
    *DECAYED, "bias", "prototypes", "factor", "projection", "scale", "shift", "auxiliary_bias",
)  # fmt: skip
"""Inputs of cases that learn, by name, and those of them on which weight decay acts."""
Result = tuple[Array, tuple[Array, ...]]
"""The parameter and the slots after it."""


class Rule(NamedTuple):
    """An optimiser, and how it is driven."""

    name: str
    slots: int
    update: Callable[[Update], Result]
    decayed: tuple[str, ...] = DECAYED
    step_of: Callable[[int, int], tuple[int, int] | None] = lambda step, total: (step, total)
    """what the schedule is given; None: it is left out"""
    stale: bool = False
    """the first step's gradient is used throughout"""
    keeps_state: bool = True
    """the running mean is carried from step to step"""


def _heavy_ball(u: Update) -> Result:
    velocity = u.training.momentum * u.slots[0] + u.g + u.decay * u.w
    return u.w - u.rate * velocity, (velocity,)


def _decoupled_heavy_ball(u: Update) -> Result:
    velocity = u.training.momentum * u.slots[0] + u.g
    return u.w - u.rate * (velocity + u.decay * u.w), (velocity,)


def _moving_average(u: Update) -> Result:
    keep = u.training.momentum
    velocity = keep * u.slots[0] + (1 - keep) * u.g
    return u.w - u.rate * (velocity + u.decay * u.w), (velocity,)


def _coupled_moving_average(u: Update) -> Result:
    keep = u.training.momentum
    velocity = keep * u.slots[0] + (1 - keep) * (u.g + u.decay * u.w)
    return u.w - u.rate * velocity, (velocity,)


def _nesterov(u: Update) -> Result:
    g = u.g + u.decay * u.w
    velocity = u.training.momentum * u.slots[0] + g
    return u.w - u.rate * (g + u.training.momentum * velocity), (velocity,)


def _before(u: Update) -> Result:
    _, slots = _heavy_ball(u)
    return u.w - u.rate * u.slots[0], slots


def _rate_inside(u: Update) -> Result:
    velocity = u.training.momentum * u.slots[0] + u.rate * (u.g + u.decay * u.w)
    return u.w - velocity, (velocity,)


def _plain(u: Update) -> Result:
    return u.w - u.rate * (u.g + u.decay * u.w), (u.g + u.decay * u.w,)


def _adam_step(u: Update, g: Array, divide: Callable[..., Array]) -> tuple[Array, Any]:
    t = u.training
    mean = t.beta1 * u.slots[0] + (1 - t.beta1) * g
    square = t.beta2 * u.slots[1] + (1 - t.beta2) * g**2
    corrections = 1 - t.beta1**u.step, 1 - t.beta2**u.step
    return divide(mean, square, *corrections, t.eps), (mean, square)


def _outside(mean: Array, square: Array, c1: float, c2: float, eps: float) -> Array:
    return mean / c1 / (np.sqrt(square / c2) + eps)


def _inside(mean: Array, square: Array, c1: float, c2: float, eps: float) -> Array:
    return mean / c1 / np.sqrt(square / c2 + eps)


def _late_correction(mean: Array, square: Array, c1: float, c2: float, eps: float) -> Array:
    return mean / c1 * np.sqrt(c2) / (np.sqrt(square) + eps)


def _uncorrected(mean: Array, square: Array, c1: float, c2: float, eps: float) -> Array:
    return mean / (np.sqrt(square) + eps)


def _without_root(mean: Array, square: Array, c1: float, c2: float, eps: float) -> Array:
    return mean / c1 / (square / c2 + eps)


def _adamw(divide: Callable[..., Array]) -> Callable[[Update], Result]:
    def update(u: Update) -> Result:
        step, slots = _adam_step(u, u.g, divide)
        return u.w - u.rate * (step + u.decay * u.w), slots

    return update


def _adam_with_l2(u: Update) -> Result:
    step, slots = _adam_step(u, u.g + u.decay * u.w, _outside)
    return u.w - u.rate * step, slots


def _decay_without_rate(update: Callable[[Update], Result]) -> Callable[[Update], Result]:
    def changed(u: Update) -> Result:
        w, slots = update(u._replace(decay=0.0))
        return w - u.decay * u.w, slots

    return changed


RULES = {
    "heavy-ball": Rule("heavy-ball", 1, _heavy_ball),
    "moving-average": Rule("moving-average", 1, _moving_average),
    "adamw": Rule("adamw", 2, _adamw(_outside)),
}

Change = Callable[[Rule], Rule | None]
"""None: no mistake of this optimiser."""


def _instead(of: str, update: Callable[[Update], Result]) -> Change:
    return lambda rule: rule._replace(update=update) if rule.name == of else None


def _with(**fields: Any) -> Change:  # noqa: ANN401
    return lambda rule: rule._replace(**fields)


def _around(change: Callable[[Callable[[Update], Result]], Callable[[Update], Result]]) -> Change:
    return lambda rule: rule._replace(update=change(rule.update))


def _scaled(update: Callable[[Update], Result]) -> Callable[[Update], Result]:
    return lambda u: update(u._replace(rate=u.rate * (1 - u.training.momentum)))


def _no_decay(update: Callable[[Update], Result]) -> Callable[[Update], Result]:
    return lambda u: update(u._replace(decay=0.0))


MISTAKES: dict[str, Change] = {
    "velocity is a moving average: (1 - momentum) of the gradient, (OPT.3)": _instead(
        "heavy-ball", _moving_average
    ),
    "velocity is a sum, not a moving average: the whole gradient, (OPT.1)": _instead(
        "moving-average", _decoupled_heavy_ball
    ),
    "decay is outside of the velocity, (OPT.1)": _instead("heavy-ball", _decoupled_heavy_ball),
    "decay is inside the moving average, (OPT.3)": _instead(
        "moving-average", _coupled_moving_average
    ),
    "Nesterov's momentum, (OPT.2)": _instead("heavy-ball", _nesterov),
    "the step is along the velocity of before this gradient, (OPT.2)": _instead(
        "heavy-ball", _before
    ),
    "the rate is inside the velocity, (OPT.1)": _instead("heavy-ball", _rate_inside),
    "there is no momentum, or it is forgotten after each step, (OPT.1)": _instead(
        "heavy-ball", _plain
    ),
    "the rate is multiplied by 1 - momentum, (OPT.2)": _around(_scaled),
    "eps is inside the root, (OPT.7)": _instead("adamw", _adamw(_inside)),
    "eps is added before the correction, (OPT.7)": _instead("adamw", _adamw(_late_correction)),
    "means are not corrected for their start, (OPT.7)": _instead("adamw", _adamw(_uncorrected)),
    "the root of the squares is left out, (OPT.7)": _instead("adamw", _adamw(_without_root)),
    "decay is added to the gradient, Adam with L2, (OPT.8)": _instead("adamw", _adam_with_l2),
    "decay is not multiplied by the rate, (OPT.2), (OPT.4), (OPT.8)": _around(_decay_without_rate),
    "there is no decay, (OPT.1), (OPT.4), (OPT.8)": _around(_no_decay),
    "decay acts on biases and prototypes too": _with(decayed=LEARNED),
    "the schedule counts steps from 1": _with(step_of=lambda step, total: (step + 1, total)),
    "the schedule ends one step early": _with(
        step_of=lambda step, total: (step, max(total - 1, 1))
    ),
    "there is no schedule": _with(step_of=lambda step, total: None),
    "the gradient of the first step is used throughout": _with(stale=True),
    "the running mean is forgotten after each step, (PEER.1)": _with(keeps_state=False),
}
