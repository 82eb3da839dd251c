"""Which cases there are, and their arrays, before any value is computed.

Read by `export`, which writes the golden files; everyone else reads those files.
"""

from collections.abc import Iterator

import numpy as np

from ffref._checks import require
from ffref.oracle.case import Case, new_case
from ffref.oracle.definitions import block, faust, ff, hff, labelled, pairs, recurrent, sides
from ffref.oracle.evaluation import evaluate_layers_of

_MODULES = (ff, hff, recurrent, pairs, faust, block, sides, labelled)
_SALTS = 1000
_CLEAR_OF_ZERO = 2.0**-7
"""Every weighted sum is at least this share of its terms' sizes away from the relu's kink, so that
rounding to bfloat16 does not move a unit across it."""


def defined_ids(family: str | None = None) -> list[str]:
    """Ids of every case of the registry, or of one family, in order."""
    ids = [definition.id for module in _MODULES for definition in module.definitions()]
    return [id_ for id_ in ids if family in (None, id_.split("/")[0])]


def defined_cases(family: str | None = None) -> Iterator[Case]:
    """Every case of the registry, or of one family, without golden values.

    Arrays are drawn again, with another salt, until no weighted sum is near the relu's kink
    (those that are exactly on it are meant to be) and every row has two active units (or is
    meant not to).
    """
    chosen = set(defined_ids(family))
    for module in _MODULES:
        wanted = [d.id for d in module.definitions() if d.id in chosen]
        found: dict[str, Case] = {}
        for salt in range(_SALTS):
            if len(found) == len(wanted):
                break
            for definition in module.definitions(f"#{salt}"):
                if definition.id in found or definition.id not in chosen:
                    continue
                case = new_case(
                    definition.id, definition.spec, definition.inputs, why=definition.why
                )
                if _is_clear(case, definition.few_active):
                    found[definition.id] = case
        missing = sorted(set(wanted) - set(found))
        require(not missing, f"{_SALTS} draws leave {missing} near a kink of the relu")
        yield from (found[id_] for id_ in wanted)


def _is_clear(case: Case, few_active: int) -> bool:
    """No weighted sum is near the kink, and only rows that are meant to have few active units."""
    values, scales = evaluate_layers_of(case, np.float64)
    for name, array in values.items():
        if name.split(".")[-1] == "preactivation":
            sums = np.abs(array[array != 0])
            if sums.min(initial=np.inf) < _CLEAR_OF_ZERO * scales[name]:
                return False
        if name.split(".")[-1] == "activity":
            active = (array.reshape(len(array), -1) > 0).sum(axis=1)
            if (active < 2).sum() > few_active:
                return False
    return True
