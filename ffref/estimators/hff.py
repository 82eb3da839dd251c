"""Hyperspherical Forward-Forward as a classifier."""

from typing import Any

import numpy as np

from ffref._checks import check_count, require
from ffref.baselines import input_gradient, network_pass
from ffref.data import Samples, chosen_rows, first_rows
from ffref.estimators._gradients import InputGradients
from ffref.estimators._layers import AnyLayers
from ffref.estimators._parameters import classifier
from ffref.estimators._validation import check_targets, encode_labels
from ffref.estimators._weighed import WeighedReadout
from ffref.formulas import softmax_cross_entropy_grad
from ffref.method import LayerPlace, OwnParams, setting
from ffref.objectives.hff import (
    hff,
    hff_class_mean_prototypes,
    hff_class_scores,
    hff_class_scores_vjp,
    hff_initial_prototypes,
    hff_params,
    hff_simplex_prototypes,
    hff_temperature,
)
from ffref.objectives.hff.kinds import MARGINS
from ffref.training import Algorithm, insert_classes, one_pass, passes
from ffref.types import Array, Labels, Params

_MEANS_OF = 1024
"""Samples at most, whose activity prototypes start from."""


@classifier
class HFFClassifier(WeighedReadout, InputGradients, AnyLayers):
    """Hyperspherical Forward-Forward: each layer classifies by cosines to learned prototypes.

    No negative samples, and one pass to predict. Formula and source: `ffref.objectives.hff`.
    A later call of `partial_fit` may name new classes in `classes=`, with or without the old ones.
    Their prototypes start at the mean directions of their samples in that call, at random where
    there are none; nothing else changes but by the training that follows. Until then they draw
    samples of the old classes to them, unless prototypes are moving averages.

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

    prototypes_per_class: int = setting(
        default=4, help="prototypes of each class in each layer", check=check_count, shapes=True
    )
    temperature: float = setting(default=0.1, help="divides the class scores")
    sharpness: float | None = setting(
        default=None,
        help="how sharply a score follows the nearest prototype; default: 1 / temperature",
    )
    margin: float = setting(
        default=0.0,
        help="handicap of the true class: a cosine, for angular kinds radians or a whole factor",
    )
    margin_kind: str = setting(
        default="additive-cosine",
        help="what the margin is added to, or which classes it holds against",
        more="As CosFace, ArcFace (radians), SphereFace (a whole factor, 1 for none); or a "
        "softplus for each pair of classes, or for the hardest one.",
        choices=tuple(MARGINS),
    )
    learn_temperature: bool = setting(
        default=False,
        help="learn each layer's temperature by gradient, from --temperature on",
        shapes=True,
    )
    label_smoothing: float = setting(
        default=0.0, help="share of each label that is spread over all classes"
    )
    prototype_update: str = setting(
        default="gradient",
        help="how prototypes learn",
        more="By gradient on the sphere, or as moving averages of their class.",
        choices=("gradient", "ema"),
        shapes=True,
    )
    ema_decay: float = setting(
        default=0.99,
        help="share of the old prototype kept in each step of a moving average",
        needs=("prototype_update", ("ema",)),
    )
    prototype_init: str = setting(
        default="random",
        help="directions from which prototypes start",
        more="Of a regular simplex: needs a unit for each class but one. Class means: of the "
        "first activity of up to 1024 training samples.",
        choices=("random", "simplex", "class-means"),
    )

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        objective = hff(
            temperature=self.temperature,
            sharpness=self.sharpness,
            margin=self.margin,
            label_smoothing=self.label_smoothing,
            prototype_update=self.prototype_update,
            ema_decay=self.ema_decay,
            margin_kind=self.margin_kind,
            learn_temperature=self.learn_temperature,
        )

        def class_scores(features: Array, params: Params) -> Array:
            return hff_class_scores(features, params[-1], sharpness=self._sharpness(params))

        layers = len(self._descriptions())
        return one_pass([objective] * layers, class_scores=[class_scores] * layers)

    def _temperature(self, params: Params) -> float:
        return hff_temperature(params) if self.learn_temperature else self.temperature

    def _sharpness(self, params: Params) -> float:
        return 1 / self._temperature(params) if self.sharpness is None else self.sharpness

    def _temperatures(self) -> list[float]:
        return [self._temperature(layer.params) for layer in self.state_.network.layers]

    def _check_training_data(self, x: Array, classes: int) -> None:
        super()._check_training_data(x, classes)
        units = min(place.units for place in self._places(x.shape[1], classes))
        require(
            self.prototype_init != "simplex" or units >= classes - 1,
            f"a simplex of {classes} classes needs at least {classes - 1} units in each layer, "
            f"got {units}; use prototype_init='random' or more units",
        )

    def _initial_params(self, rng: np.random.Generator, place: LayerPlace) -> OwnParams:
        simplex = self.prototype_init == "simplex"
        draw = hff_simplex_prototypes if simplex else hff_initial_prototypes
        prototypes = draw(
            rng,
            classes=place.classes,
            prototypes_per_class=self.prototypes_per_class,
            units=place.units,
        ).astype(np.float32)
        own = hff_params(
            prototypes, temperature=self.temperature, learn_temperature=self.learn_temperature
        )
        if self.prototype_update == "gradient":
            return OwnParams(learned=own)
        return OwnParams(learned=own[:-1], kept=own[-1:])

    def _begin(self, x: Samples, target: np.ndarray, held: np.ndarray | None) -> None:
        if self.prototype_init != "class-means":
            return
        rng = np.random.default_rng([self.seed_, 3])
        trained = np.arange(len(x)) if held is None else np.flatnonzero(~held)
        some = np.zeros(len(x), bool)
        some[rng.permutation(trained)[:_MEANS_OF]] = True
        labels = encode_labels(target[some], self.classes_, type(self).__name__)
        rows = self._prepare(first_rows(chosen_rows(x, some), _MEANS_OF))
        means = self._class_means(rows, labels, len(self.classes_), rng, training=True)
        for layer, prototypes in zip(self.state_.network.layers, means, strict=True):
            np.copyto(layer.params[-1], prototypes)

    def _class_means(
        self,
        x: Array,
        labels: Labels,
        classes: int,
        rng: np.random.Generator,
        *,
        training: bool,
    ) -> list[Array]:
        """Prototypes of each layer at the mean directions of these samples, prepared.

        `training`: as in its first step, before there are running statistics.
        """
        return [
            hff_class_mean_prototypes(
                rng,
                passed.features,
                labels,
                classes=classes,
                prototypes_per_class=self.prototypes_per_class,
            )
            for passed in passes(self.state_.network, x, training=training)
        ]

    def _input_gradient(self, x: Array, labels: Labels) -> Array:
        network, factors = self.state_.network, self._score_factors()
        forward = network_pass(network, x, training=False)
        read = [
            (passed.features, layer.params[-1], self._sharpness(layer.params))
            for passed, layer in zip(forward.passed, network.layers, strict=True)
        ]
        scores = [hff_class_scores(y, p, sharpness=beta) for y, p, beta in read]
        logits = np.tensordot(factors.astype(x.dtype), np.stack(scores), 1)
        d_logits = softmax_cross_entropy_grad(logits, labels) * x.dtype.type(len(x))
        d_features = [
            hff_class_scores_vjp(float(factor) * d_logits, y, p, sharpness=beta)
            if factor
            else None
            for factor, (y, p, beta) in zip(factors, read, strict=True)
        ]
        return input_gradient(network, forward, d_features)

    def _known_classes(self, classes: Any) -> np.ndarray:
        if classes is None:
            return self.classes_
        named = np.unique(check_targets(classes, len(classes)))
        require(
            (named.dtype.kind in "US") == (self.classes_.dtype.kind in "US"),
            f"classes must be numbers or text like those that are known, "
            f"{self.classes_[:10].tolist()}, got {named[:10].tolist()}",
        )
        return np.union1d(self.classes_, named)

    def _join(self, classes: np.ndarray, x: Samples, labels: Labels) -> None:
        self._fitted_algorithm()  # refuses bad choices before anything changes
        is_new = ~np.isin(classes, self.classes_)
        new, joins = np.flatnonzero(is_new), is_new[labels]
        rng = np.random.default_rng([self.seed_, 4, len(classes)])
        if joins.any():
            rows = self._prepare(first_rows(chosen_rows(x, joins), _MEANS_OF))
            joining = np.searchsorted(new, labels[joins][:_MEANS_OF])
            added = self._class_means(rows, joining, len(new), rng, training=False)
        else:
            sizes = (layer.params[-1].shape[1:] for layer in self.state_.network.layers)
            added = [
                hff_initial_prototypes(
                    rng, classes=len(new), prototypes_per_class=per_class, units=units
                )
                for per_class, units in sizes
            ]
        before = np.searchsorted(self.classes_, classes[new])
        self.state_ = insert_classes(self.state_, before, added)
        self.classes_ = classes

    @property
    def prototypes_(self) -> list[Array]:
        """Prototypes of each layer, (classes, prototypes_per_class, units), of unit length."""
        self._check_fitted()
        return [layer.params[-1] for layer in self.state_.network.layers]

    @property
    def temperatures_(self) -> list[float]:
        """Temperature of each layer, learned or given."""
        self._check_fitted()
        return self._temperatures()
