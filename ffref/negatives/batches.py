"""Batches: positives and negatives stacked, with the context that every layer sees."""

import numpy as np

from ffref.negatives.encodings import LabelEncoding
from ffref.types import Array, Labels, LayerContext


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


def contrastive_batch(
    x: Array, labels: Labels, negative_labels: Labels, encoding: LabelEncoding
) -> tuple[Array, LayerContext]:
    """Each sample with its label, then each sample with its negative label.

    x (P, features) -> inputs (2 P, ...) and their context
    """
    inputs = np.concatenate([encoding.write(x, labels), encoding.write(x, negative_labels)])
    return inputs, paired_context(labels, x.dtype)
