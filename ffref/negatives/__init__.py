"""Label encodings, wrong labels, hybrid images, other rows, self-contrast, batches."""

from ffref.negatives.batches import (
    contrastive_batch,
    labelled_context,
    labelled_rows,
    paired_context,
)
from ffref.negatives.checks import LabelCodeReport, label_code_report
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
from ffref.negatives.hard_labels import (
    hard_wrong_label,
    wrong_class_probabilities,
    wrong_label,
)
from ffref.negatives.hybrids import (
    MaskStatistics,
    blurred_masks,
    hybrid_images,
    hybrid_negatives,
    mask_statistics,
)
from ffref.negatives.other_rows import (
    class_tuples,
    gaussian_noise,
    other_class_row,
    other_row,
    same_class_row,
    shuffled_features,
)
from ffref.negatives.self_contrast import self_contrast
from ffref.negatives.wrong_labels import share_with_true_label, uniform_wrong_label

__all__ = [
    "LabelCodeReport",
    "LabelEncoding",
    "MaskStatistics",
    "append_label",
    "append_neutral_label",
    "bind_label_encoding",
    "blurred_masks",
    "class_tuples",
    "contrastive_batch",
    "gaussian_noise",
    "hard_wrong_label",
    "hybrid_images",
    "hybrid_negatives",
    "label_code_report",
    "label_planes",
    "labelled_context",
    "labelled_rows",
    "mask_statistics",
    "neutral_label_planes",
    "other_class_row",
    "other_row",
    "overlay_label",
    "overlay_neutral_label",
    "paired_context",
    "same_class_row",
    "self_contrast",
    "share_with_true_label",
    "shuffled_features",
    "uniform_wrong_label",
    "warn_if_overlay_hides_data",
    "wrong_class_probabilities",
    "wrong_label",
]
