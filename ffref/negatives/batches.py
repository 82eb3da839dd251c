"""Batches: positives and negatives stacked, with the context that every layer sees."""

import numpy as np

from ffref.negatives.encodings import LabelEncoding
from ffref.types import Array, LabelledRows, Labels, LayerContext, LayerInput, Norm


def labelled_context(labels: Labels, dtype: np.dtype) -> LayerContext:
    """Context of a batch without negatives: all rows positive, none with a partner.

    Examples
    --------
    >>> import numpy as np
    >>> labelled_context(np.array([2, 0]), np.dtype("float32")).partner
    array([-1, -1])
    """
    batch = len(labels)
    zeros = np.zeros(batch, dtype)
    return LayerContext(labels, np.ones(batch, dtype), np.full(batch, -1), zeros, zeros)


def paired_context(labels: Labels, dtype: np.dtype) -> LayerContext:
    """Context of P positive rows, then P negative rows; row i and row P + i are partners.

    Examples
    --------
    >>> import numpy as np
    >>> context = paired_context(np.array([2, 0]), np.dtype("float64"))
    >>> context.polarity, context.partner
    (array([ 1.,  1., -1., -1.]), array([2, 3, 0, 1]))
    """
    pairs = len(labels)
    polarity = np.repeat(np.array([1, -1], dtype), pairs)
    partner = np.roll(np.arange(2 * pairs), pairs)
    zeros = np.zeros(2 * pairs, dtype)
    return LayerContext(np.tile(labels, 2), polarity, partner, zeros, zeros)


def labelled_rows(
    x: Array, labels: Labels, encoding: LabelEncoding, norm: Norm
) -> LabelledRows | None:
    """Normalised samples with several labels each, in the form that `layer_relu` works once on.

    A normalisation treats all features of a row alike, so that rows that differ in which slot the
    label stands are equal but for those slots: one row is normalised for all labels.

    Parameters
    ----------
    x : (samples, features)
    labels : (versions, samples)
    encoding : LabelEncoding
    norm : Norm
        Of rows, alike in all features.

    Returns
    -------
    LabelledRows, or None if the encoding has no slots, or fewer than two
    """
    if encoding.first_slot is None or encoding.classes < 2:
        return None
    slot = encoding.first_slot(x)
    shared = norm.value(encoding.write(x, np.zeros(len(x), np.int64)))
    wrong = shared[:, slot + 1].copy()
    strength = shared[:, slot] - wrong
    shared[:, slot] = wrong
    return LabelledRows(shared, slot, encoding.classes, strength, labels)


def contrastive_batch(
    x: Array,
    labels: Labels,
    negative_labels: Labels,
    encoding: LabelEncoding,
    norm: Norm,
    *,
    shared: bool = True,
) -> tuple[LayerInput, LayerContext]:
    """Each sample with its label, then each sample with its negative label, normalised.

    x (P, features) -> inputs (2 P, ...) and their context; `LabelledRows` where the encoding has
    slots, if they are `shared`: if the first layer can take them.
    """
    context = paired_context(labels, x.dtype)
    if shared:
        rows = labelled_rows(x, np.stack([labels, negative_labels]), encoding, norm)
        if rows is not None:
            return rows, context
    plain = [encoding.write(x, labels), encoding.write(x, negative_labels)]
    return norm.value(np.concatenate(plain)), context
