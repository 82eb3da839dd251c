"""Convolution of images (batch, height, width, channels): forward and both gradients.

Derivation: docs/derivations/convolution.md. Values and bits: each element is one sum in the order
of the plain loops, whatever the batch or the number of threads, so an image's result does not
depend on its batch.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ffref._checks import check_count, check_floating, require
from ffref.kernels import window_jobs
from ffref.kernels.host import PLAIN
from ffref.kernels.loops_convolution import (
    conv2d_input_grad_loop,
    conv2d_loop,
    conv2d_weight_grad_loop,
    depthwise_input_grad_loop,
    depthwise_loop,
    depthwise_weight_grad_loop,
)
from ffref.kernels.matmul import matmul, matmul_nt, matmul_tn
from ffref.kernels.threads import run_over_rows
from ffref.types import Array

Pair = tuple[int, int]

Size = int | Pair
"""A number for both axes, or (vertical, horizontal)."""


class Shapes(NamedTuple):
    """What the arrays of a convolution have in common."""

    images: tuple[int, int, int, int]
    weight: tuple[int, int, int, int]
    out: tuple[int, int, int, int]
    stride: Pair
    padding: Pair
    groups: int

    @property
    def is_matrix_product(self) -> bool:
        """Whether the kernel is one pixel that visits each pixel of the images once."""
        ones = self.weight[:2] == self.stride == (1, 1)
        return ones and self.padding == (0, 0) and self.groups == 1

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel of the images is a group."""
        return self.groups > 1 and self.weight[2] == 1

    def channels(self) -> Iterator[tuple[slice, slice]]:
        """For each group its channels in the images and in the output."""
        taps, outputs = self.weight[2], self.weight[3] // self.groups
        for group in range(self.groups):
            yield (
                slice(group * taps, (group + 1) * taps),
                slice(group * outputs, (group + 1) * outputs),
            )


def conv2d(
    images: Array, weight: Array, *, stride: Size = 1, padding: Size = 0, groups: int = 1
) -> Array:
    """Cross-correlation of images with a kernel, the images surrounded by zeros.

    out[n, i, j, o] = sum_{kh, kw, c} images[n, i s + kh - p, j s + kw - p, c] weight[kh, kw, c, o]

    With groups, output o sees only the channels of its group, of which c counts.

    Parameters
    ----------
    images : (N, H, W, Cin) float32 or float64
    weight : (KH, KW, Cin / groups, Cout) same dtype
    stride, padding
        s and p, a whole number or a pair (vertical, horizontal).
    groups
        Number of equal parts of the channels; Cin: each channel for itself.

    Returns
    -------
    (N, HO, WO, Cout) same dtype; HO = (H + 2 p - KH) // s + 1

    Raises
    ------
    ValueError
        If shapes, dtypes or numbers do not fit together, or the kernel does not fit into the
        padded images.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.array([[1.0, 2.0, 4.0]]).reshape(1, 1, 3, 1)
    >>> conv2d(images, np.array([-1.0, 1.0]).reshape(1, 2, 1, 1)).ravel()
    array([1., 2.])
    """
    _check_images(images, "images")
    _check_images(weight, "weight", "(KH, KW, Cin / groups, Cout)")
    shapes = _shapes(images.shape, weight.shape, stride, padding, groups)
    _check_channels(images.shape[3], weight.shape, groups)
    _check_same_dtype(images, weight, "images", "weight")
    if shapes.is_matrix_product and not PLAIN:
        return matmul(_matrix(images), weight[0, 0]).reshape(shapes.out)  # (CONV.2)
    out = np.empty(shapes.out, images.dtype)
    geometry = shapes.stride, shapes.padding
    if PLAIN:
        images, weight = np.ascontiguousarray(images), np.ascontiguousarray(weight)
        _over(len(out), lambda *part: conv2d_loop(images, weight, out, *geometry, groups, *part))
    elif shapes.is_depthwise:
        images = np.repeat(images, weight.shape[3] // images.shape[3], axis=3)
        weight = np.ascontiguousarray(weight)
        _over(len(out), lambda *part: depthwise_loop(images, weight, out, *geometry, *part))
    else:
        images, weight = _addressable(images), _addressable(weight)
        for here, there in shapes.channels():
            window_jobs.forward(
                images[..., here], weight[..., there], out[..., there], *geometry
            )  # (CONV.2)
    return out


def conv2d_weight_grad(
    images: Array,
    d_out: Array,
    *,
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    groups: int = 1,
) -> Array:
    """Derivative of a loss in the weight of `conv2d`.

    d_weight[kh, kw, c, o] =
        sum_{n, i, j} images[n, i s + kh - p, j s + kw - p, c] d_out[n, i, j, o]

    Parameters
    ----------
    images : (N, H, W, Cin) float32 or float64
    d_out : (N, HO, WO, Cout) same dtype
        The loss's derivative in the output.
    kernel_size
        KH and KW, a whole number or a pair.
    stride, padding, groups
        As for `conv2d`.

    Returns
    -------
    (KH, KW, Cin / groups, Cout) same dtype

    Raises
    ------
    ValueError
        As `conv2d`, and if `d_out` has not the shape of its output.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.array([[1.0, 2.0, 4.0]]).reshape(1, 1, 3, 1)
    >>> d_out = np.array([[1.0, 10.0]]).reshape(1, 1, 2, 1)
    >>> conv2d_weight_grad(images, d_out, kernel_size=(1, 2)).ravel()
    array([21., 42.])
    """
    _check_images(images, "images")
    _check_images(d_out, "d_out", "(N, HO, WO, Cout)")
    kernel = _pair(kernel_size, "kernel_size", least=1)
    _check_groups(images.shape[3], d_out.shape[3], groups)
    weight_shape = (*kernel, images.shape[3] // groups, d_out.shape[3])
    shapes = _shapes(images.shape, weight_shape, stride, padding, groups)
    _check_d_out(d_out, shapes.out)
    _check_same_dtype(images, d_out, "images", "d_out")
    if shapes.is_matrix_product and not PLAIN:
        return matmul_tn(_matrix(images), _matrix(d_out)).reshape(shapes.weight)  # (CONV.3)
    out = np.empty(shapes.weight, images.dtype)
    geometry = shapes.stride, shapes.padding
    d_out = _addressable(np.ascontiguousarray(d_out))
    if PLAIN:
        images = np.ascontiguousarray(images)
        _over(
            out.size // max(1, out.shape[3]),
            lambda *part: conv2d_weight_grad_loop(images, d_out, out, *geometry, groups, *part),
        )
    elif shapes.is_depthwise:
        images = np.repeat(images, d_out.shape[3] // images.shape[3], axis=3)
        _over(
            out.shape[3],
            lambda *part: depthwise_weight_grad_loop(images, d_out, out, *geometry, *part),
        )
    elif groups == 1:
        window_jobs.weight_grad(_addressable(images), d_out, out, *geometry)  # (CONV.3)
    else:
        images = _addressable(images)
        for here, there in shapes.channels():
            part = np.empty((*kernel, *shapes.weight[2:3], there.stop - there.start), out.dtype)
            d_part = np.ascontiguousarray(d_out[..., there])
            window_jobs.weight_grad(images[..., here], d_part, part, *geometry)  # (CONV.3)
            out[..., there] = part
    return out


def conv2d_input_grad(
    d_out: Array,
    weight: Array,
    *,
    input_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    groups: int = 1,
) -> Array:
    """Derivative of a loss in the images of `conv2d`.

    d_images[n, y, x, c] = sum_{kh, kw, o} d_out[n, i, j, o] weight[kh, kw, c, o]

    over the taps for which an output i, j with i s + kh - p = y, j s + kw - p = x exists.

    Parameters
    ----------
    d_out : (N, HO, WO, Cout) float32 or float64
        The loss's derivative in the output.
    weight : (KH, KW, Cin / groups, Cout) same dtype
    input_size
        H and W, a whole number or a pair: with a stride they do not follow from HO and WO.
    stride, padding, groups
        As for `conv2d`.

    Returns
    -------
    (N, H, W, Cin) same dtype

    Raises
    ------
    ValueError
        As `conv2d`, and if `d_out` has not the shape of its output.

    Examples
    --------
    >>> import numpy as np
    >>> d_out = np.array([[1.0, 10.0]]).reshape(1, 1, 2, 1)
    >>> weight = np.array([-1.0, 1.0]).reshape(1, 2, 1, 1)
    >>> conv2d_input_grad(d_out, weight, input_size=(1, 3)).ravel()
    array([-1., -9., 10.])
    """
    _check_images(d_out, "d_out", "(N, HO, WO, Cout)")
    _check_images(weight, "weight", "(KH, KW, Cin / groups, Cout)")
    size = _pair(input_size, "input_size", least=0)
    check_count(groups, "groups")
    _check_groups(weight.shape[2] * groups, weight.shape[3], groups)
    images_shape = (len(d_out), *size, weight.shape[2] * groups)
    shapes = _shapes(images_shape, weight.shape, stride, padding, groups)
    _check_d_out(d_out, shapes.out)
    _check_same_dtype(d_out, weight, "d_out", "weight")
    if shapes.is_matrix_product and not PLAIN:
        return matmul_nt(_matrix(d_out), weight[0, 0]).reshape(shapes.images)  # (CONV.4)
    out = np.empty(shapes.images, d_out.dtype)
    geometry = shapes.stride, shapes.padding
    if shapes.is_depthwise and weight.shape[3] == out.shape[3] and not PLAIN:
        d_out, weight = np.ascontiguousarray(d_out), np.ascontiguousarray(weight)
        _over(
            len(out), lambda *part: depthwise_input_grad_loop(d_out, weight, out, *geometry, *part)
        )
    elif PLAIN or shapes.is_depthwise or not np.isfinite(weight).all():
        # zeros around d_out, times a weight that is not finite, would be NaN where no term is
        d_out, turned = np.ascontiguousarray(d_out), np.ascontiguousarray(weight.swapaxes(2, 3))
        _over(
            len(out),
            lambda *part: conv2d_input_grad_loop(d_out, turned, out, *geometry, groups, *part),
        )
    else:
        d_out, weight = _addressable(d_out), _addressable(weight)
        for here, there in shapes.channels():
            window_jobs.input_grad(
                d_out[..., there], weight[..., there], out[..., here], *geometry
            )  # (CONV.5)
    return out


def _over(rows: int, job: Callable[[int, int], None]) -> None:
    run_over_rows(job, rows)


def _matrix(array: Array) -> Array:
    """The pixels of all images as rows."""
    batch, height, width, channels = array.shape
    return array.reshape(batch * height * width, channels)


def _addressable(array: Array) -> Array:
    """The array itself, or a copy where its elements do not lie on multiples of their size."""
    return array if array.flags.aligned else array.copy()


def _pair(value: object, name: str, *, least: int) -> Pair:
    """A whole number for both axes, or one for each."""
    parts = tuple(value) if isinstance(value, tuple | list) else (value, value)
    whole = all(
        isinstance(part, int | np.integer) and not isinstance(part, bool) and part >= least
        for part in parts
    )
    if len(parts) != 2 or not whole:
        raise ValueError(
            f"{name} must be a whole number of at least {least}, or a pair (vertical, "
            f"horizontal) of them, got {value!r}"
        )
    return int(parts[0]), int(parts[1])


def _shapes(
    images: tuple[int, ...],
    weight: tuple[int, ...],
    stride: Size,
    padding: Size,
    groups: int,
) -> Shapes:
    strides, paddings = _pair(stride, "stride", least=1), _pair(padding, "padding", least=0)
    sizes = []
    for axis, name in enumerate(("high", "wide")):
        length = images[1 + axis] + 2 * paddings[axis]
        require(weight[axis] >= 1, f"the kernel must have at least one pixel, got weight {weight}")
        require(
            length >= weight[axis],
            f"the kernel is {weight[axis]} pixels {name}, the images with their padding only "
            f"{length}; use a smaller kernel or a padding of at least "
            f"{-(-(weight[axis] - images[1 + axis]) // 2)}",
        )
        sizes.append((length - weight[axis]) // strides[axis] + 1)
    out = (images[0], sizes[0], sizes[1], weight[3])
    return Shapes(images, weight, out, strides, paddings, groups)  # type: ignore[arg-type]  # four


def _check_images(array: object, name: str, axes: str = "(N, H, W, Cin)") -> None:
    if not (isinstance(array, np.ndarray) and array.ndim == 4):
        raise ValueError(
            f"{name} must be an array {axes}, got {np.ndim(array)} axes; "  # type: ignore[arg-type]
            f"give one image a first axis, image[None]"
        )
    check_floating(array, name)


def _check_groups(channels: int, outputs: int, groups: int) -> None:
    check_count(groups, "groups")
    require(
        channels % groups == 0 and outputs % groups == 0,
        f"groups must divide the channels of the images and of the output, got {groups} for "
        f"{channels} and {outputs}",
    )


def _check_channels(channels: int, weight: tuple[int, ...], groups: int) -> None:
    _check_groups(channels, weight[3], groups)
    require(
        weight[2] * groups == channels,
        f"weight must have shape (KH, KW, {channels // groups}, Cout) for images of {channels} "
        f"channels in {groups} groups, got {weight}",
    )


def _check_d_out(d_out: Array, shape: tuple[int, ...]) -> None:
    require(
        d_out.shape == shape,
        f"d_out must have the shape of the output, {shape}, got {d_out.shape}; "
        f"check stride and padding",
    )


def _check_same_dtype(one: Array, other: Array, name: str, other_name: str) -> None:
    require(
        one.dtype == other.dtype,
        f"{name} and {other_name} must have one dtype, got {one.dtype} and {other.dtype}; "
        f"convert one with .astype",
    )
