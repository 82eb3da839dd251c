"""Angular margins: the angle to each prototype of the true class is made to look larger.

Derivation: docs/derivations/hff.md, equations HFF.15 to HFF.23. All derivatives are taken in the
angle: d angle / d cosine is infinite at cosines of 1 and -1, while along the sphere the angle has
slope 1, so that every push stays finite.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ffref._checks import check_number, require
from ffref.formulas.norms import l2_direction
from ffref.kernels import matmul_tn
from ffref.objectives.hff.sphere import Sphere
from ffref.types import Array, Labels

Bend = Callable[[Array, float], tuple[Array, Array]]
"""(angle, margin) -> what stands in the cosine's place, and its slope in the angle"""


class OwnCosine(NamedTuple):
    """What stands in the place of the cosines to the true class's prototypes."""

    value: Array
    """(batch, per_class)"""
    slope: Array
    """(batch, per_class) in the angle"""
    prototype_direction: Array
    """(batch, per_class, units) q of the true class"""
    to_prototype: Array
    """(batch, per_class, units) unit vector at z, tangent to the sphere, that points to q"""


def bend_own(sphere: Sphere, labels: Labels, bend: Bend, margin: float) -> OwnCosine:
    """Bend the cosines between each sample and the prototypes of its class."""
    _, classes, per_class = sphere.cosine.shape
    own = sphere.prototype_direction.reshape(classes, per_class, -1)[labels]
    cosine = sphere.cosine[np.arange(len(labels)), labels]
    to_prototype, sine = _unit(own - cosine[:, :, None] * sphere.direction[:, None])
    angle = np.arctan2(sine, cosine)  # (HFF.15)
    return OwnCosine(*bend(angle, margin), own, to_prototype)


def pull_angles(
    sphere: Sphere, labels: Labels, own: OwnCosine, d_value: Array
) -> tuple[Array, Array]:
    """d_value (batch, per_class) -> what is added to the derivatives in both directions."""
    _, classes, per_class = sphere.cosine.shape
    d_angle = (d_value * own.slope)[:, :, None]  # (HFF.21)
    d_direction = -(d_angle * own.to_prototype).sum(axis=1)  # (HFF.22)
    cosine = sphere.cosine[np.arange(len(labels)), labels][:, :, None]
    to_activity, _ = _unit(sphere.direction[:, None] - cosine * own.prototype_direction)
    pushes = -(d_angle * to_activity).reshape(len(labels), -1)
    is_own = (labels[:, None] == np.arange(classes)).astype(pushes.dtype)
    d_prototypes = matmul_tn(is_own, pushes).reshape(classes * per_class, -1)  # (HFF.23)
    return d_direction, d_prototypes


def additive_angular(angle: Array, margin: float) -> tuple[Array, Array]:
    """cos(angle + margin), and past pi - margin a cosine that is lowered by margin sin(margin)."""
    within = angle <= math.pi - margin
    lowered = np.cos(angle) - margin * math.sin(margin)
    value = np.where(within, np.cos(angle + margin), lowered)  # (HFF.16)
    slope = np.where(within, -np.sin(angle + margin), -np.sin(angle))  # (HFF.17)
    return value, slope


def multiplicative_angular(angle: Array, margin: float) -> tuple[Array, Array]:
    """cos(margin angle), its rising pieces turned over and hung below: falls from 0 to pi."""
    piece = np.minimum(np.floor(angle * (margin / math.pi)), margin - 1)
    sign = 1 - 2 * (piece % 2)
    value = sign * np.cos(margin * angle) - 2 * piece  # (HFF.18)
    slope = -sign * margin * np.sin(margin * angle)  # (HFF.19)
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


def _unit(vectors: Array) -> tuple[Array, Array]:
    """Directions and lengths over the last axis of three; a zero vector stays zero."""
    direction, length = l2_direction(vectors.reshape(-1, vectors.shape[-1]))
    return direction.reshape(vectors.shape), length.reshape(vectors.shape[:-1])
