"""Training that has gone wrong, noticed in the step in which it shows.

What is looked for costs next to nothing: a step's loss, whether a row of a layer's activity has a
unit that speaks, what an objective says of its own arrays; and, once an epoch, every number.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ffref.types import Array

if TYPE_CHECKING:
    from ffref.training.step import TrainingState

ROWS = 32
"""Batches of fewer rows are not judged: a small layer may be silent on a few rows by chance."""


class DivergenceError(ArithmeticError):
    """A loss or a weight is not finite, a layer is silent, or its prototypes have collapsed."""


def check_loss(loss: float, owner: str) -> None:
    """Refuse a loss that is not finite.

    Examples
    --------
    >>> check_loss(float("nan"), "layer 2")
    Traceback (most recent call last):
    ...
    ffref.training.divergence.DivergenceError: the loss of layer 2 became nan
    """
    if not math.isfinite(loss):
        raise DivergenceError(f"the loss of {owner} became {loss}")


def check_alive(activity: Array, owner: str) -> None:
    """Refuse a layer whose units are all silent on a whole batch of `ROWS` rows or more.

    No gradient passes a relu that is shut, so that such a layer has stopped to learn.

    Parameters
    ----------
    activity : (batch, units)
    owner : str
    """
    # a row that speaks is nearly always the first one
    if len(activity) >= ROWS and not any(row.any() for row in activity):
        raise DivergenceError(f"all units of {owner} are silent on a whole batch")


def check_own(fault: str, owner: str) -> None:
    """Refuse what an objective says of its own arrays, "" for nothing."""
    if fault:
        raise DivergenceError(f"{owner} has {fault}")


def check_state(state: "TrainingState") -> None:
    """Refuse a network, or an optimiser's memory, with a number that is not finite.

    The last step of an epoch may break what only the next one's loss would show.
    """
    for owner, array in _arrays(state):
        if not np.isfinite(array).all():
            raise DivergenceError(f"a weight of {owner} is not finite")


def _arrays(state: "TrainingState") -> Iterator[tuple[str, Array]]:
    for number, (layer, memory) in enumerate(
        zip(state.network.layers, state.optimizer, strict=True), 1
    ):
        for array in (*layer.weights, *layer.params, *(a for slot in memory.slots for a in slot)):
            yield f"layer {number}", array
    readout = state.network.readout
    if readout is not None:
        yield from (("the softmax readout", array) for array in (*readout.weights, readout.bias))
