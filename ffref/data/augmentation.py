"""Augmentation of image batches: shifts, flips and cut-outs, drawn anew for each image.

A batch is changed on its way into a training step; the data themselves never are.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ffref._checks import require
from ffref.types import Array


class Augmentation(NamedTuple):
    """What may happen to an image; by default nothing does."""

    shift: int = 0
    """pixels, at most, in each direction; what comes in from outside is `fill`"""
    flip: bool = False
    """left and right exchanged, for every second image"""
    cutout: int = 0
    """side of a square that is set to `fill`, its centre anywhere in the image"""
    fill: float = 0.0


def shift_images(
    images: Array, *, pixels: int, rng: np.random.Generator, fill: float = 0.0
) -> Array:
    """Move each image by up to `pixels` up or down and left or right, all equally likely.

    Parameters
    ----------
    images : (batch, height, width, channels)
    pixels : int, at least 0
    rng : numpy.random.Generator
    fill : float
        What comes in from outside.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.arange(1.0, 4.0).reshape(1, 1, 3, 1)
    >>> shift_images(images, pixels=1, rng=np.random.default_rng(1))[0, 0, :, 0]
    array([1., 2., 3.])
    """
    _check_images(images)
    _check_pixels(pixels, "pixels")
    batch, height, width, _ = images.shape
    out = np.full_like(images, fill)
    moves = rng.integers(-pixels, pixels + 1, (batch, 2))
    # plain numbers, and none below 0: half of the time went into computing slices
    from_, to = np.maximum(-moves, 0).tolist(), np.maximum(moves, 0).tolist()
    for image, moved, (top, left), (down, right) in zip(images, out, from_, to, strict=True):
        if abs(top - down) < height and abs(left - right) < width:
            source = image[top : height - down, left : width - right]
            moved[down : height - top, right : width - left] = source
    return out


def flip_images(images: Array, *, rng: np.random.Generator) -> Array:
    """Exchange left and right in each image with probability 1/2.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.tile(np.arange(2.0).reshape(1, 1, 2, 1), (4, 1, 1, 1))
    >>> flip_images(images, rng=np.random.default_rng(0))[:, 0, :, 0].tolist()
    [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    _check_images(images)
    flipped = rng.integers(2, size=len(images)) > 0
    out = np.array(images, order="C")
    # a pixel is moved as one value, not channel by channel
    pixels = out.view(np.dtype((np.void, images.shape[3] * images.itemsize)))
    pixels[flipped] = pixels[flipped][:, :, ::-1]
    return out


def cut_out(images: Array, *, size: int, rng: np.random.Generator, fill: float = 0.0) -> Array:
    """Set a square of each image to `fill`; it may reach beyond the border.

    Source: DeVries & Taylor (2017), arXiv:1708.04552.

    Examples
    --------
    >>> import numpy as np
    >>> cut = cut_out(np.ones((1, 5, 5, 1)), size=3, rng=np.random.default_rng(0))
    >>> int((cut == 0).sum())
    6
    """
    _check_images(images)
    _check_pixels(size, "size")
    batch, height, width, _ = images.shape
    out = images.copy()
    corners = rng.integers((height, width), size=(batch, 2)) - size // 2
    first, last = np.maximum(corners, 0).tolist(), (corners + size).tolist()
    for image, (top, left), (bottom, right) in zip(out, first, last, strict=True):
        image[top:bottom, left:right] = fill
    return out


def bind_augmentation(
    choices: Augmentation, image_shape: tuple[int, ...]
) -> Callable[[Array, np.random.Generator], Array]:
    """Bind the choices for flattened images: (x (batch, features), rng) -> new x.

    Raises
    ------
    ValueError
        If a choice is out of range, or the image shape does not fit the features.

    Examples
    --------
    >>> import numpy as np
    >>> augment = bind_augmentation(Augmentation(flip=True), (1, 2))
    >>> augment(np.array([[1.0, 2.0]]), np.random.default_rng(0))
    array([[2., 1.]])
    """
    _check_pixels(choices.shift, "shift")
    _check_pixels(choices.cutout, "cutout")
    height, width, channels = (*image_shape, 1)[:3]

    def augment(x: Array, rng: np.random.Generator) -> Array:
        require(
            x.ndim == 2 and x.shape[1] == height * width * channels,
            f"image_shape {tuple(image_shape)} does not fit samples of shape {x.shape[1:]}",
        )
        images = x.reshape(len(x), height, width, channels)
        if choices.shift:
            images = shift_images(images, pixels=choices.shift, rng=rng, fill=choices.fill)
        if choices.flip:
            images = flip_images(images, rng=rng)
        if choices.cutout:
            images = cut_out(images, size=choices.cutout, rng=rng, fill=choices.fill)
        return images.reshape(x.shape)

    return augment


def _check_images(images: Array) -> None:
    require(
        images.ndim == 4,
        f"images must be (batch, height, width, channels), got shape {images.shape}",
    )


def _check_pixels(value: object, name: str) -> None:
    require(
        isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 0,
        f"{name} must be a whole number of at least 0, got {value!r}",
    )
