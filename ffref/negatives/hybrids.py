"""Hybrid images: two images, joined by a mask with large regions.

Source: Hinton (2022), arXiv:2212.13345, section 3.2: near pixels go together as in real images,
far ones do not, so that only a layer that sees shapes can tell. Derivation:
docs/derivations/negatives.md, equations NEG.3 to NEG.5.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffref._checks import check_count, require
from ffref.negatives.other_rows import other_row
from ffref.types import Array

Masks = NDArray[np.bool_]
"""(batch, height, width)"""


class MaskStatistics(NamedTuple):
    """What tells good masks from bad ones."""

    share_of_ones: float
    """near 1/2: neither image prevails"""
    mean_run_length: float
    """mean length of a stretch of equal pixels along rows and columns; 1.9 for noise of 28x28"""
    smaller_side: float
    """mean over masks of the share of pixels that come from the lesser image"""
    constant_share: float
    """share of masks without a border: their hybrids are real images"""
    distinct_share: float
    """share of masks that differ from all before them; 1 / batch if one mask serves all"""


def blurred_masks(
    batch: int, height: int, width: int, *, blurs: int, rng: np.random.Generator
) -> Masks:
    """Random masks with large regions: random bits, blurred again and again, then cut at 1/2.

    One blur is the filter [1/4, 1/2, 1/4] along rows, then along columns. Images are mirrored at
    their border, so that regions there are as likely ones as zeros.

    Parameters
    ----------
    batch, height, width : int
    blurs : int
        How often; more make larger regions. The paper gives no number. For 28x28 pixels 10 give
        stretches of 8 pixels on average, docs/derivations/negatives.md has a table.
    rng : numpy.random.Generator

    Returns
    -------
    (batch, height, width) bool

    Examples
    --------
    >>> import numpy as np
    >>> masks = blurred_masks(100, 28, 28, blurs=10, rng=np.random.default_rng(0))
    >>> round(mask_statistics(masks).share_of_ones, 1)
    0.5
    """
    for value, name in ((batch, "batch"), (height, "height"), (width, "width")):
        check_count(value, name)
    _check_blurs(blurs)
    bits = rng.integers(2, size=(batch, height, width), dtype=np.uint8) > 0
    # the batch stands last, so that every line of memory is filtered alike
    image = np.ascontiguousarray(bits.transpose(1, 2, 0).astype(np.float32))
    for _ in range(blurs):
        image = _blur(_blur(image).swapaxes(0, 1)).swapaxes(0, 1)
    image = image.transpose(2, 0, 1)
    # after one blur a tenth of the pixels is 1/2 sharp: those keep their own bit
    return (image > 0.5) | ((image == 0.5) & bits)  # (NEG.4)


def hybrid_images(images: Array, others: Array, masks: Masks) -> Array:
    """Take each pixel from `images` where the mask is set, else from `others`.

    Parameters
    ----------
    images, others : (batch, height, width) or (batch, height, width, channels)
    masks : (batch, height, width) bool

    Returns
    -------
    As `images`.

    Raises
    ------
    ValueError
        If the shapes or dtypes do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = np.full((1, 1, 3), 5.0), np.full((1, 1, 3), 7.0)
    >>> hybrid_images(a, b, np.array([[[True, False, True]]]))
    array([[[5., 7., 5.]]])
    """
    require(
        images.ndim in (3, 4)
        and images.shape == others.shape
        and images.dtype == others.dtype
        and masks.shape == images.shape[:3]
        and masks.dtype == bool,
        f"hybrid_images takes images (batch, height, width) or with channels behind, others of "
        f"the same shape and dtype, and masks (batch, height, width) of bool, got shapes "
        f"{images.shape}, {others.shape}, {masks.shape} of {images.dtype}, {others.dtype}, "
        f"{masks.dtype}",
    )
    chosen = masks if images.ndim == 3 else masks[..., None]
    return np.where(chosen, images, others)  # (NEG.5)


def hybrid_negatives(
    x: Array, *, image_shape: tuple[int, ...], blurs: int, rng: np.random.Generator
) -> Array:
    """Join each image with another of the batch by a random mask, (batch, features) -> same.

    Parameters
    ----------
    x : (batch, features)
        Flattened images, at least 2.
    image_shape : (height, width) or (height, width, channels)
    blurs : int
        As in `blurred_masks`.
    rng : numpy.random.Generator

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[0.0] * 16, [1.0] * 16])
    >>> rng = np.random.default_rng(0)
    >>> negatives = hybrid_negatives(x, image_shape=(4, 4), blurs=1, rng=rng)
    >>> negatives.shape, bool(0 < negatives.mean() < 1)
    ((2, 16), True)
    """
    require(
        len(image_shape) in (2, 3) and x.ndim == 2 and x.shape[1] == np.prod(image_shape),
        f"image_shape must be (height, width) or (height, width, channels) of the rows' features, "
        f"got {image_shape} for x of shape {x.shape}",
    )
    images = x.reshape(len(x), *image_shape)
    others = images[other_row(len(x), rng=rng)]
    masks = blurred_masks(len(x), *image_shape[:2], blurs=blurs, rng=rng)
    return hybrid_images(images, others, masks).reshape(x.shape)


def mask_statistics(masks: Masks) -> MaskStatistics:
    """Measure masks, (batch, height, width) bool.

    Examples
    --------
    >>> import numpy as np
    >>> halves = np.array([[[True, True, False, False]] * 4])
    >>> mask_statistics(halves)  # runs: 2 of length 2 in each row, 1 of length 4 in each column
    MaskStatistics(share_of_ones=0.5, mean_run_length=2.6666666666666665, smaller_side=0.5, \
constant_share=0.0, distinct_share=1.0)
    """
    require(
        masks.ndim == 3 and masks.size > 0 and masks.dtype == bool,
        f"masks must be a non-empty (batch, height, width) of bool, got shape {masks.shape} of "
        f"{masks.dtype}",
    )
    batch, height, width = masks.shape
    along_rows = np.count_nonzero(masks[:, :, 1:] != masks[:, :, :-1]) + batch * height
    along_columns = np.count_nonzero(masks[:, 1:] != masks[:, :-1]) + batch * width
    share = masks.mean(axis=(1, 2))
    return MaskStatistics(
        float(share.mean()),
        float(2 * masks.size / (along_rows + along_columns)),
        float(np.minimum(share, 1 - share).mean()),
        float(((share == 0) | (share == 1)).mean()),
        len(np.unique(masks.reshape(batch, -1), axis=0)) / batch,
    )


def _check_blurs(blurs: object) -> None:
    require(
        isinstance(blurs, int | np.integer) and not isinstance(blurs, bool) and int(blurs) >= 0,
        f"blurs must be a whole number of at least 0, got {blurs!r}",
    )


def _blur(image: Array) -> Array:
    """Filter along the first axis, mirrored at both ends."""
    out = 2 * image
    out[1:] += image[:-1]
    out[0] += image[0]
    out[:-1] += image[1:]
    out[-1] += image[-1]
    out *= out.dtype.type(0.25)
    return out  # (NEG.3)
