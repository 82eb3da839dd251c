"""One part of a data set, and the way from images to rows."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Split(NamedTuple):
    """OwnData and their labels: `X, y = split`."""

    X: NDArray[np.float32]
    """(samples, features); an image is a row in C order of (height, width, channels)"""
    y: NDArray[Any]
    """(samples,) int64 class indices; what the file holds, if it came from `read_npz`"""


def scaled_rows(
    images: NDArray[np.uint8], highest: int, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Flatten `images` (samples, ...) to float32 rows, with `highest` mapped to 1.

    `out` (samples, features) receives the rows where it is given.

    Examples
    --------
    >>> scaled_rows(np.array([[[0, 51], [102, 255]]], np.uint8), 255)
    array([[0. , 0.2, 0.4, 1. ]], dtype=float32)
    """
    rows = images.reshape(len(images), -1)
    return np.divide(rows, highest, out=out, dtype=np.float32)
