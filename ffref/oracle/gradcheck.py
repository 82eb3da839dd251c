"""A rule of one's own against finite differences of one's own loss, kinks set aside.

Of a Forward-Forward network the loss must be that of one layer, its input a constant: the
differences of the summed loss of a network are not the local gradients. Where a rule is no
derivative, the loss is its surrogate with stored constants.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.oracle.comparison import as_float64
from ffref.oracle.families.layer import Values
from ffref.types import Array

_STEPS = (1e-4, 1e-5, 1e-6)
"""Relative to the largest entry of the parameter; the next is tried where one meets a kink."""
_ROUNDING = 32 * np.finfo(np.float64).eps


class GradcheckLine(NamedTuple):
    """One parameter's verdict."""

    parameter: str
    shape: tuple[int, ...]
    how: str
    """"every entry" or "20 directions\""""
    checked: int
    kinks: int
    """entries or directions without a derivative, set aside"""
    error: float
    """largest, relative to the largest derivative of the parameter"""
    at: tuple[int, ...]
    """index of the worst entry; (number,) of a direction"""
    yours: float
    difference: float
    """quotient there"""
    ok: bool


class GradcheckReport(NamedTuple):
    """The verdict on all parameters."""

    lines: tuple[GradcheckLine, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether every parameter agrees, on at least half of what was tried."""
        return all(line.ok for line in self.lines)

    def raise_if_failed(self) -> None:
        """Raise AssertionError unless `ok`."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        """One line a parameter."""
        rule = f"|yours - difference| <= {self.tolerance:g} max|difference|"
        lines = [f"{'ok' if self.ok else 'FAIL'} gradcheck: {rule}, float64"]
        for f in self.lines:
            shape = "x".join(map(str, f.shape)) or "one number"
            text = f"  {'ok  ' if f.ok else 'FAIL'} {f.parameter} {shape}: {f.how}, {f.checked} "
            text += f"checked, {f.kinks} at kinks; worst {f.error:.2g} at {list(f.at)}"
            if not f.ok:
                text += f": yours {f.yours:.9g}, difference {f.difference:.9g}"
            lines.append(text)
        return "\n".join(lines)


def gradcheck(
    loss: Callable[[Values], Any],
    grads: Callable[[Values], Mapping[str, Any]],
    params: Mapping[str, Any],
    *,
    tolerance: float = 1e-6,
    entries: int = 300,
    directions: int = 20,
    seed: int = 0,
) -> GradcheckReport:
    """Compare a rule with central differences of a loss, parameter by parameter.

    Parameters
    ----------
    loss : function
        Of a dict of float64 arrays, by the names of `params`, to one number.
    grads : function
        Of the same, to a mapping of the same names to arrays of the same shapes.
    params : mapping of array-likes
        Where to differentiate.
    tolerance : float
        Relative to the parameter's largest derivative.
    entries : int
        A parameter of more entries is checked along random directions, in all entries at once.
    directions : int
        How many.
    seed : int
        Of the directions.

    Returns
    -------
    GradcheckReport
        A derivative that jumps there (relu at 0, a tie of maxima) is set aside and counted;
        a parameter of which more than half is set aside is not ok.

    Raises
    ------
    ValueError
        If a gradient is missing, or of another shape, or the loss is no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    >>> def loss(p):
    ...     return np.maximum(p["w"] * x, 0).sum() ** 2
    >>> def grads(p):
    ...     return {"w": 2 * np.maximum(p["w"] * x, 0).sum() * x * (p["w"] * x > 0)}
    >>> gradcheck(loss, grads, {"w": w}).ok
    True
    >>> gradcheck(loss, lambda p: {"w": 1.01 * grads(p)["w"]}, {"w": w}).ok
    False
    """
    at = {name: as_float64(value).copy() for name, value in params.items()}
    require(len(at) > 0, "gradcheck needs at least one parameter")
    found = {name: as_float64(value) for name, value in grads(_copied(at)).items()}
    rng = np.random.default_rng(seed)
    lines = []
    for name, value in at.items():
        require(name in found, f"grads returned no {name!r}; it has {', '.join(found)}")
        require(
            found[name].shape == value.shape,
            f"the gradient of {name} has shape {found[name].shape}, {name} has {value.shape}",
        )
        full = value.size <= entries
        ways = (
            np.eye(value.size)
            if full
            else rng.choice((-1.0, 1.0), (directions, value.size)) / np.sqrt(value.size)
        )
        how = "every entry" if full else f"{directions} directions"
        lines.append(_line(loss, at, name, found[name], ways, how, tolerance))
    return GradcheckReport(tuple(lines), tolerance)


def _copied(params: Values) -> Values:
    """Copies, so that nobody's function can change what comes next."""
    return {name: value.copy() for name, value in params.items()}


def _line(
    loss: Callable[[Values], Any],
    at: Values,
    name: str,
    found: Array,
    ways: Array,
    how: str,
    tolerance: float,
) -> GradcheckLine:
    size = float(np.abs(at[name]).max(initial=0)) or 1.0
    differences = np.array([_derivative(loss, at, name, way, size) for way in ways])
    mine = ways @ found.ravel()
    smooth = ~np.isnan(differences)
    scale = float(np.abs(differences[smooth]).max(initial=0))
    floor = _ROUNDING * abs(_value(loss, at)) / (_STEPS[0] * size)
    error = np.where(smooth, np.abs(mine - differences), 0)
    error = np.where(np.isnan(mine), np.inf, error)
    worst = int(error.argmax()) if error.size else 0
    full = how == "every entry"
    index = np.unravel_index(worst, found.shape) if full and found.size else (worst,)
    enough = 2 * int(smooth.sum()) >= len(ways)
    return GradcheckLine(
        name,
        found.shape,
        how,
        int(smooth.sum()),
        int((~smooth).sum()),
        float(error[worst] / scale) if scale else float(error[worst]),
        tuple(int(i) for i in index),
        float(mine[worst]),
        float(differences[worst]),
        bool(error[worst] <= tolerance * scale + floor) and enough,
    )


def _derivative(
    loss: Callable[[Values], Any], at: Values, name: str, way: Array, size: float
) -> float:
    """Difference quotient along a way; NaN where the derivative jumps."""
    here = _value(loss, at)
    for step in _STEPS:
        h = step * size
        far, near = (_around(loss, at, name, way, reach) for reach in (h, h / 2))
        wide, narrow = (far[1] - far[0]) / (2 * h), (near[1] - near[0]) / h
        # of a smooth loss both halve with the step; at a kink the jump stays
        bend, half_bend = (far[1] - 2 * here + far[0]) / h, (near[1] - 2 * here + near[0]) * 2 / h
        rounding = _ROUNDING * (abs(here) + np.abs([*far, *near]).max()) / h
        slope = max(abs(wide), abs(narrow), abs(bend), rounding)
        jumps = abs(half_bend) > 0.75 * abs(bend) + rounding + 1e-7 * slope
        if not jumps and abs(narrow - wide) <= 1e-6 * slope + rounding:
            return float((4 * narrow - wide) / 3)
    return float("nan")


def _around(
    loss: Callable[[Values], Any], at: Values, name: str, way: Array, reach: float
) -> tuple[float, float]:
    """Loss on both sides."""
    step = reach * way.reshape(at[name].shape)
    both = [_value(loss, {**at, name: at[name] + sign * step}) for sign in (-1, 1)]
    return both[0], both[1]


def _value(loss: Callable[[Values], Any], params: Values) -> float:
    value = float(as_float64(loss(_copied(params))))
    require(bool(np.isfinite(value)), f"the loss must be a finite number, got {value}")
    return value
