"""Kinds of margin by name, and the losses of logits that take the place of the cross-entropy.

Derivation: docs/derivations/hff.md, equations HFF.6 and HFF.24 to HFF.27.
"""

from functools import partial

import numpy as np

from ffref._checks import check_number
from ffref.formulas import (
    sigmoid,
    softmax_cross_entropy,
    softmax_cross_entropy_grad,
    softplus,
)
from ffref.objectives.hff.angles import (
    additive_angular,
    check_additive_angle,
    check_angle_factor,
    multiplicative_angular,
)
from ffref.objectives.hff.passes import Margin
from ffref.types import Array, Labels


def _softmax_loss(logits: Array, labels: Labels, smoothing: float) -> float:
    return softmax_cross_entropy(logits, labels, label_smoothing=smoothing)  # (HFF.6)


def _softmax_grad(logits: Array, labels: Labels, smoothing: float) -> Array:
    return softmax_cross_entropy_grad(logits, labels, label_smoothing=smoothing)


def _pairwise_loss(logits: Array, labels: Labels, _: float) -> float:
    return float(softplus(_leads(logits, labels)).sum(axis=1).mean())  # (HFF.24)


def _pairwise_grad(logits: Array, labels: Labels, _: float) -> Array:
    d_logits = sigmoid(_leads(logits, labels)) / len(logits)
    d_logits[np.arange(len(labels)), labels] = -d_logits.sum(axis=1)  # (HFF.25)
    return d_logits


def _hardest_loss(logits: Array, labels: Labels, _: float) -> float:
    return float(softplus(_leads(logits, labels).max(axis=1)).mean())  # (HFF.26)


def _hardest_grad(logits: Array, labels: Labels, _: float) -> Array:
    leads = _leads(logits, labels)
    samples, hardest = np.arange(len(labels)), leads.argmax(axis=1)
    push = sigmoid(leads[samples, hardest]) / len(logits)
    d_logits = np.zeros_like(logits)
    d_logits[samples, hardest] += push
    d_logits[samples, labels] -= push  # (HFF.27)
    return d_logits


def _leads(logits: Array, labels: Labels) -> Array:
    """How far each other class is ahead of the true one; the true one -inf behind itself."""
    samples = np.arange(len(labels))
    leads = logits - logits[samples, labels][:, None]
    leads[samples, labels] = -np.inf
    return leads


_any_cosine = partial(check_number, name="margin")

MARGINS = {
    "additive-cosine": Margin(_any_cosine, _softmax_loss, _softmax_grad),
    "additive-angular": Margin(
        check_additive_angle, _softmax_loss, _softmax_grad, additive_angular
    ),
    "multiplicative-angular": Margin(
        check_angle_factor, _softmax_loss, _softmax_grad, multiplicative_angular
    ),
    "pairwise": Margin(_any_cosine, _pairwise_loss, _pairwise_grad, smooths=False),
    "hardest": Margin(_any_cosine, _hardest_loss, _hardest_grad, smooths=False),
}
"""Kinds of margin by the names that `hff` and estimators use."""
