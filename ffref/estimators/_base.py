"""What all classifiers share: scikit-learn's interface around a training loop.

Works without scikit-learn; where it is installed, its tags and its NotFittedError are used.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ffref._checks import check_count, check_positive, require
from ffref.data import Augmentation, bind_augmentation
from ffref.estimators._parameters import Parameters
from ffref.estimators._record import Fitted, to_record
from ffref.estimators._validation import (
    check_feature_names,
    check_samples,
    check_targets,
    data_digest,
    draw_seed,
    encode_labels,
    fit_standardizer,
    image_shape,
    not_fitted_error,
    remember_feature_names,
)
from ffref.formulas import NORMS, softmax
from ffref.training import (
    READOUTS,
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
    format_record,
    read_out,
    with_warmup,
)
from ffref.training.checkpoint import write_checkpoint
from ffref.training.schedules import constant
from ffref.types import Array

Progress = Callable[[int, int, int], None]

_STRUCTURE = (
    "hidden_layer_sizes",
    "layers",
    "prototypes_per_class",
    "prototype_update",
    "label_encoding",
    "label_strength",
    "goodness_function",
    "standardize",
    "input_norm",
    "between_norm",
    "optimizer",
    "negatives",
    "image_shape",
    "peer_strength",
    "readout",
)


class Classifier(Parameters, ABC):
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
    shift: int
    flip: bool
    cutout: int
    image_shape: Any
    input_norm: str
    between_norm: str
    random_state: Any
    verbose: bool

    feature_names_in_: np.ndarray
    """there only if the training data had column names"""

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

    def _check_training_data(self, x: Array, classes: int) -> None:
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
        self.data_digest_ = data_digest(x, target)
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
            self.data_digest_ = data_digest(x, target)
        require(
            not resume or data_digest(x, target) == self.data_digest_,
            "these are not the samples and labels that this training began with; pass the same, "
            "or fit anew",
        )
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
        require(
            getattr(self, "layer_schedule", "simultaneous") == "simultaneous",
            "partial_fit trains all layers at once; set layer_schedule='simultaneous'",
        )
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
            self.data_digest_ = data_digest(x, target)
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
        else:
            require(
                self._structure() == self.structure_,
                f"training cannot go on with other layers, norms or optimiser than it began with: "
                f"began with {self.structure_}, now {self._structure()}; fit anew",
            )
        return x, target

    def _structure(self) -> dict[str, Any]:
        """Parameters that shape what was fitted; changed ones count from the next fit on."""
        params = self.get_params()
        return {name: params[name] for name in _STRUCTURE if name in params}

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
        standardizer = fit_standardizer(x) if self.standardize else None
        self._augmentation(x.shape[1])
        self._check_training_data(x if standardizer is None else standardizer(x), len(classes))
        # from here on nothing is refused: what was fitted before is kept until now
        self.classes_ = classes
        self.n_features_in_ = x.shape[1]
        self.standardizer_ = standardizer
        self.seed_ = draw_seed(self.random_state)
        self.structure_ = self._structure()
        rng = np.random.default_rng([self.seed_, 0])
        self.state_ = self._initial_state(rng, x.shape[1], len(classes))
        self.history_: list[EpochRecord] = []
        self.n_iter_ = 0

    def _run(
        self, x: Array, labels: np.ndarray, plan: Plan, progress: Progress | None
    ) -> Iterator[EpochRecord]:
        step = self._step(self.n_features_in_, len(self.classes_))
        done = len(self.history_)
        augment = self._augmentation(self.n_features_in_)
        for state, record in epochs(
            self.state_, step, self._prepare(x), labels, plan,
            done=done, progress=progress, augment=augment,
        ):  # fmt: skip
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
        return self._goodness(self._prepare(self._check_predict_argument(X)))

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
            raise not_fitted_error(f"this {type(self).__name__} is not fitted yet; call fit first")

    def readout_goodness(self, X: Any) -> tuple[Array, dict[str, Array]]:
        """`layer_goodness`, and `goodness` by the name of each readout there is."""
        return self._readout_goodness(self._prepare(self._check_predict_argument(X)))

    def _readout_goodness(self, x: Array) -> tuple[Array, dict[str, Array]]:
        scores = self._layer_scores(x)
        return scores, {name: read_out(scores, name) for name in READOUTS}

    def _goodness(self, x: Array) -> Array:
        """`goodness` of prepared samples."""
        return read_out(self._layer_scores(x), getattr(self, "readout", "last"))

    def _prepare(self, x: Array) -> Array:
        return x if self.standardizer_ is None else self.standardizer_(x)

    # -- scikit-learn ------------------------------------------------------------------------

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
            self.get_params() | self.structure_ | {"random_state": self.seed_},
            self.n_features_in_,
            getattr(self, "feature_names_in_", None),
            self.classes_,
            self.standardizer_,
            self.state_.network.layers,
            self.state_.network.readout,
            self.state_.optimizer,
            self.state_.readout_optimizer,
            self.history_,
            self.data_digest_,
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
        network = classifier._network(fitted.layers)._replace(readout=fitted.readout)
        classifier.state_ = TrainingState(network, fitted.optimizer, fitted.readout_optimizer)
        classifier.history_ = fitted.history
        classifier.data_digest_ = fitted.data_digest
        classifier.structure_ = classifier._structure()
        if fitted.feature_names is not None:
            classifier.feature_names_in_ = fitted.feature_names
        classifier.n_iter_ = len(fitted.history)
        return classifier

    # -- shared pieces -----------------------------------------------------------------------

    def _optimizer(self) -> Optimizer:
        return bind_optimizer(
            self.optimizer, momentum=self.momentum, weight_decay=self.weight_decay
        )

    def _augmentation(self, features: int) -> Callable[[Array, np.random.Generator], Array] | None:
        choices = Augmentation(self.shift, self.flip, self.cutout)
        if choices == Augmentation():
            return None
        return bind_augmentation(choices, image_shape(self.image_shape, features))

    def _hidden_layer_sizes(self) -> tuple[int, ...]:
        sizes = self.hidden_layer_sizes
        sizes = tuple(sizes) if np.iterable(sizes) else (sizes,)
        for size in sizes:
            check_count(size, "each of hidden_layer_sizes")
        return sizes

    def _network(self, layers: tuple[LocalLayer, ...]) -> Network:
        return Network(layers, NORMS[self.input_norm], NORMS[self.between_norm])
