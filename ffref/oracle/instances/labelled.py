"""Random cases of families whose layer is judged by labels."""

from typing import Any

import numpy as np

from ffref.oracle.families.layer import Values
from ffref.oracle.instances.source import Drawn, Source
from ffref.oracle.specs import (
    BlockSpec,
    CwcSpec,
    DistanceSpec,
    FaustSpec,
    HFFSpec,
    LayerSpec,
    MonoSpec,
)
from ffref.types import Array

CLASSES = {2: ((3, 2),), 6: ((2, 1), (5, 3)), 16: ((10, 1),)}
"""By rows, (classes, prototypes a class): more classes than rows, several prototypes, one."""
PLACES = (
    ((1, 1), (1, 1), (6, 4)),
    ((1, 1), (2, 2), (3, 2)),
    ((2, 1), (1, 1), (3, 4)),
    ((2, 1), (1, 2), (3, 2)),
)
"""(stride, pool, places of the activity) of a block on images of 6 x 4."""


def _on_sphere(source: Source) -> dict[str, Any]:
    """Choices of HFF's loss."""
    return {
        "temperature": source.between(0.05, 1.0),
        "sharpness": source.between(1.0, 20.0),
        "margin": source.pick(0.0, source.between(-0.2, 0.4)),
        "label_smoothing": source.pick(0.0, source.between(0.0, 0.3)),
    }


def hff(source: Source) -> Drawn:
    """Any number of prototypes, of any length."""
    choices, inputs, places = source.layer()
    rows = len(inputs["x"])
    classes, per_class = source.pick(*CLASSES[rows])
    inputs["labels"] = source.labels(rows, classes)
    inputs["prototypes"] = source.array((classes, per_class, *places), source.pick(0.25, 1.0))
    return Drawn(HFFSpec(**choices, **_on_sphere(source)), inputs)


def block(source: Source) -> Drawn:
    """A convolutional block with any of its parts."""
    rows = source.pick(2, 6, 16)
    stride, pool, places = source.pick(*PLACES)
    grid = source.pick(None, (1, 1), (3, 2))
    spec = BlockSpec(
        norm=source.norm(),
        layer=LayerSpec("conv", stride, (1, 1)),
        channel_norm=source.pick("batch", "batch", "rms", "l2", "none"),
        pool=pool,
        grid=grid,
        auxiliary=grid is not None and source.pick(True, False),
        residual=source.pick(True, False),
        **_on_sphere(source),
    )
    down, right = grid or places
    channels, auxiliary = 4, 5
    classes, per_class = source.pick(*CLASSES[rows])
    features = (down, right, auxiliary if spec.auxiliary else channels)
    inputs = {
        "x": source.array((rows, 6, 4, 3)),
        "weight": source.array((3, 3, 3, channels), source.pick(0.25, 0.5)),
        "shift": source.array((channels,), 0.25),
        "labels": source.labels(rows, classes),
        "prototypes": source.array((classes, per_class, *features), source.pick(0.25, 1.0)),
    }
    if spec.channel_norm != "none":
        inputs["scale"] = source.array((channels,))
    if spec.channel_norm == "batch":
        inputs["running_mean"] = source.array((channels,), 0.25)
        inputs["running_variance"] = np.abs(source.array((channels,)))
    if spec.auxiliary:
        inputs["auxiliary_weight"] = source.array((channels, auxiliary), 0.5)
        inputs["auxiliary_bias"] = source.array((auxiliary,), 0.25)
    return Drawn(spec, inputs)


def mono_forward(source: Source) -> Drawn:
    """Any projection."""
    choices, inputs, places = source.layer()
    rows = len(inputs["x"])
    classes, _ = source.pick(*CLASSES[rows])
    inputs["labels"] = source.labels(rows, classes)
    inputs["projection"] = source.array((classes, *places), source.pick(0.125, 0.5))
    smoothing = source.pick(0.0, source.between(0.0, 0.3))
    return Drawn(MonoSpec(**choices, label_smoothing=smoothing), inputs)


def _channels(source: Source) -> tuple[dict[str, Any], Values]:
    """As many classes as divide the channels: of each class one channel, or several."""
    choices, inputs, _ = source.layer()
    classes = {9: 3, 25: 5, 16: 4, 4: 2}[len(inputs["bias"])]
    inputs["labels"] = source.labels(len(inputs["x"]), classes)
    return choices | {"classes": classes}, inputs


def cwc(source: Source) -> Drawn:
    """Both losses."""
    choices, inputs = _channels(source)
    competition = source.pick("softmax", "pvn")
    threshold = source.between(0.1, 4.0)
    return Drawn(CwcSpec(**choices, competition=competition, threshold=threshold), inputs)


def deeper_forward(source: Source) -> Drawn:
    """The activity itself, not its squares."""
    choices, inputs = _channels(source)
    return Drawn(CwcSpec(**choices, power=1), inputs)


def distance_forward(source: Source) -> Drawn:
    """Any centroids."""
    choices, inputs, places = source.layer()
    rows = len(inputs["x"])
    classes, _ = source.pick(*CLASSES[rows])
    inputs["labels"] = source.labels(rows, classes)
    inputs["centroids"] = source.array((classes, *places), 0.25)
    spec = DistanceSpec(
        **choices,
        scale=source.between(0.5, 8.0),
        margin=source.pick(0.0, source.between(-0.2, 0.4)),
        decay=source.between(0.5, 0.99),
    )
    return Drawn(spec, inputs)


def faust(source: Source) -> Drawn:
    """Any similarity; some negatives of a tuple are left out."""
    choices, inputs, places = source.layer(least_rows=6)
    rows = len(inputs["x"])
    classes = source.pick(*{6: (2, 3), 16: (4,)}[rows])
    labels = source.rng.permutation(np.arange(rows) % classes)
    kinds = ["cosine", "dot", "euclidean"]
    if choices["layer"].kind == "dense":  # a factor has one row a unit, of images in an order
        kinds.append("mahalanobis")
    kind = source.pick(*kinds)
    norm = source.pick("l2", "rms") if kind == "dot" else source.pick("l2", "rms", "none")
    units = int(np.prod(places))
    if kind == "mahalanobis":
        inputs["factor"] = source.array((units, 3), 0.25)
    # similarities of a few units of the scale, whatever their size is
    usual = {"none": 4.0 * units, "rms": float(units), "l2": 1.0}[norm]
    scale = source.between(1.0, 8.0) / (1.0 if kind == "cosine" else usual)
    spec = FaustSpec(**choices, activity_norm=norm, similarity=kind, scale=scale)
    return Drawn(spec, inputs | _tuples(source, labels))


def _tuples(source: Source, labels: Array) -> Values:
    """Another row of the class, then one of each other class; some negatives are left out."""
    made = np.full((len(labels), int(labels.max()) + 1), -1)
    for row, label in enumerate(labels):
        same = np.flatnonzero((labels == label) & (np.arange(len(labels)) != row))
        made[row, 0] = source.pick(*same)
        others = [c for c in range(made.shape[1]) if c != label]
        made[row, 1:] = [source.pick(*np.flatnonzero(labels == c), -1) for c in others]
    return {"labels": labels, "tuples": made}
