"""Small data sets that are made, not read."""

import numpy as np

from ffref._checks import require
from ffref.data.split import Split

DISK_RADIUS = 1.0
RING_RADII = (1.5, 2.5)


def disk_and_ring(samples: int, *, seed: int) -> Split:
    """Points in a disk (class 0) and in the ring around it (class 1).

    Both are filled evenly: the disk to radius 1, the ring from radius 1.5 to 2.5, so a gap of 0.5
    lies between them. No straight line separates the classes, and the direction of a point says
    nothing of its class: a method that divides each row by its length cannot learn it.

    Parameters
    ----------
    samples : int
        At least 2; half of them in each class, with the odd one in the disk.
    seed : int
        The same seed gives the same points, in the same order.

    Returns
    -------
    Split
        X is (samples, 2) float32, y is (samples,) int64; classes are shuffled.

    Raises
    ------
    ValueError
        If `samples` is not a whole number above 1, or `seed` not one above -1.

    Examples
    --------
    >>> X, y = disk_and_ring(5, seed=0)
    >>> X.shape, np.bincount(y).tolist()
    ((5, 2), [3, 2])
    """
    _check_whole(samples, "samples", lowest=2)
    _check_whole(seed, "seed", lowest=0)
    random = np.random.default_rng(seed)
    y = random.permutation(np.arange(samples, dtype=np.int64) % 2)
    inner = np.where(y == 0, 0.0, RING_RADII[0])
    outer = np.where(y == 0, DISK_RADIUS, RING_RADII[1])
    # the area within a radius grows with its square
    radius = np.sqrt(random.uniform(inner**2, outer**2))
    angle = random.uniform(0.0, 2.0 * np.pi, samples)
    X = radius[:, None] * np.column_stack((np.cos(angle), np.sin(angle)))
    return Split(X.astype(np.float32), y)


def _check_whole(value: object, name: str, *, lowest: int) -> None:
    require(
        isinstance(value, int | np.integer) and bool(value >= lowest),
        f"{name} must be a whole number of at least {lowest}, got {value!r}",
    )
