"""Comparing someone's values with the reference, quantity by quantity.

The rule scales with the largest entry of an array, not with each entry: correct float32 code has
entries that are off by their own size where large terms cancel, while no entry is off by more than
some 1e-6 of the largest.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffref._checks import require
from ffref.oracle.case import Case
from ffref.oracle.evaluation import evaluate_layers_of
from ffref.oracle.families import FAMILIES
from ffref.oracle.layouts import Layout, axes_there, from_layout, layout_names, shape_there
from ffref.oracle.report import GOLDEN, Finding, Report
from ffref.oracle.rounding import left_to_rounding, moved_by_rounding
from ffref.oracle.tolerances import OF_ONES_OWN, UNIT_ROUNDOFF, floor
from ffref.types import Array


class Expected(NamedTuple):
    """What one quantity is compared with."""

    value: Array
    axes: tuple[str, ...]
    tolerance: float | None
    """None: the dtype has too few digits for this quantity"""
    floor: float
    kinks: Array | None
    moves: Array | float = 0.0
    """allowed besides, entry by entry: of a case of your own, how far rounding moves it"""


def compare(
    reference: Case | Mapping[str, Any],
    mine: Mapping[str, Any],
    *,
    dtype: str | None = None,
    layout: Layout = None,
) -> Report:
    """Compare values with the reference; say which quantity is the first that is wrong.

    |yours - reference| <= tolerance * max|reference| + floor, for each entry

    In a case of your own, as much more as rounding its inputs moves that entry.

    Parameters
    ----------
    reference : Case or mapping of arrays
        A case of the registry is its golden values, one of your own is `evaluate`'s float64. A
        mapping, say of `evaluate`, has no natural scales: its floor is 0.
    mine : mapping of array-likes
        By the names of the quantities; those that are left out are listed in the report. NumPy
        arrays, PyTorch tensors, JAX arrays, lists, numbers.
    dtype : {"float64", "float32", "bfloat16"}, optional
        What they were computed in; None: the coarsest dtype among the arrays.
    layout : str, optional
        "out_in" (weights transposed, as in PyTorch), "NCHW" (images and kernels as in PyTorch), or
        both, "out_in,NCHW"; None: as here.

    Returns
    -------
    Report
        `ok`, `findings`; `print(report)` fits on a screen.

    Raises
    ------
    ValueError
        If a name is unknown, nothing is supplied, or dtype or layout is not one of those above.

    Examples
    --------
    >>> from ffref.oracle import evaluate, find_case
    >>> case = find_case("ff/paper/ordinary")
    >>> mine = evaluate(case)
    >>> compare(case, mine).ok
    True
    >>> print(compare(case, mine | {"d_bias": 2 * mine["d_bias"]}))  # doctest: +ELLIPSIS
    FAIL ff/paper/ordinary in float64: d_bias is wrong
      d_bias: 5 (out); reference: golden values, 50 digits rounded once
      worst at ...
    """
    require(len(mine) > 0, "nothing to compare: pass a mapping of quantities by name")
    dtype = _dtype_of(mine) if dtype is None else str(dtype).rsplit(".", 1)[-1]
    require(
        dtype in UNIT_ROUNDOFF, f"dtype must be one of {', '.join(UNIT_ROUNDOFF)}, got {dtype!r}"
    )
    layouts = layout_names(layout)
    expected, about = expectations(reference, dtype)
    unknown = sorted(set(mine) - set(expected))
    require(
        not unknown,
        f"the reference has no {', '.join(map(repr, unknown))}; it has {', '.join(expected)}",
    )
    findings = tuple(
        _finding(name, wanted, mine.get(name), layouts) for name, wanted in expected.items()
    )
    kept = {name: as_float64(value) for name, value in mine.items()}
    source = reference if isinstance(reference, Case) else None
    return Report(*about, dtype, ",".join(layouts), findings, source, kept)


def check(
    case: Case, mine: Mapping[str, Any], *, dtype: str | None = None, layout: Layout = None
) -> Report:
    """Compare, and raise unless all that was supplied agrees.

    Takes what `compare` takes.

    Raises
    ------
    MismatchError
        An AssertionError whose text is the report.
    """
    report = compare(case, mine, dtype=dtype, layout=layout)
    report.raise_if_failed()
    return report


def expectations(
    reference: Case | Mapping[str, Any], dtype: str
) -> tuple[dict[str, Expected], tuple[str, str, str]]:
    """Return what to expect of each quantity, and (case, why, where the reference is from)."""
    general = OF_ONES_OWN[dtype]
    if not isinstance(reference, Case):
        arrays = {name: as_float64(value) for name, value in reference.items()}
        made = {
            name: Expected(a, tuple(f"axis{i}" for i in range(a.ndim)), general, 0.0, None)
            for name, a in arrays.items()
        }
        return made, ("your reference", "", "the values that you passed")
    if reference.golden:
        made = {
            name: Expected(
                golden.value,
                reference.axes[name],
                golden.tolerance.get(dtype),
                floor(dtype, golden.scale),
                golden.kinks,
            )
            for name, golden in reference.golden.items()
        }
        source = GOLDEN
    else:
        values, scales = evaluate_layers_of(reference, np.float64)
        kinks, unknown = left_to_rounding(FAMILIES[reference.family], values, scales, dtype)
        moves = moved_by_rounding(reference, values, dtype)
        made = {
            name: Expected(
                value,
                reference.axes[name],
                None if name in unknown else general,
                floor(dtype, scales[name]),
                kinks.get(name),
                moves[name],
            )
            for name, value in values.items()
        }
        source = "ffref in float64"
    return made, (reference.id, reference.why, source)


def _finding(
    name: str,
    wanted: Expected,
    value: Any,  # noqa: ANN401
    layouts: tuple[str, ...],
) -> Finding:
    shape = wanted.value.shape
    if value is None:
        return Finding(name, "not supplied", shape, wanted.axes)
    theirs = as_float64(value)
    there = shape_there(shape, wanted.axes, layouts)
    fitted = fit(theirs, there)
    if fitted is None:
        return Finding(
            name, "wrong shape", shape, wanted.axes, _about_shape(theirs, there, wanted, layouts)
        )
    if wanted.tolerance is None:
        return Finding(name, "not checkable", shape, wanted.axes)
    return _numbers(name, wanted, from_layout(fitted, wanted.axes, layouts))


def _numbers(name: str, wanted: Expected, yours: Array) -> Finding:
    """Compare entry by entry, those at a kink set aside."""
    reference = wanted.value
    aside: NDArray[np.bool_] = np.zeros(reference.shape, np.bool_)
    if wanted.kinks is not None:
        aside = wanted.kinks > 0
    unlike = _not_finite_alike(yours, reference) & ~aside
    if unlike.any():
        index = tuple(int(i) for i in np.argwhere(unlike)[0])
        note = (
            f"{int(unlike.sum())} of {yours.size} entries: the first at {list(index)} is "
            f"{yours[index]} where the reference has {reference[index]:.9g}"
        )
        return Finding(name, "not finite", reference.shape, wanted.axes, note)
    assert wanted.tolerance is not None
    compared = np.isfinite(reference) & ~aside
    a, r = np.where(compared, yours, 0), np.where(compared, reference, 0)
    size = float(np.abs(r).max(initial=0))
    allowed = np.broadcast_to(wanted.tolerance * size + wanted.floor + wanted.moves, a.shape)
    error = np.abs(a - r)
    worst = np.unravel_index(int((error - allowed).argmax()), error.shape)
    return Finding(
        name,
        "differs" if (error > allowed).any() else "agrees",
        reference.shape,
        wanted.axes,
        _note(size, wanted, int(aside.sum())),
        wanted.tolerance,
        wanted.floor,
        float(allowed[worst]),
        tuple(int(i) for i in worst),
        float(a[worst]),
        float(r[worst]),
        int((error > allowed).sum()),
        _ratio(_rms(a - r), _rms(r)),
        _ratio(_rms(a), _rms(r)),
        _ratio(float((a * r).mean()), _rms(a) * _rms(r)),
        int(aside.sum()),
    )


def _note(size: float, wanted: Expected, kinks: int) -> str:
    notes = []
    if 0 < size <= wanted.floor:
        notes.append("the reference lies below the floor: only that yours does too was checked")
    if kinks:
        notes.append(f"{kinks} entries at a kink, which have no derivative, set aside")
    return "; ".join(notes)


def _not_finite_alike(a: Array, r: Array) -> NDArray[np.bool_]:
    """Where one is NaN or infinite and the other is not the same."""
    same = (a == r) | (np.isnan(a) & np.isnan(r))
    return ~same & ~(np.isfinite(a) & np.isfinite(r))


def _rms(x: Array) -> float:
    largest = float(np.abs(x).max(initial=0))
    return largest * float(np.sqrt(((x / largest) ** 2).mean())) if largest else 0.0


def _ratio(a: float, b: float) -> float:
    return a / b if b else float("nan")


def fit(array: Array, shape: tuple[int, ...]) -> Array | None:
    """Reshape, if axes of length 1 or the joining of trailing axes are all that differs."""
    if array.shape == shape:
        return array
    if [n for n in array.shape if n > 1] == [n for n in shape if n > 1]:
        return array.reshape(shape)
    kept = array.ndim - 1
    if (
        0 < kept < len(shape)
        and array.shape[:kept] == shape[:kept]
        and array.size == np.prod(shape)
    ):
        return array.reshape(shape)
    return None


def _about_shape(
    array: Array, there: tuple[int, ...], wanted: Expected, layouts: tuple[str, ...]
) -> str:
    text = f"it must be {there}, {axes_there(wanted.axes, layouts)}, yours is {array.shape}"
    for hint in ("out_in", "NCHW"):
        if hint not in layouts and array.shape == shape_there(
            wanted.value.shape, wanted.axes, (*layouts, hint)
        ):
            text += f'; add layout="{",".join((*layouts, hint))}"'
    return text


def as_float64(value: Any) -> Array:  # noqa: ANN401
    """Return the numbers of an array-like of any framework, in float64."""
    if hasattr(value, "detach"):  # a PyTorch tensor, perhaps bfloat16 and on another device
        value = value.detach().double().cpu().numpy()
    return np.asarray(value).astype(np.float64)


def _dtype_of(mine: Mapping[str, Any]) -> str:
    """Coarsest dtype among the arrays; of plain numbers alone, float64."""
    names = [
        str(value.dtype).rsplit(".", 1)[-1]
        for value in mine.values()
        if hasattr(value, "dtype") and getattr(value, "ndim", 0) > 0
    ]
    found = [name for name in UNIT_ROUNDOFF if name in names]
    return found[-1] if found else "float64"
