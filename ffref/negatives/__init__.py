"""Label encodings, wrong labels and contrastive batches."""

from ffref.negatives.batches import (
    contrastive_batch,
    labelled_context,
    labelled_rows,
    paired_context,
)
from ffref.negatives.encodings import (
    LabelEncoding,
    append_label,
    append_neutral_label,
    bind_label_encoding,
    label_planes,
    neutral_label_planes,
    overlay_label,
    overlay_neutral_label,
    warn_if_overlay_hides_data,
)
from ffref.negatives.wrong_labels import share_with_true_label, uniform_wrong_label

__all__ = [
    "LabelEncoding",
    "append_label",
    "append_neutral_label",
    "bind_label_encoding",
    "contrastive_batch",
    "label_planes",
    "labelled_context",
    "labelled_rows",
    "neutral_label_planes",
    "overlay_label",
    "overlay_neutral_label",
    "paired_context",
    "share_with_true_label",
    "uniform_wrong_label",
    "warn_if_overlay_hides_data",
]
