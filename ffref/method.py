"""What makes a paper an algorithm: its settings, and one record of functions.

A file of `ffref.objectives` that ends in a `Method`, and its line in `ffref.objectives.METHODS`,
are a classifier, a name for `ffref train` with its flags, and files that can be loaded again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field
from types import MappingProxyType, NoneType
from typing import Any, NamedTuple, get_args

import numpy as np

from ffref.types import Array, Goodness, Objective, Params


class Setting(NamedTuple):
    """What is known of a constructor's argument besides name, type and default."""

    help: str
    """half a sentence: in the class's documentation and in `ffref train --help`"""
    more: str
    """sentences that stand in the class's documentation alone"""
    choices: tuple[str, ...] | None
    check: Callable[[Any, str], object] | None
    """(value, name) -> ValueError if the value is none; never asked about None by default"""
    shapes: bool
    """whether it shapes what is fitted, so that training cannot go on with another value"""
    needs: tuple[str, tuple[str, ...]] | None
    """another setting, and those of its values for which this one has an effect"""
    kind: str | None
    """type for the documentation, where the annotation does not say it"""
    flags: tuple[str, ...] | None
    """names on the command line, () for none; None: --name"""


def setting(
    *,
    default: Any,  # noqa: ANN401
    help: str,
    more: str = "",
    choices: tuple[str, ...] | None = None,
    check: Callable[[Any, str], object] | None = None,
    shapes: bool = False,
    needs: tuple[str, tuple[str, ...]] | None = None,
    kind: str | None = None,
    flags: tuple[str, ...] | None = None,
    kw_only: bool = True,
) -> Any:  # noqa: ANN401
    """Make a dataclass field of a default and a `Setting`.

    Examples
    --------
    >>> @dataclass
    ... class Choices:
    ...     pull: str = setting(default="near", help="which rows pull", choices=("near", "far"))
    >>> Choices(pull="far").pull
    'far'
    """
    about = Setting(help, more, choices, check, shapes, needs, kind, flags)
    return field(default=default, kw_only=kw_only, metadata={"setting": about})


def value_type(entry: Field[Any]) -> type:
    """Type of a field's values, None aside."""
    kinds = get_args(entry.type) or (entry.type,)
    return next(kind for kind in kinds if kind is not NoneType)


class LayerPlace(NamedTuple):
    """Where a layer stands, and how many it is of: what its objective's choices may depend on."""

    depth: int
    """0 for the first layer"""
    layers: int
    units: int
    """that the objective reads: of a layer on images places times channels"""
    channels: int
    """of a layer on images; the units of a dense one"""
    classes: int


class OwnParams(NamedTuple):
    """A layer's first params of its objective: those learned by gradient, and other state."""

    learned: Params = ()
    kept: Params = ()


class OnePass(NamedTuple):
    """No negatives: each layer scores the classes by itself, in training and in prediction."""

    class_scores: Callable[[Any, LayerPlace, Array, Params], Array]
    """(choices, place, activity, params) -> (batch, classes)"""


class Contrastive(NamedTuple):
    """Samples with their true and with a wrong label; to predict, every label is tried."""

    goodness: Callable[[Any], Goodness]
    """choices -> the score of a row by which labels are compared"""
    network_goodness: Callable[[Any], bool] = lambda choices: False
    """choices -> whether layers are told the summed goodness of all layers"""


class Unsupervised(NamedTuple):
    """No layer sees a label; a linear softmax on what they say reads the classes off."""

    negatives: Callable[[Any, Array, np.random.Generator], Array]
    """(choices, x, rng) -> as many negative samples"""


class SelfContrastive(NamedTuple):
    """No layer sees a label: samples beside themselves against samples beside others."""


@dataclass(frozen=True)
class NoChoices:
    """Of a method without settings of its own."""


def no_params(choices: Any, place: LayerPlace, rng: np.random.Generator) -> OwnParams:  # noqa: ANN401
    """Of an objective that has none."""
    return OwnParams()


def mean_over_layers(choices: Any, goodness: Array, read: Sequence[LayerPlace]) -> Array:  # noqa: ANN401
    """Logits that do not grow with the number of layers read."""
    return goodness / len(read)


def mean_over_units(choices: Any, goodness: Array, read: Sequence[LayerPlace]) -> Array:  # noqa: ANN401
    """Logits that do not grow with layers or units: for a goodness that is a sum; uncalibrated."""
    return goodness / sum(place.units for place in read)


class Method(NamedTuple):
    """An algorithm of local learning, complete but for layers, samples and optimiser."""

    name: str
    """on the command line and in checkpoints, as "mono-forward" """
    title: str
    """the classifier is `ffref.<title>Classifier`"""
    summary: str
    """first line of the classifier's documentation"""
    source: str
    """the paper"""
    family: OnePass | Contrastive | Unsupervised | SelfContrastive
    objective: Callable[[Any, LayerPlace], Objective]
    """(choices, place) -> the objective of the layer at that place"""
    choices: type = NoChoices
    """a dataclass of `setting`s: constructor arguments, flags, and what the functions here get"""
    initial_params: Callable[[Any, LayerPlace, np.random.Generator], OwnParams] = no_params
    """(choices, place, rng) -> the objective's arrays at the start, of any float dtype"""
    logits: Callable[[Any, Array, Sequence[LayerPlace]], Array] = mean_over_layers
    """(choices, goodness (batch, classes), layers that were read) -> logits of `predict_proba`"""
    defaults: Mapping[str, Any] = MappingProxyType({})
    """of arguments that all classifiers have, where this method wants another value"""
    example: str = "(64,), max_iter=10, learning_rate_init=0.003, random_state=0"
    """arguments with which the bundled digits are learned in a moment, to over 90 %"""
