"""The training loop: epochs, mini-batches, seeds and the two orders of training layers.

The loop knows neither losses nor weights: it hands mini-batches to a step function. Every random
number of epoch e comes from a generator seeded with (seed, e), so that a run that is resumed at
an epoch's start draws what the uninterrupted run draws; within an epoch, a `Position` says where
that generator stands.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import check_count, check_positive, require
from ffref.data import Samples, shuffled_batches
from ffref.kernels import flush_subnormals, keep_freed_memory
from ffref.training.divergence import DivergenceError, check_state
from ffref.training.schedules import Schedule
from ffref.training.step import LayerReport, TrainingState
from ffref.types import Array, Labels


class Step(NamedTuple):
    """One update of the state on one mini-batch."""

    run: Callable[..., tuple[TrainingState, dict[int, LayerReport]]]
    """(state, x, labels, *, rng, learning_rate, trained) -> (state, reports by layer)"""
    layers: int
    """number of layers that have a report"""
    finish: Callable[[TrainingState, Samples, Labels], None] | None = None
    """(state, all samples, their labels): at the end of each epoch, in place; None for most"""


class Plan(NamedTuple):
    """How long, in what order and at which rate to train."""

    epochs: int
    """Passes over the data; when greedy, for each layer."""
    batch_size: int
    learning_rate: float
    schedule: Schedule
    seed: int
    greedy: bool = False
    """Train each layer to its end before the next begins, instead of all in every step."""
    learn_layers: bool = True
    """False: the layers keep their weights, and what learns beside them learns alone."""


class Position(NamedTuple):
    """How far an epoch has come: with the state, all that the rest of the epoch depends on."""

    epoch: int
    """from 1"""
    batches: int
    """done in this epoch"""
    of: int
    """batches of an epoch"""
    batch_size: int
    random_state: dict[str, Any] | None
    """of the epoch's generator; None: it has drawn the order of the samples, and no more"""
    samples: tuple[int, ...]
    """that each layer has learned from in this epoch"""
    loss: tuple[float, ...]
    """of each layer, summed over those"""
    accuracy: tuple[float, ...]
    seconds: float


class EpochRecord(NamedTuple):
    """What one epoch is remembered by."""

    epoch: int
    """from 1"""
    loss: tuple[float | None, ...]
    """each layer's mean loss over the epoch's batches; None for a layer that was not trained"""
    accuracy: tuple[float | None, ...]
    """each layer's share of training samples (contrastive: pairs) right, before each update"""
    learning_rate: float
    """of the epoch's last step"""
    seconds: float
    validation: float | None = None
    """share of held-out samples right, after the epoch; None where none are held out"""


def format_record(record: EpochRecord) -> str:
    """One line for an epoch: loss and accuracy of each layer, accuracy on held-out samples.

    Examples
    --------
    >>> format_record(EpochRecord(3, (0.5, 0.25), (0.9, 0.95), 0.001, 1.5))
    'epoch   3  loss 0.5000 0.2500  accuracy 0.9000 0.9500  rate 0.001  1.5 s'
    >>> format_record(EpochRecord(3, (0.5,), (0.9,), 0.001, 1.5, validation=0.875))
    'epoch   3  loss 0.5000  accuracy 0.9000  validation 0.8750  rate 0.001  1.5 s'
    """

    def words(values: tuple[float | None, ...]) -> str:
        return " ".join("-" if value is None else f"{value:.4f}" for value in values)

    held_out = "" if record.validation is None else f"  validation {record.validation:.4f}"
    return (
        f"epoch {record.epoch:3d}  loss {words(record.loss)}  accuracy {words(record.accuracy)}"
        f"{held_out}  rate {record.learning_rate:.3g}  {record.seconds:.1f} s"
    )


def total_epochs(plan: Plan, layers: int) -> int:
    """Number of epochs of the whole run."""
    return plan.epochs * layers if plan.greedy else plan.epochs


def epochs(
    state: TrainingState,
    step: Step,
    x: Samples,
    labels: Labels,
    plan: Plan,
    *,
    done: int = 0,
    position: Position | None = None,
    after_batch: Callable[[TrainingState, Position], None] | None = None,
    augment: Callable[[Array, np.random.Generator], Array] | None = None,
) -> Iterator[tuple[TrainingState, EpochRecord]]:
    """Train, and yield the state and its record after each epoch.

    Parameters
    ----------
    state : TrainingState
        Overwritten as training goes on.
    step : Step
    x : (samples, features), labels : (samples,)
        Samples may be a `Stream` of what does not fit into memory.
    plan : Plan
    done : int
        Epochs of this plan that `state` has behind it; 0 for a new run.
    position : Position, optional
        Where `state` stands within the epoch after those; None: at its start.
    after_batch : callable, optional
        Called with the state and the position after each batch.
    augment : callable, optional
        (x of a batch, rng) -> the samples that are trained on instead.

    Raises
    ------
    DivergenceError
        As soon as a loss is not finite, a layer is silent or its prototypes have collapsed; at
        the end of an epoch, if a weight is not finite. The message names layer, epoch and step.
    """
    _check_plan(plan, len(x))
    batches = -(-len(x) // plan.batch_size)
    start = _start_of_epoch(done + 1, batches, plan.batch_size, step.layers)
    if position is not None:
        _check_position(position, start)
    for epoch in range(done + 1, total_epochs(plan, step.layers) + 1):
        now = position or start._replace(epoch=epoch)
        position = None
        with keep_freed_memory():
            state, now = _rest_of_epoch(state, step, x, labels, plan, now, after_batch, augment)
        yield state, _record(now, _learning_rate(plan, now, now.of - 1))


def _rest_of_epoch(
    state: TrainingState,
    step: Step,
    x: Samples,
    labels: Labels,
    plan: Plan,
    position: Position,
    after_batch: Callable[[TrainingState, Position], None] | None,
    augment: Callable[[Array, np.random.Generator], Array] | None,
) -> tuple[TrainingState, Position]:
    """Train on the batches that are left, and do what ends an epoch."""
    began = perf_counter() - position.seconds
    rng = np.random.default_rng([plan.seed, 1, position.epoch - 1])
    trained = _trained_layers(plan, step.layers, position.epoch)
    for own, rows in shuffled_batches(x, plan.batch_size, rng, skip=position.batches):
        if position.random_state is not None:  # else the generator has drawn the order alone
            rng.bit_generator.state = position.random_state
        # what is not finite is named, and what vanishes must not cost time
        with _named(position), np.errstate(all="ignore"), flush_subnormals():
            state, reports = step.run(
                state,
                own if augment is None else augment(own, rng),
                labels[rows],
                rng=rng,
                learning_rate=_learning_rate(plan, position, position.batches),
                trained=trained,
            )
        position = _moved_on(position, reports, len(rows), rng, perf_counter() - began)
        if after_batch is not None:
            with _named(position):
                after_batch(state, position)
    if step.finish is not None:
        step.finish(state, x, labels)
    with _named(position):
        check_state(state)
    return state, position


@contextmanager
def _named(position: Position) -> Iterator[None]:
    """Say where it was that training diverged."""
    try:
        yield
    except DivergenceError as error:
        step = min(position.batches + 1, position.of)
        try_ = "try a lower learning rate"
        if (position.epoch, position.batches) == (1, 0):
            try_ = (
                "look for samples that are all alike, or far too large or too small, before you "
                "lower the learning rate"
            )
        raise DivergenceError(
            f"{error} in epoch {position.epoch}, step {step} of {position.of}; {try_}"
        ) from None


def _trained_layers(plan: Plan, layers: int, epoch: int) -> range:
    if not plan.learn_layers:
        return range(0)
    if not plan.greedy:
        return range(layers)
    layer = (epoch - 1) // plan.epochs
    return range(layer, layer + 1)


def _learning_rate(plan: Plan, position: Position, batch: int) -> float:
    """Of that batch of the epoch; when greedy, the schedule begins anew with each layer."""
    epoch = (position.epoch - 1) % plan.epochs if plan.greedy else position.epoch - 1
    step = epoch * position.of + batch
    return plan.learning_rate * plan.schedule(step, plan.epochs * position.of, position.of)


def _start_of_epoch(epoch: int, batches: int, batch_size: int, layers: int) -> Position:
    nothing = (0.0,) * layers
    return Position(epoch, 0, batches, batch_size, None, (0,) * layers, nothing, nothing, 0.0)


def _moved_on(
    position: Position,
    reports: dict[int, LayerReport],
    samples: int,
    rng: np.random.Generator,
    seconds: float,
) -> Position:
    """The position after a batch of so many samples."""
    seen, loss, accuracy = list(position.samples), list(position.loss), list(position.accuracy)
    for layer, report in reports.items():
        seen[layer] += samples
        loss[layer] += samples * report.loss
        accuracy[layer] += samples * report.accuracy
    return position._replace(
        batches=position.batches + 1,
        random_state=dict(rng.bit_generator.state),
        samples=tuple(seen),
        loss=tuple(loss),
        accuracy=tuple(accuracy),
        seconds=seconds,
    )


def _record(position: Position, learning_rate: float) -> EpochRecord:
    def mean(sums: tuple[float, ...]) -> tuple[float | None, ...]:
        return tuple(s / n if n else None for s, n in zip(sums, position.samples, strict=True))

    return EpochRecord(
        position.epoch,
        mean(position.loss),
        mean(position.accuracy),
        learning_rate,
        position.seconds,
    )


def _check_position(position: Position, start: Position) -> None:
    require(
        position[:1] + position[2:4] == start[:1] + start[2:4]
        and len(position.samples) == len(start.samples),
        f"training stands within epoch {position.epoch}, of {position.of} batches of "
        f"{position.batch_size}, and cannot go on in epoch {start.epoch}, of {start.of} batches "
        f"of {start.batch_size}; keep batch_size as it was, or fit anew",
    )


def _check_plan(plan: Plan, samples: int) -> None:
    check_count(plan.epochs, "epochs")
    check_count(plan.batch_size, "batch_size")
    check_positive(plan.learning_rate, "learning_rate")
    require(samples > 0, "there is nothing to train on: x has no rows")
