"""Fitting: from samples and labels to a trained network, at once or in pieces."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from ffref._checks import check_count, require
from ffref.data import Samples, Stream, chosen_rows, first_rows
from ffref.estimators._prediction import Prediction
from ffref.estimators._validation import (
    Standardizer,
    check_samples,
    check_targets,
    data_digest,
    draw_seed,
    encode_labels,
    labels_of,
    remember_feature_names,
)
from ffref.layers import LayerDescription
from ffref.training import (
    SCHEDULES,
    EpochRecord,
    Optimizer,
    Plan,
    Schedule,
    Step,
    TrainingState,
    bind_optimizer,
    epochs,
    format_record,
    with_warmup,
)
from ffref.training.schedules import constant
from ffref.types import Array, Labels

Progress = Callable[[int, int, int], None]

_SEEN_OF_A_STREAM = 256
"""Samples by which the data are judged before training."""


class Fitting(Prediction):
    """The training loop behind `fit`, `fit_epochs` and `partial_fit`."""

    history_: list[EpochRecord]
    n_iter_: int
    seed_: int
    structure_: dict[str, Any]
    data_digest_: str

    # -- what a subclass defines -------------------------------------------------------------

    @abstractmethod
    def _initial_state(
        self, rng: np.random.Generator, features: int, classes: int
    ) -> TrainingState: ...

    @abstractmethod
    def _step(self, features: int, classes: int) -> Step: ...

    def _check_training_data(self, x: Array, classes: int) -> None:
        """Refuse or warn of data that suit this algorithm ill; most have nothing to say.

        x : all samples, prepared; of a stream, the first ones
        """

    def _fit_standardizer(self, x: Samples) -> Standardizer | None:
        """Statistics by which samples are prepared; None leaves them as they are."""
        return None

    def _augmentation(self, features: int) -> Callable[[Array, np.random.Generator], Array] | None:
        """How the samples of a batch are changed in training; None leaves them as they are."""
        return None

    def _is_greedy(self) -> bool:
        """Whether each layer is trained to its end before the next."""
        return False

    def _held_out(self, target: np.ndarray) -> np.ndarray | None:
        """Which samples `fit` trains no layer on, (samples,) of bool; None: all are trained on."""
        return None

    def _fit_to_held_out(self, x: Samples, labels: Labels) -> None:
        """Fit what is fitted to those samples, after each epoch."""

    def _known_classes(self, classes: Any) -> np.ndarray:
        """Classes from a later call of `partial_fit` on; most take no new ones."""
        require(
            classes is None or np.array_equal(np.unique(classes), self.classes_),
            f"classes must be those of the first call of partial_fit, {self.classes_.tolist()}, "
            f"got {np.unique(classes).tolist()}",
        )
        return self.classes_

    def _join(self, classes: np.ndarray, x: Samples, labels: Labels) -> None:
        """Make room for classes that are new among `classes`."""

    # -- what a user calls -------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train from scratch on samples X (samples, features) with labels y (samples,).

        X may be a stream of `ffref.data`, which need not fit into memory and may bring the labels.
        """
        for record in self.fit_epochs(X, y):
            if self.verbose:
                print(format_record(record))  # noqa: T201
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Array:
        """`fit`, then `transform` of the same samples."""
        return self.fit(X, y).transform(X)

    def start(self, X: Any, y: Any = None) -> Self:
        """Check parameters and data and draw the initial weights, all that comes before epoch 1.

        `fit_epochs(X, y, resume=True)` then trains from there.
        """
        x, target = self._check_fit_arguments(X, y, reset=True)
        self._start(x, target, np.unique(target), self._held_out(target))
        return self

    def fit_epochs(
        self, X: Any, y: Any = None, *, resume: bool = False, progress: Progress | None = None
    ) -> Iterator[EpochRecord]:
        """Train, and yield a record after each epoch; the classifier is usable at each yield.

        Parameters
        ----------
        X : (samples, features), y : (samples,)
        resume : bool
            Go on where a saved or interrupted training of the same plan stopped.
        progress : callable, optional
            Called with (epoch, batches done, batches in all).

        Examples
        --------
        >>> import ffref
        >>> X, y = ffref.data.load("digits", split="test")
        >>> model = ffref.HFFClassifier(hidden_layer_sizes=(32,), max_iter=2, random_state=0)
        >>> [record.epoch for record in model.fit_epochs(X, y)]
        [1, 2]
        """
        if resume:
            self._check_fitted()
        x, target = self._check_fit_arguments(X, y, reset=not resume)
        held = self._held_out(target)
        if not resume:
            self._start(x, target, np.unique(target), held)
        require(
            not resume or data_digest(x, target) == self.data_digest_,
            "these are not the samples and labels that this training began with; pass the same, "
            "or fit anew",
        )
        labels = encode_labels(target, self.classes_, type(self).__name__)
        schedule = with_warmup(SCHEDULES[self.schedule], self.warmup_steps)
        plan = self._epochs_plan(self.max_iter, schedule, greedy=self._is_greedy())
        if held is None:
            yield from self._run(x, labels, plan, progress)
            return
        seen, kept = chosen_rows(x, ~held), chosen_rows(x, held)
        for record in self._run(seen, labels[~held], plan, progress):
            self._fit_to_held_out(kept, labels[held])
            yield record

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None) -> Self:
        """Train for one pass over (X, y) at a constant learning rate, keeping what was learned.

        Parameters
        ----------
        X : (samples, features), y : (samples,)
        classes : array, optional
            All classes that will ever come; needed in the first call if y lacks some, and the
            same in later calls (in `HFFClassifier`, later calls may name new ones).
        """
        require(
            not self._is_greedy(),
            "partial_fit trains all layers at once; set layer_schedule='simultaneous'",
        )
        first = not hasattr(self, "state_")
        x, target = self._check_fit_arguments(X, y, reset=first)
        if first:
            known = np.unique(target if classes is None else classes)
        else:
            known = self._known_classes(classes)
        labels = encode_labels(target, known, type(self).__name__)
        if first:
            self._start(x, target, known, None)
        elif len(known) > len(self.classes_):
            self._join(known, x, labels)
        plan = self._epochs_plan(len(self.history_) + 1, constant, greedy=False)
        for _ in self._run(x, labels, plan, None):
            pass
        return self

    # -- pieces ------------------------------------------------------------------------------

    def _check_fit_arguments(self, X: Any, y: Any, *, reset: bool) -> tuple[Samples, np.ndarray]:
        self._check_parameters()
        expected = None if reset else self.n_features_in_
        x = check_samples(X, expected_features=expected, owner=type(self).__name__)
        target = check_targets(labels_of(X, y), len(x))
        if reset:
            remember_feature_names(self, X)
        else:
            require(
                self._structure() == self.structure_,
                f"training cannot go on with other layers, norms or optimiser than it began with: "
                f"began with {self.structure_}, now {self._structure()}; fit anew",
            )
        return x, target

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._hidden_layer_sizes()
        with_warmup(constant, self.warmup_steps)
        self._optimizer()

    def _start(
        self, x: Samples, target: np.ndarray, classes: np.ndarray, held: np.ndarray | None
    ) -> None:
        require(
            len(classes) >= 2,
            f"{type(self).__name__} tells classes apart and needs at least 2, got one class: "
            f"{classes.tolist()}",
        )
        standardizer = self._fit_standardizer(x if held is None else chosen_rows(x, ~held))
        self._augmentation(x.shape[1])
        seen = first_rows(x, _SEEN_OF_A_STREAM) if isinstance(x, Stream) else x
        self._check_training_data(
            seen if standardizer is None else standardizer(seen), len(classes)
        )
        seed = draw_seed(self.random_state)
        # from here on nothing is refused: what was fitted before is kept until now
        self.classes_ = classes
        self.n_features_in_ = x.shape[1]
        self.standardizer_ = standardizer
        self.seed_ = seed
        self.structure_ = self._structure()
        rng = np.random.default_rng([self.seed_, 0])
        self.state_ = self._initial_state(rng, x.shape[1], len(classes))
        self.history_ = []
        self.n_iter_ = 0
        self.data_digest_ = data_digest(x, target)

    def _epochs_plan(self, count: int, schedule: Schedule, *, greedy: bool) -> Plan:
        return Plan(count, self.batch_size, self.learning_rate_init, schedule, self.seed_, greedy)

    def _run(
        self, x: Samples, labels: np.ndarray, plan: Plan, progress: Progress | None
    ) -> Iterator[EpochRecord]:
        step = self._step(self.n_features_in_, len(self.classes_))
        done = len(self.history_)
        augment = self._augmentation(self.n_features_in_)
        for state, record in epochs(
            self.state_, step, self._prepare_all(x), labels, plan,
            done=done, progress=progress, augment=augment,
        ):  # fmt: skip
            self.state_ = state
            self.history_.append(record)
            self.n_iter_ = record.epoch
            yield record

    def _optimizer(self) -> Optimizer:
        return bind_optimizer(
            self.optimizer, momentum=self.momentum, weight_decay=self.weight_decay
        )

    def _descriptions(self) -> tuple[LayerDescription, ...]:
        """What the layers are: dense ones, in most classifiers."""
        return tuple(LayerDescription("dense", int(size)) for size in self._hidden_layer_sizes())

    def _hidden_layer_sizes(self) -> tuple[int, ...]:
        sizes = self.hidden_layer_sizes
        sizes = tuple(sizes) if np.iterable(sizes) else (sizes,)
        for size in sizes:
            check_count(size, "each of hidden_layer_sizes")
        return sizes
