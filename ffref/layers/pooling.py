"""Pooling layers: no parameters; forward and pull-back.

Derivation: docs/derivations/pooling.md, equations POOL.1 to POOL.5. The pull-backs serve chains
inside one block and back-propagation; local learning never calls them.
"""

import numpy as np
from numpy.typing import NDArray

from ffref import kernels
from ffref.types import Array

Size = int | tuple[int, int]


def max_pool2d(
    images: Array, *, size: Size, stride: Size | None = None
) -> tuple[Array, NDArray[np.int32]]:
    """Largest value of each window and its place, (out, index); see `kernels.max_pool2d`.

    (batch, height, width, channels) -> (batch, places down, places right, channels).

    Examples
    --------
    >>> import numpy as np
    >>> out, index = max_pool2d(np.arange(8.0).reshape(1, 2, 4, 1), size=2)
    >>> out.ravel(), index.ravel()
    (array([5., 7.]), array([5, 7], dtype=int32))
    """
    return kernels.max_pool2d(images, size=size, stride=stride)  # (POOL.1), (POOL.2)


def max_pool2d_vjp(
    d_out: Array,
    index: NDArray[np.int32],
    *,
    input_size: Size,
    size: Size,
    stride: Size | None = None,
) -> Array:
    """Pull-back of `max_pool2d`: each d_out goes to where its maximum stood."""
    return kernels.max_pool2d_grad(
        d_out, index, input_size=input_size, size=size, stride=stride
    )  # (POOL.3)


def average_pool2d(images: Array, *, size: Size, stride: Size | None = None) -> Array:
    """Mean of each window; shapes as in `max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> average_pool2d(np.arange(8.0).reshape(1, 2, 4, 1), size=2).ravel()
    array([2.5, 4.5])
    """
    return kernels.average_pool2d(images, size=size, stride=stride)  # (POOL.4)


def average_pool2d_vjp(
    d_out: Array, *, input_size: Size, size: Size, stride: Size | None = None
) -> Array:
    """Pull-back of `average_pool2d`: every pixel of a window gets an equal share."""
    return kernels.average_pool2d_grad(
        d_out, input_size=input_size, size=size, stride=stride
    )  # (POOL.5)
