"""Hyperspherical Forward-Forward as a classifier."""

import numpy as np

from ffref._checks import check_count
from ffref.estimators._layers import AnyLayers
from ffref.estimators._parameters import classifier
from ffref.method import LayerPlace, OwnParams, setting
from ffref.objectives.hff import hff, hff_class_scores, hff_initial_prototypes
from ffref.training import Algorithm, one_pass
from ffref.types import Array, Params


@classifier
class HFFClassifier(AnyLayers):
    """Hyperspherical Forward-Forward: each layer classifies by cosines to learned prototypes.

    No negative samples, and one pass to predict. Formula and source: `ffref.objectives.hff`.

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
        default=0.0, help="additive margin of the true class, in units of a cosine"
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

        layers = len(self._descriptions())
        return one_pass([objective] * layers, class_scores=[class_scores] * layers)

    def _initial_params(self, rng: np.random.Generator, place: LayerPlace) -> OwnParams:
        prototypes = hff_initial_prototypes(
            rng,
            classes=place.classes,
            prototypes_per_class=self.prototypes_per_class,
            units=place.units,
        )
        own = (prototypes.astype(np.float32),)
        is_learned = self.prototype_update == "gradient"
        return OwnParams(learned=own) if is_learned else OwnParams(kept=own)

    def _class_logits(self, goodness: Array) -> Array:
        """Mean score of the layers that are read, divided by the temperature."""
        layers = len(self.state_.network.layers[self._layers_read()])
        return goodness / (self.temperature * layers)

    @property
    def prototypes_(self) -> list[Array]:
        """Prototypes of each layer, (classes, prototypes_per_class, units), of unit length."""
        self._check_fitted()
        return [layer.params[0] for layer in self.state_.network.layers]
