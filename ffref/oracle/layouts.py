"""Layouts of other frameworks, by name.

Here weights are (in, out), images (batch, height, width, channels), kernels (height, width, in,
out). A layout says in which order another framework has the axes; what it does not name stays.
"""

import numpy as np
from numpy.typing import DTypeLike

from ffref._checks import require
from ffref.oracle.case import Case
from ffref.oracle.families.layer import Values
from ffref.types import Array

LAYOUTS: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {
    "in_out": {},
    "NHWC": {},
    "out_in": {("in", "out"): ("out", "in")},
    "NCHW": {
        ("batch", "height", "width", "channels"): ("batch", "channels", "height", "width"),
        ("kernel_h", "kernel_w", "in", "out"): ("out", "in", "kernel_h", "kernel_w"),
        ("classes", "height", "width", "channels"): ("classes", "channels", "height", "width"),
        ("classes", "per_class", "height", "width", "channels"): (
            "classes", "per_class", "channels", "height", "width",
        ),
    },
}  # fmt: skip
"""Axes here -> axes there. PyTorch's is "out_in" and "NCHW", that of JAX and Keras is ours."""

Layout = str | tuple[str, ...] | None


def axes_there(axes: tuple[str, ...], layout: Layout) -> tuple[str, ...]:
    """Return the order of an array's axes in a layout.

    Examples
    --------
    >>> axes_there(("in", "out"), "out_in")
    ('out', 'in')
    """
    for name in layout_names(layout):
        axes = LAYOUTS[name].get(axes, axes)
    return axes


def layout_names(layout: Layout) -> tuple[str, ...]:
    """Return the names in a layout: none, one, or several, also as "out_in,NCHW".

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    if layout is None:
        return ()
    names = tuple(layout.split(",")) if isinstance(layout, str) else tuple(layout)
    for name in names:
        known = ", ".join(LAYOUTS)
        require(name in LAYOUTS, f"layout must be one of {known}, or several, got {name!r}")
    return names


def to_layout(array: Array, axes: tuple[str, ...], layout: Layout) -> Array:
    """Reorder an array of ours."""
    return np.transpose(array, [axes.index(word) for word in axes_there(axes, layout)])


def from_layout(array: Array, axes: tuple[str, ...], layout: Layout) -> Array:
    """Reorder an array of theirs, whose axes stand as `axes_there(axes, layout)`."""
    there = axes_there(axes, layout)
    return np.transpose(array, [there.index(word) for word in axes])


def shape_there(shape: tuple[int, ...], axes: tuple[str, ...], layout: Layout) -> tuple[int, ...]:
    """Return the shape that an array of ours has in a layout."""
    return tuple(shape[axes.index(word)] for word in axes_there(axes, layout))


def inputs_in(case: Case, layout: Layout = None, dtype: DTypeLike = np.float64) -> Values:
    """All inputs of a case in another framework's layout; labels stay whole numbers.

    Examples
    --------
    >>> from ffref.oracle import find_case
    >>> inputs_in(find_case("ff/paper/conv"), layout="NCHW")["weight"].shape
    (3, 2, 2, 3)
    """
    return {
        name: np.ascontiguousarray(
            to_layout(array, case.axes[name], layout), None if array.dtype.kind == "i" else dtype
        )
        for name, array in case.inputs.items()
    }
