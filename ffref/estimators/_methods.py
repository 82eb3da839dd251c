"""Classifiers made of a `Method`: a base for each family, and the class of each record."""

from dataclasses import field, fields
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ffref._checks import require
from ffref.estimators._base import ChosenStart
from ffref.estimators._labelled import LabelledSamples, NeutralSoftmax
from ffref.estimators._layers import AnyLayers
from ffref.estimators._parameters import classifier
from ffref.method import (
    Contrastive,
    LayerPlace,
    Method,
    OnePass,
    OwnParams,
    SelfContrastive,
    Unsupervised,
    setting,
)
from ffref.training import (
    Algorithm,
    LocalLayer,
    Network,
    beside_itself,
    contrastive,
    one_pass,
    self_contrastive,
    unsupervised,
)
from ffref.types import Array, Objective


@classifier
class MethodClassifier(AnyLayers):
    """Base of classifiers made of a `Method`."""

    method: ClassVar[Method]

    def _choices(self) -> Any:
        """Return the method's own settings, as its functions take them."""
        kind = self.method.choices
        return kind(**{entry.name: getattr(self, entry.name) for entry in fields(kind)})

    def _objectives(self, places: list[LayerPlace]) -> list[Objective]:
        choices = self._choices()
        return [self.method.objective(choices, place) for place in places]

    def _initial_params(self, rng: np.random.Generator, place: LayerPlace) -> OwnParams:
        made = self.method.initial_params(self._choices(), place, rng)
        return OwnParams(*(tuple(a.astype(np.float32) for a in arrays) for arrays in made))

    def _class_logits(self, goodness: Array) -> Array:
        if self.readout == "softmax":
            return goodness
        places = self._places(self.n_features_in_, len(self.classes_))
        return self.method.logits(self._choices(), goodness, places[self._layers_read()])


@classifier
class OnePassClassifier(ChosenStart, MethodClassifier):
    """Base of methods whose layers score the classes by themselves."""

    family: ClassVar[OnePass]

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        places, choices = self._places(features, classes), self._choices()
        scores = [partial(self.family.class_scores, choices, place) for place in places]
        return one_pass(self._objectives(places), class_scores=scores)


@classifier
class ContrastiveClassifier(MethodClassifier, LabelledSamples):
    """Base of methods that tell true labels from wrong ones."""

    family: ClassVar[Contrastive]

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        return contrastive(
            self._objectives(self._places(features, classes)),
            goodness=self.family.goodness(self._choices()),
            encoding=self._encoding(features, classes),
            classes=classes,
            hard_labels=self.negatives == "hard",
            readout=self._readout_training() if self._has_softmax() else None,
            network_goodness=self.family.network_goodness(self._choices()),
        )


@classifier
class UnsupervisedClassifier(MethodClassifier, NeutralSoftmax):
    """Base of methods whose layers see no label."""

    family: ClassVar[Unsupervised]

    readout: str = setting(
        default="softmax",
        help="a softmax on the normalised activity of all layers but the first",
        choices=("softmax",),
        shapes=True,
    )

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        return unsupervised(
            self._objectives(self._places(features, classes)),
            negatives=partial(self.family.negatives, self._choices()),
            readout=self._readout_training(),
        )


@classifier
class SelfContrastiveClassifier(MethodClassifier, NeutralSoftmax):
    """Base of methods whose layers see samples in pairs, and no label."""

    family: ClassVar[SelfContrastive]

    readout: str = setting(
        default="softmax",
        help="a softmax on the normalised activity of all layers",
        choices=("softmax",),
        shapes=True,
    )

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        objectives = self._objectives(self._places(features, classes))
        return self_contrastive(objectives, readout=self._readout_training())

    def _read_by_softmax(self, units: list[int]) -> list[int]:
        """All: no layer is shown a label, so that the first has none to pass on."""
        return units

    def _network(self, layers: tuple[LocalLayer, ...]) -> Network:
        network = super()._network(layers)
        return network._replace(input_norm=beside_itself(network.input_norm))


_FAMILIES: dict[type, tuple[type[MethodClassifier], str]] = {
    OnePass: (OnePassClassifier, "No negative samples, and one pass to predict."),
    Contrastive: (ContrastiveClassifier, "To predict, every label is tried."),
    Unsupervised: (
        UnsupervisedClassifier,
        "No layer sees a label, and a softmax predicts.",
    ),
    SelfContrastive: (
        SelfContrastiveClassifier,
        "No layer sees a label, and a softmax predicts.",
    ),
}
"""Base, and what the documentation says of it."""

_DOCUMENTATION = """{method.summary}

{family}
Formula: `{method.objective.__module__}`. Source: {method.source}.

Attributes
----------
classes_, n_features_in_, history_, state_, seed_
    As in `HFFClassifier`.

Examples
--------
>>> import ffref
>>> X, y = ffref.data.load("digits")
>>> model = ffref.{name}(
...     {method.example}
... )
>>> model.fit(X, y).score(*ffref.data.load("digits", split="test")) > 0.9
True
"""


def method_classifier(method: Method, *, module: str) -> type[MethodClassifier]:
    """Make the classifier of a method, as all of `ffref.objectives.METHODS` have one.

    Parameters
    ----------
    method : Method
        Its choices become arguments of the constructor. An example: docs/from_python.md.
    module : str
        Where pickle will look for the class, under its name; `__name__` in a script.

    Raises
    ------
    ValueError
        If `method.defaults` names what is no setting.
    """
    base, words = _FAMILIES[type(method.family)]
    name = f"{method.title}Classifier"
    own = fields(method.choices)
    unknown = method.defaults.keys() - base.settings().keys()
    require(not unknown, f"{name} has no settings {sorted(unknown)} to give a default")
    namespace = {
        "__module__": module,
        "__doc__": _DOCUMENTATION.format(method=method, name=name, family=words),
        "__annotations__": {entry.name: entry.type for entry in own},
        "algorithm": method.name,
        "method": method,
        "family": method.family,
        **{e.name: field(default=e.default, kw_only=True, metadata=e.metadata) for e in own},
        **method.defaults,
    }
    return classifier(type(name, (base,), namespace))
