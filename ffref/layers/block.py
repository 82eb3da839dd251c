"""A convolutional block: convolution, normalisation, relu, pooling, shortcut; auxiliary features.

Paper: Sarode, Moser et al. (2026), arXiv:2605.00082v1, name an auxiliary convolution between a
layer's activity and its prototypes; its shape was not found. Batch normalisation: Ioffe and
Szegedy (2015). Shortcut without parameters: He et al. (2016), arXiv:1512.03385, option A.
Derivation: docs/derivations/block.md, equations BLOCK.1 to BLOCK.18.

A block is trained by its own loss: what `block_input_grad` computes is for back-propagation and
for evaluation alone.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffref import kernels
from ffref._checks import require
from ffref.formulas import NORMS
from ffref.layers.normalisation import (
    BatchStatistics,
    RunningStatistics,
    advance_running,
    inverse_deviation,
)
from ffref.layers.pooling import average_pool2d, average_pool2d_vjp
from ffref.layers.windows import Pair, Window, places_of
from ffref.types import Array

EPS = 1e-5
"""Inside the root of batch normalisation, and"""
MOMENTUM = 0.1
"""weight of the new value in its running statistics: PyTorch's defaults."""
BLOCK_NORMS = ("batch", *NORMS)


class Block(NamedTuple):
    """A block's arrays; what it does without has no entries."""

    weight: Array
    """(kernel_h, kernel_w, in_channels / groups, channels)"""
    scale: Array
    """(channels,); (0,) without a normalisation"""
    shift: Array
    """(channels,)"""
    auxiliary_weight: Array
    """(channels, auxiliary channels); (channels, 0) without an auxiliary convolution"""
    auxiliary_bias: Array
    """(auxiliary channels,)"""
    running_mean: Array
    """(channels,) state of batch normalisation, not learned; (0,) without"""
    running_variance: Array
    """(channels,) likewise"""


class BlockForm(NamedTuple):
    """A block without its arrays."""

    window: Window
    pool: Pair = (1, 1)
    """size and stride of max-pooling"""
    norm: str = "batch"
    """of the weighted sums: each channel over the batch, or a norm of each sample's row"""
    grid: Pair | None = None
    """of cells whose means the auxiliary convolution reads, or are the features; None: features
    are the activity"""
    residual: bool = False
    """whether the input is added to the relu's output"""
    groups: int = 1
    """of channels; each sees its own share of the input's channels alone"""

    @property
    def places(self) -> Pair:
        """Of the activity, (down, right)."""
        return kernels.count_places(places_of(self.window), self.pool, self.pool)


class BlockPass(NamedTuple):
    """What a block makes of a batch of images, and what its way back needs."""

    activity: Array
    """(batch, places down, places right, channels)"""
    features: Array
    """(batch, cells down, cells right, auxiliary channels), or cells"""
    cells: Array
    """(batch, cells down, cells right, channels) means of the activity, or the activity"""
    raw: Array
    """weighted sums before a norm of rows"""
    sums: Array
    """weighted sums as the channels' normalisation meets them; the way back overwrites them"""
    winner: Array
    """of `sums`, what pooling takes"""
    places: NDArray[np.int32] | None
    """where it stands; None without pooling"""
    vectors: tuple[Array, Array, Array, Array]
    """mean, inverse deviation, scale, shift of each channel, float64"""
    statistics: BatchStatistics | None
    """of this batch; None where mean and deviation are constants"""


def block_forward(block: Block, images: Array, form: BlockForm, *, training: bool) -> BlockPass:
    """Activity and features of images.

    a = conv(images, weight), rows of it normalised;  z = (a - mean) / deviation, of each channel
    activity = max-pooled relu(scale z + shift) + shortcut(images)
    features = mean of each cell of the activity @ auxiliary_weight + auxiliary_bias

    Parameters
    ----------
    block : Block
    images : (batch, height, width, in_channels) same dtype
    form : BlockForm
    training : bool
        Mean and deviation of this batch; else the running ones, and a row's result does not
        depend on its batch. Without batch normalisation there is no difference.

    Returns
    -------
    BlockPass

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> form = BlockForm(Window((1, 2, 1), (1, 1), (1, 1), (0, 0)), norm="batch")
    >>> block = draw_block(np.random.default_rng(0), form, channels=1, gain=2.0)
    >>> block.weight[:] = 2.0
    >>> images = np.array([3.0, 1.0], np.float32).reshape(1, 1, 2, 1)  # sums 6 and 2: z = 1, -1
    >>> block_forward(block, images, form, training=True).activity.ravel().round(4)
    array([1., 0.], dtype=float32)
    """
    window = form.window
    raw = kernels.conv2d(
        images,
        block.weight,
        stride=window.stride,
        padding=window.padding,
        groups=form.groups,
    )  # (BLOCK.1)
    sums = raw
    if form.norm != "batch":
        sums = NORMS[form.norm].value(raw.reshape(len(raw), -1)).reshape(raw.shape)  # (BLOCK.2)
    vectors, statistics = _channel_vectors(block, sums, form, training=training)
    winner, index = sums, None
    if form.pool != (1, 1):
        sign = np.where(vectors[2] < 0, -1, 1).astype(sums.dtype)
        winner, index = kernels.max_pool2d(sums, size=form.pool, sign=sign)  # (BLOCK.4)
    activity = kernels.normalize_channels(_pixels(winner), *vectors, floor=0.0)  # (BLOCK.5)
    activity = activity.reshape(winner.shape)
    if form.residual:
        _add_shortcut(activity, images)  # (BLOCK.6)
    cells = features = activity
    if form.grid is not None:
        cells = average_pool2d(activity, size=_cell(form))  # (BLOCK.7)
        features = _auxiliary(block, cells) if block.auxiliary_bias.size else cells
    return BlockPass(activity, features, cells, raw, sums, winner, index, vectors, statistics)


def block_features_grads(
    block: Block, passed: BlockPass, d_features: Array | None
) -> tuple[Array | None, tuple[Array, Array]]:
    """From the features to the activity: (d_cells, (d_auxiliary_weight, d_auxiliary_bias)).

    d_cells (batch, cells down, cells right, channels) is the derivative in every pixel of a cell.
    Nobody read the features: None and zeros.
    """
    weight, bias = block.auxiliary_weight, block.auxiliary_bias
    if d_features is None:
        return None, (np.zeros_like(weight), np.zeros_like(bias))
    pixels = weight.dtype.type(passed.activity[0].size // passed.cells[0].size)
    if not bias.size:
        d_cells = d_features.reshape(passed.cells.shape)
        if pixels > 1:
            d_cells = d_cells / pixels  # (BLOCK.11)
        return d_cells, (np.zeros_like(weight), np.zeros_like(bias))
    rows = d_features.reshape(-1, bias.size)
    d_weight = kernels.matmul_tn(_pixels(passed.cells), rows)  # (BLOCK.9)
    d_bias = kernels.channel_sums(rows)  # (BLOCK.10)
    d_cells = kernels.matmul_nt(rows, weight) / pixels  # (BLOCK.11)
    return d_cells.reshape(passed.cells.shape), (d_weight, d_bias)


def block_sums_grad(
    block: Block, passed: BlockPass, d_cells: Array, form: BlockForm
) -> tuple[Array, tuple[Array, Array]]:
    """From the activity to the weighted sums: (d_sums, (d_scale, d_shift)).

    Overwrites `passed.sums`, which nobody needs any more: d_sums may be the same array.
    """
    vectors, sums = passed.vectors, passed.sums
    d_shift, d_scale = kernels.gated_slopes(d_cells, passed.winner, vectors)
    no_slope = np.zeros(len(d_shift))
    means = no_slope, no_slope
    if passed.statistics is not None:
        means = d_shift / passed.statistics.size, d_scale / passed.statistics.size
    _, inverse, scale, _ = vectors
    slopes = (scale * inverse, *means)
    kernels.gated_pull_back(d_cells, passed.places, sums, vectors, slopes, pool=form.pool)
    if form.norm != "batch":
        d_rows = NORMS[form.norm].vjp(
            sums.reshape(len(sums), -1), passed.raw.reshape(len(sums), -1)
        )  # (BLOCK.16)
        sums = d_rows.reshape(sums.shape)
    dtype = sums.dtype
    return sums, (d_scale[: block.scale.size].astype(dtype), d_shift.astype(dtype))


def block_weight_grad(images: Array, d_sums: Array, form: BlockForm) -> Array:
    """Derivative in the weight of the convolution."""
    window = form.window
    return kernels.conv2d_weight_grad(
        images,
        d_sums,
        kernel_size=window.size,
        stride=window.stride,
        padding=window.padding,
        groups=form.groups,
    )  # (BLOCK.17)


def block_input_grad(
    block: Block, d_sums: Array, d_activity: Array | None, form: BlockForm
) -> Array:
    """Derivative in the images, by the convolution and by the shortcut; d_activity in cells."""
    window = form.window
    d_images = kernels.conv2d_input_grad(
        d_sums,
        block.weight,
        input_size=window.image[:2],
        stride=window.stride,
        padding=window.padding,
        groups=form.groups,
    )
    if form.residual and d_activity is not None:
        shape = (len(d_sums), *form.places, d_activity.shape[3])
        d_same = np.ascontiguousarray(spread(d_activity, shape)[..., : d_images.shape[3]])
        d_images += average_pool2d_vjp(
            d_same, input_size=window.image[:2], size=_ratio(window.image[:2], form.places)
        )  # (BLOCK.18)
    return d_images


def advance_block(block: Block, passed: BlockPass) -> tuple[Array, Array]:
    """Running mean and variance after a step in training."""
    running = RunningStatistics(block.running_mean, block.running_variance)
    if passed.statistics is None:
        return running
    return advance_running(running, passed.statistics, momentum=MOMENTUM)


def draw_block(
    rng: np.random.Generator, form: BlockForm, *, channels: int, gain: float, auxiliary: int = 0
) -> Block:
    """Draw weights from N(0, gain / inputs of a unit), the auxiliary ones N(0, 1 / channels).

    Scale and running variance are 1, all else is 0; float32.
    """
    shapes = block_shapes(form, channels, auxiliary)
    block = Block(*(np.zeros(shape, np.float32) for shape in shapes))
    inputs = block.weight[..., 0].size
    block.weight[:] = rng.standard_normal(block.weight.shape) * np.sqrt(gain / inputs)
    drawn = rng.standard_normal(block.auxiliary_weight.shape)
    block.auxiliary_weight[:] = drawn / np.sqrt(channels)
    block.scale[:] = 1
    block.running_variance[:] = 1
    return block


def block_shapes(form: BlockForm, channels: int, auxiliary: int) -> tuple[tuple[int, ...], ...]:
    """Shape of each array, in the order of `Block`."""
    scaled = 0 if form.norm == "none" else channels
    counted = channels if form.norm == "batch" else 0
    return (
        (*form.window.size, form.window.image[2] // form.groups, channels),
        (scaled,),
        (channels,),
        (channels, auxiliary),
        (auxiliary,),
        (counted,),
        (counted,),
    )


def check_form(form: BlockForm, channels: int) -> None:
    """Refuse groups, grids and shortcuts that do not fit the images."""
    image, places = form.window.image, form.places
    require(
        image[2] % form.groups == 0 and channels % form.groups == 0,
        f"{form.groups} groups must divide the {image[2]} channels below the block and its own "
        f"{channels}; take multiples of {form.groups}, or groups=1",
    )
    if form.grid is not None:
        require(
            all(places[axis] % form.grid[axis] == 0 for axis in (0, 1)),
            f"an auxiliary grid of {form.grid[0]} x {form.grid[1]} cells must divide the "
            f"{places[0]} x {places[1]} places of the block; take a divisor, or other padding",
        )
    if form.residual:
        require(
            all(image[axis] % places[axis] == 0 for axis in (0, 1)) and image[2] <= channels,
            f"a shortcut takes images of {image} to {(*places, channels)} only if height and "
            f"width are divided by whole numbers and there are not fewer channels; change padding "
            f"or channels, or leave the shortcut out",
        )


def block_units(block: Block, form: BlockForm) -> int:
    """Number of features of one image."""
    if form.grid is None:
        return int(np.prod(form.places)) * block.shift.size
    return int(np.prod(form.grid)) * (block.auxiliary_bias.size or block.shift.size)


def rows_at_once(form: BlockForm) -> int:
    """Images whose arrays, of 256 channels, hold some 2^25 numbers."""
    pixels = int(np.prod(places_of(form.window)))
    return max(1, min(1024, (1 << 25) // (256 * pixels)))


def spread(d_cells: Array, shape: tuple[int, ...]) -> Array:
    """A derivative in cells as one in each of the places of `shape`."""
    for axis in (1, 2):
        d_cells = np.repeat(d_cells, shape[axis] // d_cells.shape[axis], axis=axis)
    return d_cells


def _channel_vectors(
    block: Block, sums: Array, form: BlockForm, *, training: bool
) -> tuple[tuple[Array, Array, Array, Array], BatchStatistics | None]:
    """Mean, inverse deviation, scale and shift of each channel; the batch's statistics."""
    channels = len(block.shift)
    scale = block.scale.astype(np.float64) if block.scale.size else np.ones(channels)
    shift = block.shift.astype(np.float64)
    if form.norm != "batch":
        return (np.zeros(channels), np.ones(channels), scale, shift), None
    if not training:
        inverse = inverse_deviation(block.running_variance, EPS)  # (BLOCK.3)
        return (block.running_mean.astype(np.float64), inverse, scale, shift), None
    pixels = _pixels(sums)
    mean, variance = kernels.channel_moments(pixels)
    vectors = mean, inverse_deviation(variance, EPS), scale, shift  # (BLOCK.3)
    return vectors, BatchStatistics(mean, variance, len(pixels))


def _auxiliary(block: Block, cells: Array) -> Array:
    features = kernels.matmul(_pixels(cells), block.auxiliary_weight)
    kernels.add_bias_rows(features, block.auxiliary_bias)  # (BLOCK.8)
    return features.reshape(*cells.shape[:3], -1)


def _add_shortcut(activity: Array, images: Array) -> None:
    """Add the images, averaged to the activity's places; channels that they lack get nothing."""
    ratio = _ratio(images.shape[1:3], activity.shape[1:3])
    same = images if ratio == (1, 1) else average_pool2d(images, size=ratio)
    activity[..., : images.shape[3]] += same


def _ratio(image: tuple[int, ...], places: tuple[int, ...]) -> Pair:
    return image[0] // places[0], image[1] // places[1]


def _cell(form: BlockForm) -> Pair:
    return _ratio(form.places, form.grid or form.places)


def _pixels(images: Array) -> Array:
    return images.reshape(-1, images.shape[3])
