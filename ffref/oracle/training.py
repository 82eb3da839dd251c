"""Several steps of training a case's layers: what one gradient cannot show.

The form of the momentum, where the decay acts, the schedule's first step, an optimiser's eps and
its corrections, state that is forgotten.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from ffref._checks import check_count, require
from ffref.oracle.case import Case
from ffref.oracle.comparison import compare
from ffref.oracle.evaluation import evaluate
from ffref.oracle.families.layer import Values
from ffref.oracle.report import Report
from ffref.oracle.updates import DECAYED, LEARNED, MISTAKES, RULES, Rule, Update
from ffref.training import SCHEDULES
from ffref.training.optimizers import (
    Optimizer,
    OptimizerState,
    adamw,
    heavy_ball,
    moving_average,
)

STATE = ("new_running_mean", "new_running_variance", "new_centroids")


class TrainingSpec(NamedTuple):
    """How parameters are updated, as plain data; formulas: docs/derivations/optimizers.md."""

    optimizer: str = "heavy-ball"
    """"heavy-ball": v = momentum v + (g + decay w), w -= rate v; "moving-average": v = momentum v
    + (1 - momentum) g, w -= rate (v + decay w); "adamw": Adam, w -= rate (step + decay w)"""
    learning_rate: float = 0.0625
    momentum: float = 0.875
    weight_decay: float = 0.0
    """on `weight` and `top_down`, not on `bias` and `prototypes`"""
    beta1: float = 0.875
    beta2: float = 0.75
    eps: float = 1e-4
    schedule: str = "constant"
    """one of ffref.training.SCHEDULES: a factor of the rate, of the step counted from 0"""
    steps: int = 4


def trace(case: Case, training: TrainingSpec, dtype: DTypeLike = np.float64) -> Values:
    """Train a case's layers for some steps, on the case's batch each time.

    Parameters
    ----------
    case : Case
    training : TrainingSpec
    dtype : float64 or float32

    Returns
    -------
    dict of arrays
        For step 1, 2, ...: "step1.loss" and "step1.d_weight", ... before the update;
        "step1.weight", ... after it, and what the optimiser remembers ("step1.weight.velocity",
        "step1.weight.mean", "step1.weight.square"); "step1.running_mean" where there is one. Of
        several layers, "step1.layer2.weight", ...

    Raises
    ------
    ValueError
        If the optimiser or the schedule is unknown.

    Examples
    --------
    >>> from ffref.oracle import find_case
    >>> case = find_case("ff/paper/ordinary")
    >>> found = trace(case, TrainingSpec(learning_rate=0.5, momentum=0.0, steps=2))
    >>> moved = case.inputs["weight"] - found["step1.weight"]
    >>> bool(abs(moved - 0.5 * found["step1.d_weight"]).max() < 1e-15)
    True
    """
    optimizer = _library_optimizer(training)
    factor = _schedule_of(training)
    check_count(training.steps, "steps")
    inputs = {n: a if a.dtype.kind == "i" else a.astype(dtype) for n, a in case.inputs.items()}
    names = [name for name in inputs if name.split(".")[-1] in LEARNED]
    learned = [inputs[name].copy() for name in names]
    decayed = [name.split(".")[-1] in DECAYED for name in names]
    state: OptimizerState = optimizer.init(learned)
    made: Values = {}
    for step in range(training.steps):
        inputs |= {n: a.copy() for n, a in zip(names, learned, strict=True)}
        values = evaluate(case._replace(inputs=inputs), dtype)
        grads = [np.ascontiguousarray(values[gradient_name(name)]) for name in names]
        rate = training.learning_rate * factor(step, training.steps, 1)
        state = optimizer.update(learned, grads, state, rate, decayed)
        after = dict(zip(names, learned, strict=True))
        slots = dict(zip(names, state.slots, strict=True))
        _record(made, step, values, after, slots)
        inputs |= _moved(values)
    return made


def compare_trace(
    case: Case, training: TrainingSpec, mine: Mapping[str, Any], *, dtype: str | None = None
) -> Report:
    """Compare a training of one's own with `trace`, by the names that it returns.

    Examples
    --------
    >>> from ffref.oracle import find_case
    >>> case, training = find_case("ff/paper/ordinary"), TrainingSpec()
    >>> other = trace(case, training._replace(optimizer="moving-average"))
    >>> compare_trace(case, training, other).first_difference().quantity
    'step1.weight'
    """
    return compare(trace(case, training), mine, dtype=dtype)


def diagnose_trace(
    case: Case, training: TrainingSpec, mine: Mapping[str, Any], *, dtype: str | None = None
) -> list[str]:
    """Known mistakes of training that explain all of `mine`; empty if none does, or none is there.

    Examples
    --------
    >>> from ffref.oracle import find_case
    >>> case, training = find_case("ff/paper/ordinary"), TrainingSpec(weight_decay=0.25)
    >>> other = trace(case, training._replace(optimizer="moving-average"))
    >>> diagnose_trace(case, training, {"step4.weight": other["step4.weight"]})
    ['velocity is a moving average: (1 - momentum) of the gradient, (OPT.3)']
    """
    found: list[str] = []
    if compare_trace(case, training, mine, dtype=dtype).ok:
        return found
    with np.errstate(all="ignore"):
        for text, change in MISTAKES.items():
            rule = change(RULES[training.optimizer])
            if rule is None:
                continue
            made = _by_rule(case, training, rule)
            if compare(made, mine, dtype=dtype).ok:
                found.append(text)
    return found


def gradient_name(name: str) -> str:
    """Name of a parameter's gradient: "layer1.weight" -> "layer1.d_weight"."""
    *layer, parameter = name.split(".")
    return ".".join([*layer, f"d_{parameter}"])


def _library_optimizer(training: TrainingSpec) -> Optimizer:
    kinds = {
        "heavy-ball": lambda: heavy_ball(
            momentum=training.momentum, weight_decay=training.weight_decay
        ),
        "moving-average": lambda: moving_average(
            momentum=training.momentum, weight_decay=training.weight_decay
        ),
        "adamw": lambda: adamw(
            beta1=training.beta1,
            beta2=training.beta2,
            eps=training.eps,
            weight_decay=training.weight_decay,
        ),
    }
    require(
        training.optimizer in kinds,
        f"optimizer must be one of {', '.join(kinds)}, got {training.optimizer!r}",
    )
    return kinds[training.optimizer]()


def _schedule_of(training: TrainingSpec) -> Any:  # noqa: ANN401
    require(
        training.schedule in SCHEDULES,
        f"schedule must be one of {', '.join(SCHEDULES)}, got {training.schedule!r}",
    )
    return SCHEDULES[training.schedule]


def _record(made: Values, step: int, values: Values, after: Values, slots: Values) -> None:
    prefix = f"step{step + 1}."
    for name, value in values.items():
        if name.split(".")[-1] == "loss":
            made[prefix + name] = value
    for name in after:
        made[prefix + gradient_name(name)] = values[gradient_name(name)]
    for name, value in after.items():
        made[prefix + name] = value.copy()
        words = ("velocity",) if len(slots[name]) == 1 else ("mean", "square")
        for word, slot in zip(words, slots[name], strict=True):
            made[f"{prefix}{name}.{word}"] = slot.copy()
    for name, value in _moved(values).items():
        made[prefix + name] = value


def _moved(values: Values) -> Values:
    """State that is not learned by gradient, under the name that the next step takes it by."""
    return {
        name.replace("new_", ""): value
        for name, value in values.items()
        if name.split(".")[-1] in STATE
    }


def _by_rule(case: Case, training: TrainingSpec, rule: Rule) -> Values:
    """As `trace`, by formulas written out, so that a mistaken one can stand in their place."""
    inputs = dict(case.inputs)
    names = [name for name in inputs if name.split(".")[-1] in LEARNED]
    slots: Values = {name: tuple(np.zeros_like(inputs[name]) for _ in range(rule.slots))
                     for name in names}  # fmt: skip
    factor = _schedule_of(training)
    made: Values = {}
    first: Values = {}
    for step in range(training.steps):
        values = evaluate(case._replace(inputs=inputs))
        first = first or values
        counted = rule.step_of(step, training.steps)
        rate = training.learning_rate * (factor(*counted, 1) if counted else 1.0)
        after: Values = {}
        for name in names:
            decays = name.split(".")[-1] in rule.decayed
            after[name], slots[name] = rule.update(
                Update(
                    inputs[name],
                    (first if rule.stale else values)[gradient_name(name)],
                    slots[name],
                    rate,
                    training.weight_decay if decays else 0.0,
                    step + 1,
                    training,
                )
            )
        _record(made, step, values, after, slots)
        inputs |= after
        if rule.keeps_state:
            inputs |= _moved(values)
    return made
