"""What all classifiers share: scikit-learn's interface around a training loop.

Works without scikit-learn; where it is installed, its tags and its NotFittedError are used.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ffref._checks import check_count, check_positive, require
from ffref.estimators._record import Fitted, to_record
from ffref.estimators._validation import (
    check_feature_names,
    check_samples,
    check_targets,
    draw_seed,
    encode_labels,
    fit_standardizer,
    remember_feature_names,
)
from ffref.formulas import NORMS, softmax
from ffref.layers import Dense, he_dense
from ffref.training import (
    SCHEDULES,
    EpochRecord,
    LocalLayer,
    Network,
    Optimizer,
    Plan,
    Step,
    TrainingState,
    bind_optimizer,
    epochs,
    read_out,
    with_warmup,
)
from ffref.training.checkpoint import write_checkpoint
from ffref.training.schedules import constant
from ffref.types import Array

Progress = Callable[[int, int, int], None]


class Classifier(ABC):
    """Base of all classifiers: parameters, fitting, prediction, saving."""

    algorithm: ClassVar[str]
    """Name on the command line and in checkpoints."""

    # set by every subclass's __init__
    hidden_layer_sizes: Any
    max_iter: int
    batch_size: int
    learning_rate_init: float
    optimizer: str
    momentum: float
    weight_decay: float
    schedule: str
    warmup_steps: int
    standardize: bool
    input_norm: str
    between_norm: str
    random_state: Any
    verbose: bool

    # -- what a subclass defines -------------------------------------------------------------

    @abstractmethod
    def _initial_state(
        self, rng: np.random.Generator, features: int, classes: int
    ) -> TrainingState: ...

    @abstractmethod
    def _step(self, features: int, classes: int) -> Step: ...

    @abstractmethod
    def _layer_scores(self, x: Array) -> Array:
        """(samples, features) -> (layers, samples, classes), of prepared samples."""

    @abstractmethod
    def _class_logits(self, goodness: Array) -> Array:
        """Goodness (samples, classes) -> logits of `predict_proba`."""

    @abstractmethod
    def _hidden(self, x: Array) -> Array:
        """Normalised activity of the last hidden layer, of prepared samples."""

    def _check_training_data(self, x: Array, classes: int) -> None:  # noqa: B027
        """Refuse or warn of data that suit this algorithm ill; most have nothing to say."""

    # -- fitting -----------------------------------------------------------------------------

    def fit(self, X: Any, y: Any) -> Self:
        """Train from scratch on samples X (samples, features) with labels y (samples,)."""
        for record in self.fit_epochs(X, y):
            if self.verbose:
                print(format_record(record))  # noqa: T201
        return self

    def start(self, X: Any, y: Any) -> Self:
        """Check parameters and data and draw the initial weights, all that comes before epoch 1.

        `fit_epochs(X, y, resume=True)` then trains from there.
        """
        x, target = self._check_fit_arguments(X, y, reset=True)
        self._start(x, np.unique(target))
        return self

    def fit_epochs(
        self, X: Any, y: Any, *, resume: bool = False, progress: Progress | None = None
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
        if not resume:
            self._start(x, np.unique(target))
        labels = encode_labels(target, self.classes_, type(self).__name__)
        greedy = getattr(self, "layer_schedule", "simultaneous") == "greedy"
        schedule = with_warmup(SCHEDULES[self.schedule], self.warmup_steps)
        plan = Plan(
            self.max_iter, self.batch_size, self.learning_rate_init, schedule, self.seed_, greedy
        )
        yield from self._run(x, labels, plan, progress)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train for one pass over (X, y) at a constant learning rate, keeping what was learned.

        Parameters
        ----------
        X : (samples, features), y : (samples,)
        classes : array, optional
            All classes that will ever come; needed in the first call if y lacks some, and the
            same in later calls.
        """
        first = not hasattr(self, "state_")
        x, target = self._check_fit_arguments(X, y, reset=first)
        known = np.unique(target if classes is None else classes) if first else self.classes_
        require(
            classes is None or np.array_equal(np.unique(classes), known),
            f"classes must be those of the first call of partial_fit, {known.tolist()}, "
            f"got {np.unique(classes).tolist()}",
        )
        labels = encode_labels(target, known, type(self).__name__)
        if first:
            self._start(x, known)
        plan = Plan(
            len(self.history_) + 1, self.batch_size, self.learning_rate_init, constant, self.seed_
        )
        for _ in self._run(x, labels, plan, None):
            pass
        return self

    def _check_fit_arguments(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, np.ndarray]:
        self._check_parameters()
        expected = None if reset else self.n_features_in_
        x = check_samples(X, expected_features=expected, owner=type(self).__name__)
        target = check_targets(y, len(x))
        if reset:
            remember_feature_names(self, X)
        return x, target

    def _check_parameters(self) -> None:
        self._hidden_layer_sizes()
        check_count(self.max_iter, "max_iter")
        check_count(self.batch_size, "batch_size")
        for name, value, known in (
            ("schedule", self.schedule, SCHEDULES),
            ("input_norm", self.input_norm, NORMS),
            ("between_norm", self.between_norm, NORMS),
        ):
            require(value in known, f"{name} must be one of {', '.join(known)}, got {value!r}")
        check_positive(self.learning_rate_init, "learning_rate_init")
        with_warmup(constant, self.warmup_steps)
        self._optimizer()

    def _start(self, x: Array, classes: np.ndarray) -> None:
        require(
            len(classes) >= 2,
            f"{type(self).__name__} tells classes apart and needs at least 2, got one class: "
            f"{classes.tolist()}",
        )
        self.classes_ = classes
        self.n_features_in_ = x.shape[1]
        self.seed_ = draw_seed(self.random_state)
        self.standardizer_ = fit_standardizer(x) if self.standardize else None
        self._check_training_data(self._prepare(x), len(classes))
        rng = np.random.default_rng([self.seed_, 0])
        self.state_ = self._initial_state(rng, x.shape[1], len(classes))
        self.history_: list[EpochRecord] = []
        self.n_iter_ = 0

    def _run(
        self, x: Array, labels: np.ndarray, plan: Plan, progress: Progress | None
    ) -> Iterator[EpochRecord]:
        step = self._step(self.n_features_in_, len(self.classes_))
        done = len(self.history_)
        for state, record in epochs(
            self.state_, step, self._prepare(x), labels, plan, done=done, progress=progress
        ):
            self.state_ = state
            self.history_.append(record)
            self.n_iter_ = record.epoch
            yield record

    # -- prediction --------------------------------------------------------------------------

    def layer_goodness(self, X: Any) -> Array:
        """Goodness of each class in each layer, (layers, samples, classes)."""
        return self._layer_scores(self._prepare(self._check_predict_argument(X)))

    def goodness(self, X: Any) -> Array:
        """Goodness of each class over the layers that the readout counts, (samples, classes)."""
        return read_out(self.layer_goodness(X), getattr(self, "readout", "last"))

    def decision_function(self, X: Any) -> Array:
        """Goodness of each class, (samples, classes); of two, their difference, (samples,)."""
        goodness = self.goodness(X)
        return goodness[:, 1] - goodness[:, 0] if goodness.shape[1] == 2 else goodness

    def predict(self, X: Any) -> np.ndarray:
        """Class of the highest goodness, (samples,)."""
        winners = self.goodness(X).argmax(axis=1)  # first, so that unfitted is told as such
        return self.classes_[winners]

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class, (samples, classes)."""
        return softmax(self._class_logits(self.goodness(X)))

    def score(self, X: Any, y: Any) -> float:
        """Share of samples whose class is predicted right."""
        predicted = self.predict(X)
        return float((predicted == check_targets(y, len(predicted))).mean())

    def transform(self, X: Any) -> Array:
        """Normalised activity of the last hidden layer, (samples, units)."""
        return self._hidden(self._prepare(self._check_predict_argument(X)))

    def fit_transform(self, X: Any, y: Any) -> Array:
        """`fit`, then `transform` of the same samples."""
        return self.fit(X, y).transform(X)

    def _check_predict_argument(self, X: Any) -> Array:
        self._check_fitted()
        check_feature_names(self, X)
        owner = type(self).__name__
        return check_samples(X, expected_features=self.n_features_in_, owner=owner)

    def _check_fitted(self) -> None:
        if not hasattr(self, "state_"):
            raise _not_fitted_error(
                f"this {type(self).__name__} is not fitted yet; call fit first"
            )

    def _prepare(self, x: Array) -> Array:
        return x if self.standardizer_ is None else self.standardizer_(x)

    # -- parameters --------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name (`deep` is there for scikit-learn)."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set constructor arguments by name."""
        for name, value in params.items():
            require(
                name in self._parameter_names(),
                f"Invalid parameter {name!r} for {type(self).__name__}; it has "
                f"{', '.join(self._parameter_names())}",
            )
            setattr(self, name, value)
        return self

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        given = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name].default)
        )
        return f"{type(self).__name__}({', '.join(given)})"

    def __sklearn_tags__(self) -> Any:
        """Describe this estimator to scikit-learn, which calls this."""
        utils = import_module("sklearn.utils")
        return utils.Tags(
            estimator_type="classifier",
            target_tags=utils.TargetTags(required=True),
            transformer_tags=utils.TransformerTags(preserves_dtype=["float32"]),
            classifier_tags=utils.ClassifierTags(),
            input_tags=utils.InputTags(),
        )

    # -- saving ------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write everything to one .npz file (no pickle); `ffref.load` reads it back."""
        self._check_fitted()
        fitted = Fitted(
            self.algorithm,
            self.get_params() | {"random_state": self.seed_},
            self.n_features_in_,
            self.classes_,
            self.standardizer_,
            self.state_.network.layers,
            self.state_.optimizer,
            self.history_,
        )
        write_checkpoint(Path(path), *to_record(fitted))

    @classmethod
    def from_fitted(cls, fitted: Fitted) -> Self:
        """Make the classifier that `save` recorded; `ffref.load` calls this."""
        classifier = cls(**fitted.parameters)
        classifier.classes_ = fitted.classes
        classifier.n_features_in_ = fitted.features
        classifier.seed_ = int(fitted.parameters["random_state"])
        classifier.standardizer_ = fitted.standardizer
        network = classifier._network(fitted.layers)
        classifier.state_ = TrainingState(network, fitted.optimizer)
        classifier.history_ = fitted.history
        classifier.n_iter_ = len(fitted.history)
        return classifier

    # -- shared pieces -----------------------------------------------------------------------

    def _optimizer(self) -> Optimizer:
        return bind_optimizer(
            self.optimizer, momentum=self.momentum, weight_decay=self.weight_decay
        )

    def _hidden_layer_sizes(self) -> tuple[int, ...]:
        sizes = self.hidden_layer_sizes
        sizes = tuple(sizes) if np.iterable(sizes) else (sizes,)
        for size in sizes:
            check_count(size, "each of hidden_layer_sizes")
        return sizes

    def _network(self, layers: tuple[LocalLayer, ...]) -> Network:
        return Network(layers, NORMS[self.input_norm], NORMS[self.between_norm])


def draw_dense_layers(rng: np.random.Generator, sizes: tuple[int, ...]) -> list[Dense]:
    """He-initialised float32 layers between neighbouring sizes."""
    layers = (he_dense(rng, *pair) for pair in pairwise(sizes))
    return [Dense(*(array.astype(np.float32) for array in layer)) for layer in layers]


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


class NotFittedError(ValueError, AttributeError):
    """A classifier was asked to predict before it was fitted."""


def _not_fitted_error(message: str) -> Exception:
    try:
        error: Exception = import_module("sklearn.exceptions").NotFittedError(message)
    except ImportError:
        error = NotFittedError(message)
    return error
