"""The training loop: epochs, mini-batches, seeds and the two orders of training layers.

The loop knows neither losses nor weights: it hands mini-batches to a step function. Every random
number of epoch e comes from a generator seeded with (seed, e), so that a run that is resumed at
an epoch's start draws what the uninterrupted run draws.
"""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ffref._checks import check_count, check_positive, require
from ffref.data import Samples, shuffled_batches
from ffref.kernels import flush_subnormals
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


def format_record(record: EpochRecord) -> str:
    """One line for an epoch: loss and accuracy of each layer.

    Examples
    --------
    >>> format_record(EpochRecord(3, (0.5, 0.25), (0.9, 0.95), 0.001, 1.5))
    'epoch   3  loss 0.5000 0.2500  accuracy 0.9000 0.9500  rate 0.001  1.5 s'
    """

    def words(values: tuple[float | None, ...]) -> str:
        return " ".join("-" if value is None else f"{value:.4f}" for value in values)

    return (
        f"epoch {record.epoch:3d}  loss {words(record.loss)}  accuracy {words(record.accuracy)}"
        f"  rate {record.learning_rate:.3g}  {record.seconds:.1f} s"
    )


class DivergenceError(ArithmeticError):
    """A loss became infinite or not a number."""


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
    progress: Callable[[int, int, int], None] | None = None,
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
    progress : callable, optional
        Called with (epoch from 1, batches done, batches in all) after each batch.
    augment : callable, optional
        (x of a batch, rng) -> the samples that are trained on instead.

    Raises
    ------
    DivergenceError
        If a loss is not finite; the message names epoch and layer.
    """
    _check_plan(plan, len(x))
    batches = -(-len(x) // plan.batch_size)
    for epoch in range(done, total_epochs(plan, step.layers)):
        started = perf_counter()
        rng = np.random.default_rng([plan.seed, 1, epoch])
        trained, first_step = _trained_layers(plan, step.layers, epoch, batches)
        tally = _Tally(step.layers)
        learning_rate = plan.learning_rate
        for batch, (own, rows) in enumerate(shuffled_batches(x, plan.batch_size, rng)):
            factor = plan.schedule(first_step + batch, plan.epochs * batches, batches)
            learning_rate = plan.learning_rate * factor
            # the tally names what is not finite; what vanishes must not cost time
            with np.errstate(all="ignore"), flush_subnormals():
                state, reports = step.run(
                    state,
                    own if augment is None else augment(own, rng),
                    labels[rows],
                    rng=rng,
                    learning_rate=learning_rate,
                    trained=trained,
                )
            tally.add(reports, len(rows), epoch + 1)
            if progress is not None:
                progress(epoch + 1, batch + 1, batches)
        if step.finish is not None:
            step.finish(state, x, labels)
        loss, accuracy = tally.means()
        seconds = perf_counter() - started
        yield state, EpochRecord(epoch + 1, loss, accuracy, learning_rate, seconds)


def _trained_layers(plan: Plan, layers: int, epoch: int, batches: int) -> tuple[range, int]:
    """Layers that this epoch trains, and the number of its first step for the schedule."""
    if not plan.greedy:
        return range(layers), epoch * batches
    layer, own_epoch = divmod(epoch, plan.epochs)
    return range(layer, layer + 1), own_epoch * batches


class _Tally:
    """Running sums of loss and accuracy, weighted by samples."""

    def __init__(self, layers: int) -> None:
        self.samples = [0] * layers
        self.loss = [0.0] * layers
        self.accuracy = [0.0] * layers

    def add(self, reports: dict[int, LayerReport], samples: int, epoch: int) -> None:
        for layer, report in reports.items():
            if not np.isfinite(report.loss):
                raise DivergenceError(
                    f"the loss of layer {layer + 1} became {report.loss} in epoch {epoch}; "
                    f"try a lower learning rate"
                )
            self.samples[layer] += samples
            self.loss[layer] += samples * report.loss
            self.accuracy[layer] += samples * report.accuracy

    def means(self) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
        def mean(sums: list[float]) -> tuple[float | None, ...]:
            return tuple(s / n if n else None for s, n in zip(sums, self.samples, strict=True))

        return mean(self.loss), mean(self.accuracy)


def _check_plan(plan: Plan, samples: int) -> None:
    check_count(plan.epochs, "epochs")
    check_count(plan.batch_size, "batch_size")
    check_positive(plan.learning_rate, "learning_rate")
    require(samples > 0, "there is nothing to train on: x has no rows")
