"""Random cases of families whose rows are positive or negative."""

from typing import Any

import numpy as np

from ffref.oracle.families.layer import Values
from ffref.oracle.instances.source import Drawn, Source
from ffref.oracle.specs import (
    CumulativeSpec,
    FFSpec,
    LabelSpec,
    PeerSpec,
    RecurrentSpec,
    ScffSpec,
    SymbaSpec,
)


def _threshold(source: Source) -> dict[str, Any]:
    """Goodness, and a threshold for each unit or for all."""
    goodness = source.pick("sum", "mean")
    a_unit = goodness == "sum" and source.pick(True, False)
    return {
        "goodness": goodness,
        "threshold": 0.0 if a_unit else source.between(0.1, 5.0),
        "threshold_per_unit": source.between(0.1, 1.5) if a_unit else 0.0,
    }


def ff(source: Source) -> Drawn:
    """Any norm, goodness, reduction; of a dense layer peers and labels, too."""
    choices, inputs, places = source.layer()
    rows = len(inputs["x"])
    inputs["polarity"] = source.sides(rows)
    dense = choices["layer"].kind == "dense"
    peer = label = None
    if dense and source.pick(True, False):
        peer = PeerSpec(source.pick("rule", "loss"), source.between(0.01, 0.3), 0.75)
        inputs["running_mean"] = np.abs(source.array(places))
    if dense and source.pick(True, False, False):
        label = LabelSpec(3, source.pick("one", "batch-max", "row-max"))
        labels = source.labels(rows // 2, 3)
        inputs |= {
            "images": np.abs(inputs.pop("x")[: rows // 2]),
            "labels": labels,
            "negative_labels": (labels + 1 + source.labels(rows // 2, 2)) % 3,
            "polarity": np.repeat([1.0, -1.0], rows // 2),
        }
    spec = FFSpec(
        **choices,
        **_threshold(source),
        sign=source.pick(1, 1, -1),
        reduction=source.pick("rows", "sides"),
        peer=peer,
        label=label,
    )
    return Drawn(spec, inputs)


def recurrent(source: Source) -> Drawn:
    """Any damping, between three layers."""
    rows, below, units, above = source.pick((2, 5, 7, 3), (6, 12, 9, 4), (16, 10, 20, 15))
    inputs = {
        "below": np.abs(source.array((rows, below))),
        "above": np.abs(source.array((rows, above))),
        "old": np.abs(source.array((rows, units))),
        "weight": source.array((below, units), source.pick(0.25, 0.5)),
        "top_down": source.array((above, units), source.pick(0.25, 0.5)),
        "bias": source.array((units,), 0.25),
        "polarity": source.sides(rows),
    }
    spec = RecurrentSpec(
        norm=source.norm(),
        relu=source.pick("gated", "straight-through"),
        damping=source.between(0.0, 0.9),
        sign=source.pick(1, 1, -1),
        **_threshold(source),
    )
    return Drawn(spec, inputs)


def layer_collaboration(source: Source) -> Drawn:
    """Some goodness from the layers below."""
    choices, inputs, _ = source.layer()
    rows = len(inputs["x"])
    inputs["polarity"] = source.sides(rows)
    inputs["carried_goodness"] = np.abs(source.array((rows,), source.pick(1.0, 4.0)))
    return Drawn(FFSpec(**choices, **_threshold(source)), inputs)


def scff(source: Source) -> Drawn:
    """Any two thresholds; as many rows on one side as on the other, or not."""
    choices, inputs, places = source.layer()
    polarity = source.sides(len(inputs["x"]))
    polarity[1:-1:4] = 1.0
    goodness = source.pick("sum", "mean")
    usual = float(np.prod(places)) if goodness == "sum" else 1.0
    spec = ScffSpec(
        **choices,
        goodness=goodness,
        positive_threshold=source.between(0.1, 4.0) * usual,
        negative_threshold=source.between(0.1, 6.0) * usual,
        penalty=source.pick(0.0, source.between(0.001, 0.3)),
    )
    return Drawn(spec, inputs | {"polarity": polarity})


def _pairs(source: Source, rows: int) -> Values:
    """Polarity and partners: positive and negative rows in any order, each with one partner."""
    polarity = source.sides(rows)
    partner = np.empty(rows, np.int64)
    positive, negative = np.flatnonzero(polarity > 0), np.flatnonzero(polarity < 0)
    negative = source.rng.permutation(negative)
    partner[positive], partner[negative] = negative, positive
    return {"polarity": polarity, "partner": partner}


def _of_pairs(source: Source) -> tuple[dict[str, Any], Values]:
    """Return what SymBa and cumulative goodness share."""
    choices, inputs, places = source.layer()
    goodness = source.pick("mean", "sum")
    units = int(np.prod(places))
    steepness = source.between(0.5, 4.0) / (units if goodness == "sum" else 1)
    choices |= {"goodness": goodness, "steepness": steepness}
    return choices, inputs | _pairs(source, len(inputs["x"]))


def symba(source: Source) -> Drawn:
    """Any pairs, margins of a few units of the steepness."""
    choices, inputs = _of_pairs(source)
    return Drawn(SymbaSpec(**choices), inputs)


def cumulative(source: Source) -> Drawn:
    """Any remedy, any margins of the layers below."""
    choices, inputs = _of_pairs(source)
    carried = source.array((len(inputs["x"]),), source.pick(0.25, 1.0))
    first = inputs["polarity"] > 0
    spec = CumulativeSpec(
        **choices,
        carried_weight=source.between(0.2, 1.0),
        remedy=source.pick("none", "per-block", "gated", "depth-scaled", "calibrated"),
        depth=source.pick(1, 2),
        layers=3,
    )
    carried = np.where(first, carried, carried[inputs["partner"]])
    return Drawn(spec, inputs | {"carried_margin": carried})
