"""Windows on images that come as flat rows, pixels in row-major order, channels last."""

from typing import NamedTuple

from ffref.kernels import count_places
from ffref.types import Array, LabelledRows, LayerInput

Pair = tuple[int, int]
ImageShape = tuple[int, int, int]
"""(height, width, channels)"""


class Window(NamedTuple):
    """A window on images: what a layer of such windows knows besides its arrays."""

    image: ImageShape
    """of the input"""
    size: Pair
    stride: Pair
    padding: Pair


def places_of(window: Window) -> Pair:
    """Places of the window in the padded image, (down, right).

    Examples
    --------
    >>> places_of(Window((28, 28, 1), size=(10, 10), stride=(6, 6), padding=(0, 0)))
    (4, 4)
    """
    height, width, _ = window.image
    padded = height + 2 * window.padding[0], width + 2 * window.padding[1]
    return count_places(padded, window.size, window.stride)


def as_images(x: LayerInput, shape: ImageShape) -> Array:
    """Flat rows as (batch, height, width, channels), without a copy."""
    height, width, channels = shape
    if isinstance(x, LabelledRows) or x.ndim != 2 or x.shape[1] != height * width * channels:
        came = "labelled rows" if isinstance(x, LabelledRows) else f"shape {x.shape}"
        raise ValueError(
            f"this layer takes flat images (batch, {height * width * channels}) of "
            f"{height} x {width} pixels with {channels} channels, got {came}"
        )
    return x.reshape(len(x), height, width, channels)


def as_rows(images: Array) -> Array:
    """Images as flat rows (batch, height * width * channels), without a copy."""
    return images.reshape(len(images), -1)
