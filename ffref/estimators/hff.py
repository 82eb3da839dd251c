"""Hyperspherical Forward-Forward as a classifier."""

from typing import Any

import numpy as np

from ffref._checks import check_count
from ffref.estimators._local import LocalClassifier
from ffref.objectives.hff import hff, hff_class_scores, hff_initial_prototypes
from ffref.training import Algorithm, one_pass
from ffref.types import Array, Params


class HFFClassifier(LocalClassifier):
    """Hyperspherical Forward-Forward: each layer classifies by cosines to learned prototypes.

    No negative samples, and one pass to predict. Formula and source: `ffref.objectives.hff`.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each layer.
    prototypes_per_class : int
        Prototypes of each class in each layer.
    temperature : float
        Divides the class scores.
    sharpness : float, optional
        How sharply a class's score follows its nearest prototype; None means 1 / temperature.
    margin : float
        Additive margin of the true class, in units of a cosine.
    label_smoothing : float
        Share of each label that is spread over all classes.
    prototype_update : {"gradient", "ema"}
        Prototypes learned by gradient on the sphere, or moving averages of their class.
    ema_decay : float
        Share of the old prototype kept in each step of "ema".
    readout : {"sum", "last", "sum-without-first"}
        Layers whose scores are added to predict.
    layer_schedule : {"simultaneous", "greedy"}
        All layers in every step, or each to its end before the next.
    max_iter : int
        Epochs (when greedy, for each layer).
    batch_size : int
    learning_rate_init : float
        Learning rate before the schedule's factor.
    optimizer : {"adam", "adamw", "heavy-ball", "moving-average"}
    momentum : float
        Of heavy-ball and moving-average.
    weight_decay : float
        Acts on weights alone; Adam has none, use AdamW.
    schedule : {"cosine", "constant", "linear", "linear-second-half", "hinton"}
    warmup_steps : int
        Steps over which the learning rate rises from 0.
    standardize : bool
        Bring each feature to mean 0 and standard deviation 1 over the training data.
    shift : int
        Augmentation: each training image is moved by up to so many pixels, anew in each epoch.
    flip : bool
        Augmentation: left and right exchanged in every second image.
    cutout : int
        Augmentation: side of a square of each image that is set to 0.
    image_shape : tuple of int, optional
        (height, width) or (height, width, channels) of the samples; None: a square.
    input_norm, between_norm : {"none", "l2", "rms", "layer"}
        Normalisation of each sample before the first layer, and of each activity between layers.
    random_state : int, RandomState, Generator or None
        Seed; the same seed gives the same bits for any number of threads.
    verbose : bool
        Print a line an epoch.

    Attributes
    ----------
    classes_ : (classes,)
    n_features_in_ : int
    history_ : list of EpochRecord
        Loss and accuracy of each layer for each epoch.
    state_ : TrainingState
        The network and the optimiser's memory.
    seed_ : int
        The seed that was used; a resumed run draws from it.

    Examples
    --------
    >>> import ffref
    >>> X, y = ffref.data.load("digits")
    >>> model = ffref.HFFClassifier(hidden_layer_sizes=(64,), max_iter=10, random_state=0)
    >>> model.fit(X, y).score(*ffref.data.load("digits", split="test")) > 0.9
    True
    """

    algorithm = "hff"

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256),
        *,
        prototypes_per_class: int = 4,
        temperature: float = 0.1,
        sharpness: float | None = None,
        margin: float = 0.0,
        label_smoothing: float = 0.0,
        prototype_update: str = "gradient",
        ema_decay: float = 0.99,
        readout: str = "sum",
        layer_schedule: str = "simultaneous",
        max_iter: int = 50,
        batch_size: int = 64,
        learning_rate_init: float = 0.001,
        optimizer: str = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        schedule: str = "cosine",
        warmup_steps: int = 0,
        standardize: bool = True,
        shift: int = 0,
        flip: bool = False,
        cutout: int = 0,
        image_shape: Any = None,
        input_norm: str = "none",
        between_norm: str = "rms",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.prototypes_per_class = prototypes_per_class
        self.temperature = temperature
        self.sharpness = sharpness
        self.margin = margin
        self.label_smoothing = label_smoothing
        self.prototype_update = prototype_update
        self.ema_decay = ema_decay
        self.readout = readout
        self.layer_schedule = layer_schedule
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.optimizer = optimizer
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup_steps = warmup_steps
        self.standardize = standardize
        self.shift = shift
        self.flip = flip
        self.cutout = cutout
        self.image_shape = image_shape
        self.input_norm = input_norm
        self.between_norm = between_norm
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_count(self.prototypes_per_class, "prototypes_per_class")

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        objective = hff(
            temperature=self.temperature,
            sharpness=self.sharpness,
            margin=self.margin,
            label_smoothing=self.label_smoothing,
            prototype_update=self.prototype_update,
            ema_decay=self.ema_decay,
        )
        sharpness = 1 / self.temperature if self.sharpness is None else self.sharpness

        def class_scores(activity: Array, params: Params) -> Array:
            return hff_class_scores(activity, params[0], sharpness=sharpness)

        objectives = [objective] * len(self._descriptions())
        return one_pass(objectives, class_scores=class_scores)

    def _initial_params(self, rng: np.random.Generator, classes: int, units: int) -> Params:
        prototypes = hff_initial_prototypes(
            rng, classes=classes, prototypes_per_class=self.prototypes_per_class, units=units
        )
        return (prototypes.astype(np.float32),)

    def _learned_params(self) -> int:
        return 1 if self.prototype_update == "gradient" else 0

    def _class_logits(self, goodness: Array) -> Array:
        """Mean score of the layers that are read, divided by the temperature."""
        layers = len(self.state_.network.layers[self._layers_read()])
        return goodness / (self.temperature * layers)

    @property
    def prototypes_(self) -> list[Array]:
        """Prototypes of each layer, (classes, prototypes_per_class, units), of unit length."""
        self._check_fitted()
        return [layer.params[0] for layer in self.state_.network.layers]
