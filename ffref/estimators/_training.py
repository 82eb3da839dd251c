"""Training: from a state to a better one, epoch by epoch, judged by samples held out."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ffref.data import Samples
from ffref.estimators._prediction import Prediction
from ffref.estimators._validation import held_out
from ffref.training import EpochRecord, Plan, Position, Schedule, Step, TrainingState, epochs
from ffref.training.checkpoint import state_to_arrays
from ffref.training.early_stopping import has_stalled, last_is_best
from ffref.types import Array, Labels

Progress = Callable[[int, int, int], None]

Held = tuple[Samples, Labels] | None
"""Samples that are held out, and their labels."""


class Training(Prediction):
    """The training loop and what a classifier remembers of it."""

    history_: list[EpochRecord]
    n_iter_: int
    seed_: int
    structure_: dict[str, Any]
    data_digest_: str
    position_: Position | None = None
    """where training stands within an epoch, after each batch; None between epochs"""
    _best: dict[str, Array] | None = None
    """arrays of the best epoch so far, while early stopping waits for a better one"""

    # -- what a subclass defines -------------------------------------------------------------

    @abstractmethod
    def _step(self, features: int, classes: int) -> Step: ...

    def _augmentation(self, features: int) -> Callable[[Array, np.random.Generator], Array] | None:
        """How the samples of a batch are changed in training; None leaves them as they are."""
        return None

    @abstractmethod
    def _restored(self, arrays: dict[str, Array]) -> TrainingState:
        """State of which `state_to_arrays` made these arrays."""

    def _is_greedy(self) -> bool:
        """Whether each layer is trained to its end before the next."""
        return False

    def _learns_layers(self) -> bool:
        """Whether the layers learn, and not only what reads them."""
        return True

    def _holds_out(self) -> bool:
        """Whether samples are held out even if `validation_fraction` names no share."""
        return self.early_stopping

    def _fit_to_held_out(self, x: Samples, labels: Labels) -> None:
        """Fit what is fitted to those samples, after each epoch."""

    # -- what a user calls -------------------------------------------------------------------

    def epochs_in_all(self) -> int:
        """Epochs of a whole `fit`, unless something stops it."""
        self._check_fitted()
        return self.max_iter * (len(self.state_.network.layers) if self._is_greedy() else 1)

    # -- pieces ------------------------------------------------------------------------------

    def _held_out(self, target: np.ndarray) -> np.ndarray | None:
        """Which samples `fit` trains no layer on, (samples,) of bool; None: all are trained on."""
        if self.validation_fraction is not None:
            return held_out(target, self.validation_fraction)
        return held_out(target, 0.1) if self._holds_out() else None

    def _epochs_plan(self, count: int, schedule: Schedule, *, greedy: bool) -> Plan:
        return Plan(
            count, self.batch_size, self.learning_rate_init, schedule, self.seed_, greedy,
            self._learns_layers(),
        )  # fmt: skip

    def _run(
        self, x: Samples, labels: Labels, plan: Plan, held: Held, progress: Progress | None
    ) -> Iterator[EpochRecord]:
        def after_batch(state: TrainingState, position: Position) -> None:
            self.state_, self.position_ = state, position
            if progress is not None:
                progress(position.epoch, position.batches, position.of)

        if self._has_stalled():  # a run that had stopped is resumed
            return
        step = self._step(self.n_features_in_, len(self.classes_))
        for state, record in epochs(
            self.state_, step, self._prepare_all(x), labels, plan,
            done=len(self.history_), position=self.position_, after_batch=after_batch,
            augment=self._augmentation(self.n_features_in_),
        ):  # fmt: skip
            self.state_, self.position_ = state, None
            self._remember(record, held)
            stops = [callback(self.history_[-1]) for callback in self.callbacks or ()]
            over = any(stops) or self._has_stalled()
            if over or self.n_iter_ == self.epochs_in_all():
                self._take_best(held)
            yield self.history_[-1]
            if over:
                return

    def _remember(self, record: EpochRecord, held: Held) -> None:
        """Add an epoch to the history, and its state if it is the best one so far."""
        if held is not None:
            self._fit_to_held_out(*held)
            right = self._winners(held[0]) == held[1]
            record = record._replace(validation=float(right.mean()))
        self.history_.append(record)
        self.n_iter_ = record.epoch
        if self.early_stopping and last_is_best(self._validation_shares()):
            self._best = {
                name: array.copy() for name, array in state_to_arrays(self.state_).items()
            }

    def _take_best(self, held: Held) -> None:
        if self._best is not None and held is not None:
            self.state_, self._best = self._restored(self._best), None
            self._fit_to_held_out(*held)

    def _has_stalled(self) -> bool:
        shares = self._validation_shares()
        return self.early_stopping and has_stalled(
            shares, patience=self.n_iter_no_change, tol=self.tol
        )

    def _validation_shares(self) -> list[float]:
        return [record.validation for record in self.history_ if record.validation is not None]
