"""Learning-rate schedules: a factor on the learning rate for each step of a run."""

import math
from collections.abc import Callable

from ffref._checks import check_count

Schedule = Callable[[int, int, int], float]
"""(step from 0, total steps, steps in an epoch) -> factor"""


def constant(step: int, total: int, epoch_steps: int = 1) -> float:
    """Return 1 throughout."""
    return 1.0


def linear_decay(step: int, total: int, epoch_steps: int = 1) -> float:
    """Fall from 1 to 0 in a straight line over the run: 1 - step / total.

    Examples
    --------
    >>> [linear_decay(step, 4) for step in range(4)]
    [1.0, 0.75, 0.5, 0.25]
    """
    return 1 - step / total


def linear_decay_second_half(step: int, total: int, epoch_steps: int = 1) -> float:
    """Stay at 1 for the first half, then fall to 0 in a straight line.

    Examples
    --------
    >>> [linear_decay_second_half(step, 4) for step in range(4)]
    [1.0, 1.0, 1.0, 0.5]
    """
    return min(1.0, 2 * (1 - step / total))


def hinton_decay(step: int, total: int, epoch_steps: int = 1) -> float:
    """Stay at 1 for half of the epochs, then (1 + 2 (epochs - epoch)) / epochs, epochs from 1.

    Source: the official Matlab code of Hinton (2022); the last epoch has 1 / epochs. An odd
    number of epochs has a first factor of 1 in its second half.

    Examples
    --------
    >>> [hinton_decay(step, 8, 2) for step in range(8)]
    [1.0, 1.0, 1.0, 1.0, 0.75, 0.75, 0.25, 0.25]
    """
    epoch, epochs = step // epoch_steps + 1, total / epoch_steps
    return 1.0 if epoch <= epochs / 2 else (1 + 2 * (epochs - epoch)) / epochs


def cosine_decay(step: int, total: int, epoch_steps: int = 1) -> float:
    """Fall from 1 to 0 along half a cosine: (1 + cos(pi step / total)) / 2.

    Source: Loshchilov & Hutter (2017), equation 5, without restarts.

    Examples
    --------
    >>> [round(cosine_decay(step, 4), 4) for step in range(4)]
    [1.0, 0.8536, 0.5, 0.1464]
    """
    return (1 + math.cos(math.pi * step / total)) / 2


def with_warmup(schedule: Schedule, warmup_steps: int) -> Schedule:
    """Rise in a straight line to the schedule's value over the first `warmup_steps` steps.

    Examples
    --------
    >>> warmed = with_warmup(constant, 4)
    >>> [warmed(step, 100) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    if warmup_steps != 0:
        check_count(warmup_steps, "warmup_steps, if not 0,")

    def warmed(step: int, total: int, epoch_steps: int = 1) -> float:
        rise = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
        return rise * schedule(step, total, epoch_steps)

    return warmed


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "linear": linear_decay,
    "linear-second-half": linear_decay_second_half,
    "cosine": cosine_decay,
    "hinton": hinton_decay,
}
"""Schedules by the names that estimators and the command line use."""
