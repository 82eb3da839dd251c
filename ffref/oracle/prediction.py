"""What a trained network says of samples: goodness of every label, best label, margin, ties."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.formulas import relu
from ffref.objectives.hff import hff_class_scores
from ffref.oracle.comparison import as_float64
from ffref.oracle.families.ff import score_of
from ffref.oracle.families.layer import (
    Values,
    encoded,
    flat,
    normalize,
    open_layer,
    preactivation,
)
from ffref.oracle.specs import FFSpec, HFFSpec
from ffref.types import Array, Labels


class Predicted(NamedTuple):
    """What each layer, and all together, say of each sample."""

    layer_scores: Array
    """(layers, batch, classes): the higher the better; of `ff` sign * goodness with that label in
    the input, of `hff` the class's score"""
    scores: Array
    """(batch, classes): sum over the layers that count"""
    labels: Labels
    """(batch,): the first best"""
    margin: Array
    """(batch,): best score minus second best"""
    ties: Labels
    """rows whose margin is within rounding of 0: there the order of sums decides"""

    def different(self, labels: Any) -> list[int]:  # noqa: ANN401
        """Rows to which other code gave another label, ties set aside."""
        apart = np.flatnonzero(np.asarray(labels).ravel() != self.labels)
        return [int(row) for row in np.setdiff1d(apart, self.ties)]


def predict(
    spec: FFSpec | HFFSpec,
    layers: Sequence[Mapping[str, Any]],
    images: Any,  # noqa: ANN401
    *,
    counted: Sequence[int] | None = None,
) -> Predicted:
    """Try every label (`ff`) or read the scores (`hff`), in float64, layer by layer.

    Parameters
    ----------
    spec : FFSpec with a label, or HFFSpec
        Of every layer.
    layers : sequence of mappings
        First layer first, each with "weight" and "bias", of `hff` with "prototypes".
    images : (batch, features) or (batch, height, width, channels)
        Samples without a label.
    counted : sequence of int, optional
        Which layers' scores are added, from 0. None: of `ff` all but the first, if there are
        several, as in Hinton (2022); of `hff` all.

    Raises
    ------
    ValueError
        If the specification has no label, there is no layer, or a layer does not exist.

    Examples
    --------
    >>> from ffref.oracle import dialect_spec
    >>> spec = dialect_spec("ff", "hinton_matlab", classes=2)
    >>> found = predict(spec, [{"weight": [[2.0], [1.0], [0.0]], "bias": [0.0]}],
    ...                 [[0.0, 0.0, 1.0]])
    >>> found.layer_scores.round(9).tolist(), found.labels.tolist(), found.ties.tolist()
    ([[[6.0, 1.5]]], [0], [])
    """
    require(len(layers) > 0, "predict takes at least one layer")
    stack = [{name: as_float64(array) for name, array in layer.items()} for layer in layers]
    images = as_float64(images)
    if isinstance(spec, HFFSpec):
        made = _class_scores(spec, stack, images)
        usual = range(len(stack))
    else:
        require(
            spec.label is not None,
            "prediction by goodness tries every label: give the specification a LabelSpec",
        )
        made = _goodness_of_labels(spec, stack, images)
        usual = range(1 if len(stack) > 1 else 0, len(stack))
    chosen = list(usual if counted is None else counted)
    require(
        bool(chosen) and all(0 <= layer < len(stack) for layer in chosen),
        f"counted must name layers of 0 to {len(stack) - 1}, got {chosen}",
    )
    scores = made[chosen].sum(axis=0)
    ordered = np.sort(scores, axis=1)
    margin = ordered[:, -1] - (ordered[:, -2] if scores.shape[1] > 1 else -np.inf)
    rounding = 64 * np.finfo(np.float64).eps * np.abs(scores).max(axis=1)
    return Predicted(
        made, scores, scores.argmax(axis=1), margin, np.flatnonzero(margin <= rounding)
    )


def _activities(spec: FFSpec | HFFSpec, stack: list[Values], x: Array) -> list[Array]:
    """Of every layer, (batch, units) or of images."""
    found = []
    for layer in stack:
        normalized = normalize(x, spec.norm)
        x = relu(preactivation(spec.layer, open_layer(spec.layer, layer, x), normalized))
        found.append(x)
    return found


def _goodness_of_labels(spec: FFSpec, stack: list[Values], images: Array) -> Array:
    assert spec.label is not None
    made = np.empty((len(stack), len(images), spec.label.classes))
    for label in range(spec.label.classes):
        labels = np.full(len(images), label)
        given = {"images": images, "labels": labels, "negative_labels": labels}
        rows = encoded(given, spec.label)[: len(images)]
        for layer, activity in enumerate(_activities(spec, stack, rows)):
            made[layer, :, label] = spec.sign * score_of(spec, activity)
    return made


def _class_scores(spec: HFFSpec, stack: list[Values], x: Array) -> Array:
    made = []
    for layer, activity in zip(stack, _activities(spec, stack, x), strict=True):
        prototypes = layer["prototypes"].reshape(*layer["prototypes"].shape[:2], -1)
        made.append(hff_class_scores(flat(activity), prototypes, sharpness=spec.sharpness))
    return np.stack(made)
