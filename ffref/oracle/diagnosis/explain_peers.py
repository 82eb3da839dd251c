"""Explanations that concern peer normalisation and label slots: of `ff`."""

from typing import Any

import numpy as np

from ffref.oracle.diagnosis.explanation import Explanation, changed, other_spec
from ffref.oracle.diagnosis.layer_steps import rows_of, units_of
from ffref.oracle.families.layer import Values
from ffref.types import Array

_MEAN = "(PEER.1) m' = momentum m + (1 - momentum) mean over positive rows"
_RULE = "(PEER.4) push = strength / positives (m' - mean m'), ungated, in positive rows"
_PULL = "(PEER.6) d_activity = 2 strength (1 - momentum) / (units positives) (m' - mean m')"
_SLOT = "input: the label's slots are zeroed, then the label's strength is written"


def _has_peers(v: Values) -> bool:
    return v["spec"].peer is not None


def _of_peers(change: Any) -> Any:  # noqa: ANN401
    """Change that only concerns layers with peers."""
    return lambda v, right: change(v, right) if _has_peers(v) else right


def _gated_push(v: Values, right: Any) -> Any:  # noqa: ANN401
    return right * v["gate"]


def _other_momentum(v: Values, right: Array) -> Array:
    keep = v["spec"].peer.momentum
    return (1 - keep) * v["running_mean"] + keep * v["batch_mean"]


def _all_rows(v: Values, right: Array) -> Array:
    return v["activity"].mean(axis=0)


def _both_sides(v: Values, right: Array) -> Array:
    return np.ones_like(right) / rows_of(v)


def _by_batch(v: Values, right: Array) -> Array:
    return right * (v["side"] > 0).sum() / rows_of(v)


def _in_every_row(v: Values, right: Array) -> Array:
    return np.ones_like(right) / max((v["side"] > 0).sum(), 1)


def _over_units(v: Values, right: Any) -> Any:  # noqa: ANN401
    return right / units_of(v)


def _labelled(change: Any) -> Any:  # noqa: ANN401
    """Change of rows that are made of images and labels."""
    return lambda v, right: right if v["spec"].label is None else change(v, right)


def _added(v: Values, right: Array) -> Array:
    """The label is added to what stands in its slots."""
    classes = v["spec"].label.classes
    images = np.concatenate([v["images"], v["images"]])
    made = right.copy()
    made[:, :classes] += images[:, :classes]
    return made


def _not_zeroed(v: Values, right: Array) -> Array:
    """The label's slot is overwritten, the other slots keep their pixels."""
    classes = v["spec"].label.classes
    images = np.concatenate([v["images"], v["images"]])
    labels = np.concatenate(v["shown_labels"])
    own = np.arange(classes) == labels[:, None]
    made = right.copy()
    made[:, :classes] = np.where(own, right[:, :classes], images[:, :classes])
    return made


def _counted_from_1(v: Values, right: Any) -> Any:  # noqa: ANN401
    classes = v["spec"].label.classes
    return tuple((labels + 1) % classes for labels in right)


def _strength(word: str, text: str) -> Explanation:
    return other_spec(f"the label's slot holds {text}", _SLOT,
                      label=lambda label: label._replace(strength=word))  # fmt: skip


PEERS: list[Explanation] = [
    other_spec("peer normalisation is left out", _RULE, peer=lambda p: p._replace(strength=0.0)),
    other_spec("peer normalisation is differentiated through the moved mean: 0.2/units of the "
               "rule", _RULE, peer=lambda peer: peer._replace(form="loss")),
    other_spec("Hinton's rule stands where peer normalisation is meant to be differentiated",
               _PULL, peer=lambda peer: peer._replace(form="rule")),
    changed("the peers' push is gated by the relu", _RULE, peer_push=_gated_push),
    changed("the peers' push has the other sign", _RULE,
            peer_push=lambda v, right: -right, peer_pull=lambda v, right: -right),
    changed("the peers' push is divided by the layer's units", _RULE, peer_push=_over_units),
    changed("1 - momentum is left out of the peers' derivative", _PULL,
            peer_pull=_of_peers(lambda v, right: right / (1 - v["spec"].peer.momentum))),
    changed("the running mean of before this batch pushes", _RULE,
            peer_mean=_of_peers(lambda v, right: v["running_mean"])),
    changed("this batch's mean pushes, not the running one", _RULE,
            peer_mean=_of_peers(lambda v, right: v["batch_mean"])),
    changed("the running mean is not moved", _MEAN,
            new_running_mean=_of_peers(lambda v, right: v["running_mean"])),
    changed("momentum and 1 - momentum are swapped in the running mean", _MEAN,
            new_running_mean=_of_peers(_other_momentum)),
    changed("the running mean is over positive and negative rows", _MEAN,
            batch_mean=_of_peers(_all_rows)),
    changed("the peers push every row, with a share of 1/batch", _RULE,
            positive_share=_both_sides),
    changed("the peers push every row, with a share of 1/positives", _RULE,
            positive_share=_in_every_row),
    changed("the peers' push is divided by the batch, not by its positives", _RULE,
            positive_share=_by_batch),
    changed("the peers' mean is not subtracted", _RULE,
            deviation=_of_peers(lambda v, right: v["peer_mean"])),
    changed("peer normalisation adds to the loss", _RULE,
            peer_loss=_of_peers(lambda v, right: right + v["spec"].peer.strength * float(
                (v["deviation"] ** 2).mean()))),
    changed("peer normalisation is missing from the loss, not from the gradient", _PULL,
            peer_loss=lambda v, right: 0.0),
]  # fmt: skip

LABELS: list[Explanation] = [
    _strength("one", "1"),
    _strength("batch-max", "the largest feature of the batch"),
    _strength("row-max", "the largest feature of its row"),
    changed("the label's slots are not zeroed first", _SLOT, x=_labelled(_not_zeroed)),
    changed("the label is added to what stands in its slots", _SLOT, x=_labelled(_added)),
    changed("true and wrong labels are exchanged", _SLOT,
            shown_labels=_labelled(lambda v, right: right[::-1])),
    changed("negatives carry the true label", _SLOT,
            shown_labels=_labelled(lambda v, right: (right[0], right[0]))),
    changed("labels are counted from 1", _SLOT,
            shown_labels=_labelled(_counted_from_1)),
]  # fmt: skip
