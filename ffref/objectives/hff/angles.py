"""Angular margins: the angle to each prototype of the true class is made to look larger.

Derivation: docs/derivations/hff.md, equations HFF.15 to HFF.23.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ffref._checks import check_number, require
from ffref.formulas.norms import row_dot
from ffref.objectives.hff.sphere import Sphere
from ffref.types import Array, Labels

Bend = Callable[[Array, float], tuple[Array, Array]]
"""(angle, margin) -> what stands in the cosine's place, and its slope in the angle"""

_STEEP = 0.9
"""Cosines from here on say little of their angle: 1 - u^2 has lost digits."""


class OwnCosine(NamedTuple):
    """What stands in the place of the cosines to the true class's prototypes."""

    value: Array
    """(batch, per_class)"""
    slope: Array
    """(batch, per_class) in the cosine"""


def bend_own(sphere: Sphere, labels: Labels, bend: Bend, margin: float) -> OwnCosine:
    """Bend the cosines between each sample and the prototypes of its class.

    The slope in a cosine grows beyond bounds towards 1 and -1, but what it makes of the activity
    and the prototypes is a vector of the length of the slope in the angle.
    """
    cosine = sphere.cosine[np.arange(len(labels)), labels]
    sine = _sines(sphere, labels, cosine)
    angle = np.arctan2(sine, cosine)  # (HFF.16)
    value, slope = bend(angle, margin)
    # below: rounding decides where the prototype lies, which is as good as on top of it
    told_apart = sine > 4 * np.finfo(sine.dtype).eps
    in_cosine = np.zeros_like(slope)
    np.divide(-slope, sine, out=in_cosine, where=told_apart)  # (HFF.22)
    return OwnCosine(value, in_cosine)


def _sines(sphere: Sphere, labels: Labels, cosine: Array) -> Array:
    sine = np.sqrt(np.maximum((1 - cosine) * (1 + cosine), 0))  # (HFF.15)
    row, k = np.nonzero(np.abs(cosine) > _STEEP)
    prototype = labels[row] * cosine.shape[1] + k
    apart = sphere.prototype_direction[prototype]
    apart -= cosine[row, k][:, None] * sphere.direction[row]
    sine[row, k] = np.sqrt(row_dot(apart, apart))
    return sine


def additive_angular(angle: Array, margin: float) -> tuple[Array, Array]:
    """cos(angle + margin), and past pi - margin a cosine that is lowered by margin sin(margin)."""
    within = angle <= math.pi - margin
    lowered = np.cos(angle) - margin * math.sin(margin)
    value = np.where(within, np.cos(angle + margin), lowered)  # (HFF.17)
    slope = np.where(within, -np.sin(angle + margin), -np.sin(angle))  # (HFF.18)
    return value, slope


def multiplicative_angular(angle: Array, margin: float) -> tuple[Array, Array]:
    """cos(margin angle), its rising pieces turned over and hung below: falls from 0 to pi."""
    piece = np.minimum(np.floor(angle * (margin / math.pi)), margin - 1)
    sign = 1 - 2 * (piece % 2)
    value = sign * np.cos(margin * angle) - 2 * piece  # (HFF.19)
    slope = -sign * margin * np.sin(margin * angle)  # (HFF.20)
    return value, slope


def check_additive_angle(margin: float) -> float:
    """Return the margin as a float, if it is an angle in [0, pi / 2]."""
    number = check_number(margin, "margin")
    require(
        0 <= number <= math.pi / 2,
        f"an additive angular margin is an angle in radians, from 0 to pi / 2, got {margin!r}; "
        f"ArcFace takes 0.5",
    )
    return number


def check_angle_factor(margin: float) -> float:
    """Return the margin as a float, if it is a whole number of at least 1."""
    number = check_number(margin, "margin")
    require(
        number >= 1 and number.is_integer(),
        f"a multiplicative angular margin is a whole number of at least 1 (1: none), got "
        f"{margin!r}; SphereFace takes 4",
    )
    return number
