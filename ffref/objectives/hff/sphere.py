"""Activity and prototypes on the unit sphere, and the way back from there.

Derivation: docs/derivations/hff.md, equations HFF.1 to HFF.3 and HFF.9 to HFF.12.
"""

from typing import NamedTuple

import numpy as np

from ffref._checks import check_matrix
from ffref.formulas import l2_normalize
from ffref.formulas.norms import l2_direction, l2_direction_vjp
from ffref.kernels import matmul, matmul_nt, matmul_tn
from ffref.types import Array


class Sphere(NamedTuple):
    """Activity and prototypes on the unit sphere, and how far they agree."""

    direction: Array
    """(batch, units) z"""
    length: Array
    """(batch, 1) of the activity"""
    prototype_direction: Array
    """(classes * per_class, units) q"""
    prototype_length: Array
    """(classes * per_class, 1)"""
    cosine: Array
    """(batch, classes, per_class)"""


def to_sphere(activity: Array, prototypes: Array) -> Sphere:
    """Divide both by their lengths, and multiply each with each."""
    check_matrix(activity, "activity")
    _check_prototypes(prototypes, activity)
    direction, length = l2_direction(activity)  # (HFF.1)
    prototype_direction, prototype_length = l2_direction(_rows(prototypes))  # (HFF.2)
    cosine = matmul_nt(direction, prototype_direction)  # (HFF.3)
    cosine = cosine.reshape(len(activity), len(prototypes), -1)
    return Sphere(direction, length, prototype_direction, prototype_length, cosine)


def pull_to_sphere(sphere: Sphere, d_cosine: Array) -> tuple[Array, Array]:
    """d_cosine (batch, classes, per_class) -> derivatives in both directions, z and q."""
    d_cosine = d_cosine.reshape(len(sphere.direction), -1)
    d_direction = matmul(d_cosine, sphere.prototype_direction)  # (HFF.9)
    return d_direction, matmul_tn(d_cosine, sphere.direction)  # (HFF.11)


def pull_from_sphere(
    sphere: Sphere, d_direction: Array, d_prototype_direction: Array
) -> tuple[Array, Array]:
    """Derivatives in the directions -> in activity and in prototypes, as rows."""
    d_activity = l2_direction_vjp(d_direction, sphere.direction, sphere.length)  # (HFF.10)
    d_prototypes = l2_direction_vjp(
        d_prototype_direction, sphere.prototype_direction, sphere.prototype_length
    )  # (HFF.12)
    return d_activity, d_prototypes


def on_sphere(prototypes: Array) -> Array:
    """Prototypes divided by their length, same shape."""
    return l2_normalize(_rows(prototypes)).reshape(prototypes.shape)


def _check_prototypes(prototypes: Array, activity: Array) -> None:
    if not (
        prototypes.ndim in (2, 3)
        and prototypes.size > 0
        and prototypes.shape[-1] == activity.shape[1]
        and prototypes.dtype == activity.dtype
    ):
        raise ValueError(
            f"prototypes must be (classes, {activity.shape[1]}) or (classes, "
            f"prototypes_per_class, {activity.shape[1]}) of dtype {activity.dtype} for this "
            f"activity, got shape {prototypes.shape} of {prototypes.dtype}"
        )
    has_direction = np.any(_rows(prototypes), axis=1)
    if not has_direction.all():
        raise ValueError(
            f"prototypes must not be zero: a zero vector has no direction. Row "
            f"{int(has_direction.argmin())} is; draw it at random (hff_initial_prototypes)"
        )


def _rows(prototypes: Array) -> Array:
    return prototypes.reshape(-1, prototypes.shape[-1])
