"""Label encodings: how a label becomes part of a layer's input.

Source: Hinton (2022), section 3.3 (the first ten pixels), and the official Matlab code for the
neutral label. Each encoding is a named function; choices are bound in a `LabelEncoding`.
"""

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ffref._checks import check_labels, require
from ffref.types import Array, Labels

NEUTRAL = 0.1
"""Hinton's neutral label: this value in every slot."""


class LabelEncoding(NamedTuple):
    """A label encoding with its choices bound."""

    write: Callable[[Array, Labels], Array]
    """(x, labels) -> x that carries the labels"""
    write_neutral: Callable[[Array], Array]
    """x -> x that carries the neutral label"""
    first_slot: Callable[[Array], int] | None
    """x -> column of the first class's slot; None where a label is more than one number"""
    classes: int
    pull_back: Callable[[Array], Array]
    """derivative in what `write` makes -> derivative in x; for chains that evaluate"""


def one_hot(labels: Labels, classes: int, dtype: np.dtype) -> Array:
    """(batch,) class indices -> (batch, classes) of 0 and 1."""
    check_labels(labels, len(labels), classes)
    code = np.zeros((len(labels), classes), dtype)
    code[np.arange(len(labels)), labels] = 1
    return code


def append_label(x: Array, labels: Labels, *, classes: int, strength: float = 1.0) -> Array:
    """Put the label into extra columns: (batch, features) -> (batch, features + classes).

    Nothing of the sample is overwritten, so this is the default where every feature counts.

    Parameters
    ----------
    x : (batch, features)
    labels : (batch,) whole numbers in 0 .. classes - 1
    classes : int
    strength : float
        Value in the true label's slot.

    Examples
    --------
    >>> import numpy as np
    >>> append_label(np.array([[5.0, 6.0]]), np.array([1]), classes=2)
    array([[5., 6., 0., 1.]])
    """
    return _append(x, strength * one_hot(labels, classes, x.dtype))


def append_neutral_label(x: Array, *, classes: int, strength: float = 1.0) -> Array:
    """Put the neutral label into extra columns: 0.1 times the strength in each slot."""
    return _append(x, _neutral(len(x), classes, strength, x.dtype))


def overlay_label(x: Array, labels: Labels, *, classes: int, strength: float = 1.0) -> Array:
    """Put the label into the first `classes` features: zero the slots, then write.

    For images whose border is empty, as MNIST's.

    Raises
    ------
    ValueError
        If there are more classes than features.

    Examples
    --------
    >>> import numpy as np
    >>> overlay_label(np.array([[5.0, 6.0, 7.0]]), np.array([1]), classes=2)
    array([[0., 1., 7.]])
    """
    return _overlay(x, strength * one_hot(labels, classes, x.dtype))


def overlay_neutral_label(x: Array, *, classes: int, strength: float = 1.0) -> Array:
    """Put the neutral label into the first `classes` features."""
    return _overlay(x, _neutral(len(x), classes, strength, x.dtype))


def label_planes(images: Array, labels: Labels, *, classes: int, strength: float = 1.0) -> Array:
    """Put the label into extra channels, one constant plane a class, for convolution.

    (batch, height, width, channels) -> (batch, height, width, channels + classes)

    Examples
    --------
    >>> import numpy as np
    >>> label_planes(np.full((1, 1, 2, 1), 5.0), np.array([1]), classes=2)[0, 0]
    array([[5., 0., 1.],
           [5., 0., 1.]])
    """
    return _planes(images, strength * one_hot(labels, classes, images.dtype))


def neutral_label_planes(images: Array, *, classes: int, strength: float = 1.0) -> Array:
    """Put the neutral label into extra channels."""
    return _planes(images, _neutral(len(images), classes, strength, images.dtype))


def bind_label_encoding(
    name: str,
    *,
    classes: int,
    strength: float = 1.0,
    image_shape: tuple[int, int, int] | None = None,
) -> LabelEncoding:
    """Bind the choices of an encoding: "append", "overlay" or "planes".

    With `image_shape`, (height, width, channels), planes are put into flat rows (batch, features)
    and the rows stay flat; without, into images.
    """
    require(
        name in _ENCODINGS,
        f"label encoding must be one of {', '.join(_ENCODINGS)}, got {name!r}",
    )
    write, write_neutral, pull_back, first_slot = _ENCODINGS[name]
    if name == "planes" and image_shape is not None:
        write = partial(_flat, write, image_shape)
        write_neutral = partial(_flat, write_neutral, image_shape)
        height, width, channels = image_shape
        pull_back = partial(_flat, pull_back, (height, width, channels + classes))
    return LabelEncoding(
        partial(write, classes=classes, strength=strength),
        partial(write_neutral, classes=classes, strength=strength),
        first_slot,
        classes,
        partial(pull_back, classes=classes),
    )


def warn_if_overlay_hides_data(x: Array, classes: int) -> None:
    """Warn when the first `classes` features, which `overlay_label` zeroes, carry data."""
    share = float(np.mean(x[:, :classes] != 0))
    if share > 0:
        warnings.warn(
            f"overlay_label overwrites the first {classes} features, and {share:.0%} of their "
            f"values are not zero; label encoding 'append' keeps them",
            stacklevel=2,
        )


def _append(x: Array, code: Array) -> Array:
    return np.concatenate([x, code], axis=1)


def _overlay(x: Array, code: Array) -> Array:
    require(
        code.shape[1] <= x.shape[1],
        f"overlay_label needs a feature for each of {code.shape[1]} classes, got {x.shape[1]} "
        f"features; use append_label",
    )
    out = x.copy()
    out[:, : code.shape[1]] = code
    return out


def _planes(images: Array, code: Array) -> Array:
    require(
        images.ndim == 4,
        f"label_planes takes (batch, height, width, channels), got shape {images.shape}",
    )
    batch, height, width, _ = images.shape
    planes = np.broadcast_to(code[:, None, None, :], (batch, height, width, code.shape[1]))
    return np.concatenate([images, planes], axis=3)


def _without_last(d_out: Array, *, classes: int) -> Array:
    """Pull-back of labels in further columns or channels."""
    return d_out[..., :-classes]


def _without_overlaid(d_out: Array, *, classes: int) -> Array:
    """Pull-back of labels over the first features: whatever stood there counts no more."""
    d_x = d_out.copy()
    d_x[:, :classes] = 0
    return d_x


def _flat(
    write: Callable[..., Array],
    shape: tuple[int, int, int],
    x: Array,
    *labels: Labels,
    **choices: float,
) -> Array:
    """`write` on flat rows of images of this shape; flat again."""
    require(
        x.ndim == 2 and x.shape[1] == math.prod(shape),
        f"image_shape {shape} does not fit samples of shape {x.shape[1:]}",
    )
    return write(x.reshape(len(x), *shape), *labels, **choices).reshape(len(x), -1)


def _neutral(batch: int, classes: int, strength: float, dtype: np.dtype) -> Array:
    return np.full((batch, classes), NEUTRAL * strength, dtype)


_Write = Callable[..., Array]
_ENCODINGS: dict[str, tuple[_Write, _Write, _Write, Callable[[Array], int] | None]] = {
    "append": (append_label, append_neutral_label, _without_last, lambda x: x.shape[1]),
    "overlay": (overlay_label, overlay_neutral_label, _without_overlaid, lambda _x: 0),
    "planes": (label_planes, neutral_label_planes, _without_last, None),
}
