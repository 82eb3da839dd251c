"""Whether the layers of a network learn from their own losses alone.

Nothing else makes an algorithm local: the derivative of one layer's loss in another layer's
parameters must be exactly 0, not small.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.oracle.comparison import as_float64
from ffref.types import Array


class Leak(NamedTuple):
    """A layer that learns from another one's loss."""

    layer: str
    """whose parameters"""
    source: str
    """whose loss, or whose parameters"""
    largest: float
    """entry that should be 0"""


class LocalityReport(NamedTuple):
    """The verdict."""

    leaks: tuple[Leak, ...]
    still: tuple[str, ...]
    """layers that nothing moves: of these nothing was learnt"""

    @property
    def ok(self) -> bool:
        """Whether nothing leaks, and every layer learns."""
        return not self.leaks and not self.still

    def __str__(self) -> str:
        """One line a leak."""
        lines = [f"{'ok' if self.ok else 'FAIL'} locality: {len(self.leaks)} leaks"]
        lines += [
            f"  {leak.layer} learns from {leak.source}: {leak.largest:.3g} where 0 is meant"
            for leak in self.leaks
        ]
        lines += [f"  {layer} does not learn at all: nothing was checked" for layer in self.still]
        return "\n".join(lines)


def locality(gradients: Mapping[str, Mapping[str, Any]]) -> LocalityReport:
    """Check derivatives of every layer's loss in every layer's parameters.

    Parameters
    ----------
    gradients : mapping of mappings
        gradients[a][b]: of layer a's loss in layer b's parameters: an array, several in a list,
        tuple or mapping, or None where there is none. What is left out counts as None.

    Returns
    -------
    LocalityReport
        Whatever is not exactly 0 outside the diagonal is a leak, NaN too.

    Examples
    --------
    >>> own, none = {"weight": [0.5], "bias": [0.1]}, None
    >>> locality({"first": {"first": own, "second": none},
    ...           "second": {"first": [1e-9], "second": own}}).leaks
    (Leak(layer='first', source='the loss of second', largest=1e-09),)
    """
    require(len(gradients) > 1, "locality takes gradients of at least two layers' losses")
    leaks, still = [], []
    for source, row in gradients.items():
        unknown = sorted(set(row) - set(gradients))
        require(not unknown, f"no loss was given of {', '.join(unknown)}")
        for layer, entry in row.items():
            largest = _largest(entry)
            if layer != source and largest != 0:
                leaks.append(Leak(layer, f"the loss of {source}", largest))
        if _largest(row.get(source)) == 0:
            still.append(source)
    return LocalityReport(tuple(leaks), tuple(still))


def locality_by_change(
    gradients_of: Callable[[list[Any]], Sequence[Any]], params: Sequence[Any]
) -> LocalityReport:
    """Change one layer's parameters at a time: no layer below may notice, to the last bit.

    For code without derivatives of one loss in other layers' parameters: a step written by
    hand, a chip, a program.

    Parameters
    ----------
    gradients_of : function
        Of the list of all layers' parameters, first layer first, to as many entries: what each
        layer would learn (its gradients, or its parameters after a step minus those before). It
        must not change what it is given, and return the same for the same.
    params : sequence
        For each layer an array, or several in a list, tuple or mapping.

    Examples
    --------
    >>> import numpy as np
    >>> def leaking(params):
    ...     first, second = params
    ...     return [first + 1e-12 * second, second]
    >>> report = locality_by_change(leaking, [np.ones(2), np.ones(2)])
    >>> [leak.source for leak in report.leaks]
    ['the parameters of layer 2']
    """
    require(len(params) > 1, "locality_by_change takes the parameters of at least two layers")
    plain = _each(gradients_of(list(params)), len(params))
    again = _each(gradients_of(list(params)), len(params))
    require(
        all(_apart(a, b) == 0 for a, b in zip(plain, again, strict=True)),
        "gradients_of returned something else for the same parameters; fix its random numbers",
    )
    leaks = []
    for upper in range(1, len(params)):
        changed = [_changed(p) if k == upper else p for k, p in enumerate(params)]
        found = _each(gradients_of(changed), len(params))
        for lower in range(upper):
            apart = _apart(plain[lower], found[lower])
            if apart != 0:
                source = f"the parameters of layer {upper + 1}"
                leaks.append(Leak(f"layer {lower + 1}", source, apart))
    still = [f"layer {k + 1}" for k, entry in enumerate(plain) if not np.any(entry)]
    return LocalityReport(tuple(leaks), tuple(still))


def _flat(entry: Any) -> Array:  # noqa: ANN401
    """All numbers of an array, or of several."""
    if entry is None:
        return np.zeros(0)
    if isinstance(entry, Mapping):
        entry = list(entry.values())
    if isinstance(entry, list | tuple):
        return np.concatenate([np.zeros(0), *(_flat(part) for part in entry)])
    return as_float64(entry).ravel()


def _largest(entry: Any) -> float:  # noqa: ANN401
    return float(np.abs(_flat(entry)).max(initial=0))


def _each(entries: Sequence[Any], count: int) -> list[Array]:
    require(
        len(entries) == count,
        f"gradients_of must return one entry a layer: {count}, it returned {len(entries)}",
    )
    return [_flat(entry) for entry in entries]


def _apart(a: Array, b: Array) -> float:
    """Largest difference; NaN that appears is one."""
    if np.array_equal(a, b, equal_nan=True):
        return 0.0
    return float(np.abs(a - b).max())


def _changed(entry: Any) -> Any:  # noqa: ANN401
    if isinstance(entry, Mapping):
        return {name: _changed(part) for name, part in entry.items()}
    if isinstance(entry, list | tuple):
        return [_changed(part) for part in entry]
    return entry * 1.5 + 0.25
