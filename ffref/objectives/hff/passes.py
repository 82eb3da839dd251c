"""One pass over a layer's activity, and back: what all losses of this paper are made of.

A loss is a `Margin` (what the true class has to overcome, and how the classes' logits are turned
into a number) with its `Choices`. Derivation: docs/derivations/hff.md, equations HFF.4 to HFF.8,
HFF.21, HFF.23, HFF.28 and HFF.29.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ffref._checks import check_labels, check_positive, require
from ffref.formulas import log_mean_exp, log_mean_exp_grad
from ffref.objectives.hff.angles import Bend, OwnCosine, bend_own
from ffref.objectives.hff.sphere import Sphere, pull_from_sphere, pull_to_sphere, to_sphere
from ffref.types import Array, Labels


class Choices(NamedTuple):
    """Hyperparameters of a loss."""

    temperature: float
    sharpness: float | None
    margin: float
    label_smoothing: float = 0.0


class Margin(NamedTuple):
    """A kind of margin, and the loss of logits that it goes with."""

    check: Callable[[float], float]
    """margin -> margin as a float; ValueError if it is out of range"""
    loss: Callable[[Array, Labels, float], float]
    """(logits, labels, label_smoothing) -> mean over the rows"""
    grad: Callable[[Array, Labels, float], Array]
    """its derivative in the logits"""
    bend: Bend | None = None
    """for angular margins; without one, the margin is subtracted from the true class's score"""
    smooths: bool = True
    """whether the loss knows label smoothing"""


class Pass(NamedTuple):
    """What loss, gradients and accuracy are made of."""

    sphere: Sphere
    score: Array
    """(batch, classes) S, without a margin"""
    own: OwnCosine | None
    """where the margin is angular"""
    logits: Array
    """(batch, classes) with the margin, divided by the temperature"""
    temperature: float
    sharpness: float


class ScoreGrads(NamedTuple):
    """Derivatives on the way back from the logits."""

    d_logits: Array
    """(batch, classes)"""
    share: Array
    """(batch, classes, per_class) of each prototype in its class's score"""
    own_share: Array | None
    """(batch, per_class) of those whose cosines are bent"""


def run(
    margin: Margin, choices: Choices, activity: Array, labels: Labels, prototypes: Array
) -> Pass:
    """From the activity to the logits."""
    amount = margin.check(choices.margin)
    temperature, beta = check_temperature(choices.temperature, choices.sharpness)
    sphere = to_sphere(activity, prototypes)
    check_labels(labels, len(activity), len(prototypes))
    score = scores(sphere, beta)
    own = None
    handicapped = score.copy()
    samples = np.arange(len(labels))
    if margin.bend is None:
        handicapped[samples, labels] -= amount
    else:
        own = bend_own(sphere, labels, margin.bend, amount)
        handicapped[samples, labels] = log_mean_exp(own.value, scale=beta)  # (HFF.21)
    logits = handicapped / temperature  # (HFF.5)
    return Pass(sphere, score, own, logits, temperature, beta)


def scores(sphere: Sphere, sharpness: float) -> Array:
    """Score of each class, (batch, classes)."""
    return log_mean_exp(sphere.cosine, scale=sharpness)  # (HFF.4)


def pull_logits(margin: Margin, choices: Choices, seen: Pass, labels: Labels) -> ScoreGrads:
    """Derivative in the logits, and how it spreads over each class's prototypes."""
    d_logits = margin.grad(seen.logits, labels, choices.label_smoothing)
    share = log_mean_exp_grad(seen.sphere.cosine, scale=seen.sharpness)
    own_share = (
        None if seen.own is None else log_mean_exp_grad(seen.own.value, scale=seen.sharpness)
    )
    return ScoreGrads(d_logits, share, own_share)


def pull_scores(seen: Pass, labels: Labels, grads: ScoreGrads) -> tuple[Array, Array]:
    """d_activity (batch, units), and d_prototypes as rows (classes * per_class, units)."""
    d_score = grads.d_logits / seen.temperature  # (HFF.7)
    d_cosine = d_score[:, :, None] * grads.share  # (HFF.8)
    if seen.own is not None and grads.own_share is not None:
        samples = np.arange(len(labels))
        d_value = d_score[samples, labels][:, None] * grads.own_share
        d_cosine[samples, labels] = d_value * seen.own.slope  # (HFF.23)
    return pull_from_sphere(seen.sphere, *pull_to_sphere(seen.sphere, d_cosine))


def pull_temperature(
    seen: Pass, labels: Labels, grads: ScoreGrads, *, sharpness_follows: bool
) -> float:
    """Derivative in the temperature; through the sharpness too, where that is its inverse."""
    d_logits, temperature = grads.d_logits, seen.temperature
    d_temperature = -float((d_logits * seen.logits).sum()) / temperature  # (HFF.28)
    if not sharpness_follows:
        return d_temperature
    excess = seen.score - (grads.share * seen.sphere.cosine).sum(axis=2)
    if seen.own is not None and grads.own_share is not None:
        own_score = log_mean_exp(seen.own.value, scale=seen.sharpness)
        own_excess = own_score - (grads.own_share * seen.own.value).sum(axis=1)
        excess[np.arange(len(labels)), labels] = own_excess
    return d_temperature + float((d_logits * excess).sum()) / temperature**2  # (HFF.29)


def check_temperature(temperature: float, sharpness: float | None) -> tuple[float, float]:
    """Return both as plain floats; no sharpness means 1 / temperature."""
    temperature = check_positive(temperature, "temperature")
    require(
        1e-30 < temperature < 1e30,
        f"temperature must lie between 1e-30 and 1e30, got {temperature!r}",
    )
    beta = 1 / temperature if sharpness is None else check_positive(sharpness, "sharpness")
    return temperature, beta
