"""Whether negatives are what a Forward-Forward layer can learn from."""

from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.negatives import label_code_report
from ffref.oracle.comparison import as_float64
from ffref.types import Array

FAR = 1.5
"""Mean lengths that differ by this factor tell negatives without a look at what is in them."""


class NegativesReport(NamedTuple):
    """What is wrong with negatives, and the numbers."""

    faults: tuple[str, ...]
    same_as_positive: float
    """share of negatives that equal their own positive"""
    length_ratio: float
    """mean length of negatives over that of positives"""
    with_true_label: float | None
    """share in which the true label is strongest; None: no label slots"""
    other_sample: float | None
    """share whose features beside the label are not their positive's; None: no label slots"""
    wrong_labels: tuple[float, ...]
    """share of negatives that carry each label; empty: no label slots"""

    @property
    def ok(self) -> bool:
        """Whether no fault was found."""
        return not self.faults

    def __str__(self) -> str:
        """Verdict and faults."""
        lines = [f"{'ok' if self.ok else 'FAIL'} negatives: {len(self.faults)} faults"]
        return "\n".join(lines + [f"  {fault}" for fault in self.faults])


def check_negatives(
    positives: Any,  # noqa: ANN401
    negatives: Any,  # noqa: ANN401
    *,
    classes: int = 0,
) -> NegativesReport:
    """Look at pairs of inputs, row i and row i.

    Parameters
    ----------
    positives, negatives : (pairs, features) array-likes, or images
        As they enter the network, before its normalisation.
    classes : int
        The first `classes` features are the label's slots, as in FF with the label written over
        the first pixels; 0: there are none, as with hybrid images.

    Raises
    ------
    ValueError
        If the shapes differ, or a positive row carries no label.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(12.0).reshape(3, 4)
    >>> positives = np.concatenate([np.eye(3), x], axis=1)
    >>> shuffled = np.concatenate([np.eye(3)[[0, 2, 1]], x], axis=1)
    >>> print(check_negatives(positives, shuffled, classes=3))
    FAIL negatives: 1 faults
      33% carry the true label (negatives 0): draw among the wrong labels alone
    """
    plus, minus = (_rows(array) for array in (positives, negatives))
    require(
        plus.shape == minus.shape and plus.size > 0,
        f"positives and negatives must be of one shape and not empty, got {plus.shape} and "
        f"{minus.shape}",
    )
    require(0 <= classes <= plus.shape[1], f"classes must be 0 to {plus.shape[1]}, got {classes}")
    same = (plus == minus).all(axis=1)
    lengths = [float(np.linalg.norm(rows, axis=1).mean()) for rows in (plus, minus)]
    ratio = lengths[1] / lengths[0] if lengths[0] else float("inf")
    report = NegativesReport((), float(same.mean()), ratio, None, None, ())
    faults = _general_faults(minus, same, ratio)
    if classes:
        report, more = _labels(report, plus, minus, classes)
        faults = [fault for fault in faults if "equal their own" not in fault] + more
    return report._replace(faults=tuple(faults))


def _rows(array: Any) -> Array:  # noqa: ANN401
    rows = as_float64(array)
    require(rows.ndim > 1, f"inputs must be (pairs, features), got shape {rows.shape}")
    return rows.reshape(len(rows), -1)


def _general_faults(minus: Array, same: Array, ratio: float) -> list[str]:
    faults = []
    if not np.isfinite(minus).all():
        faults.append(f"{int((~np.isfinite(minus)).any(axis=1).sum())} rows have NaN or infinity")
    if same.any():
        faults.append(f"{same.mean():.0%} equal their own positive{_which(same)}")
    if not 1 / FAR <= ratio <= FAR:
        faults.append(f"they are {ratio:.3g} times as long: length alone tells them apart")
    return faults


def _labels(
    report: NegativesReport, plus: Array, minus: Array, classes: int
) -> tuple[NegativesReport, list[str]]:
    codes = label_code_report(plus[:, :classes], minus[:, :classes])
    slots = minus[:, :classes]
    true = plus[:, :classes].argmax(axis=1)
    carries = slots[np.arange(len(slots)), true] >= slots.max(axis=1)
    other = (plus[:, classes:] != minus[:, classes:]).any(axis=1)
    shares = np.bincount(slots.argmax(axis=1), minlength=classes) / len(slots)
    faults = []
    if carries.any():
        faults.append(
            f"{carries.mean():.0%} carry the true label{_which(carries)}: draw among the wrong "
            f"labels alone"
        )
    if abs(codes.length_ratio - 1) > 1e-6 or codes.slots_on_ratio != 1:
        faults.append(
            f"their label slots are {codes.length_ratio:.3g} times as long, with "
            f"{codes.slots_on_ratio:.3g} times as many on: that alone tells them apart"
        )
    if other.any():
        faults.append(
            f"{other.mean():.0%} carry another sample's features{_which(other)}: only the label "
            f"is to differ"
        )
    filled = report._replace(
        with_true_label=codes.share_with_true_label,
        other_sample=float(other.mean()),
        wrong_labels=tuple(float(share) for share in shares),
    )
    return filled, faults


def _which(rows: Array) -> str:
    """Some of the rows, by number."""
    found = np.flatnonzero(rows)
    shown = ", ".join(map(str, found[:5]))
    return f" (negatives {shown}{', ...' if len(found) > 5 else ''})"
