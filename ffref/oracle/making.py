"""Making golden values: computed with 50 digits, written only if all derivations agree."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ffref._checks import require
from ffref._version import __version__
from ffref.oracle.case import Case, Golden
from ffref.oracle.definitions import defined_cases, defined_ids
from ffref.oracle.evaluation import evaluate_layers_of
from ffref.oracle.families import FAMILIES
from ffref.oracle.golden import FOLDER, array_hash, write_case, write_index
from ffref.oracle.tolerances import UNIT_ROUNDOFF, tolerances
from ffref.types import Array

BOUND = 8.0
"""Times unit roundoff times condition number: what the library's float64 error must not exceed."""


def export(
    folder: Path = FOLDER,
    *,
    family: str | None = None,
    say: Callable[[str], object] = print,
) -> None:
    """Compute every case's golden values and write them into `folder`; or those of one family.

    Every quantity is evaluated by a scalar formulation with 200 digits; a derivative also by
    central differences of that formulation's loss; and all of them by the library in float64.
    Nothing is written unless all of these agree.

    Raises
    ------
    ImportError
        Without mpmath.
    ArithmeticError
        If two derivations of a quantity disagree.
    """
    require(
        family is None or family in FAMILIES,
        f"family must be one of {', '.join(FAMILIES)}, got {family!r}",
    )
    finished = []
    for case in defined_cases(family):
        full, made_by = with_golden(case)
        finished.append((full, made_by))
        say(f"{case.id}: {len(full.golden)} quantities agree; {_changes(folder, full)}")
    folder.mkdir(parents=True, exist_ok=True)
    for full, made_by in finished:
        write_case(folder, full, made_by)
    write_index(folder, [id_ for id_ in defined_ids() if (folder / id_).is_dir()])


def with_golden(case: Case) -> tuple[Case, dict[str, Any]]:
    """Return the case with golden values, and how they were confirmed."""
    from ffref.oracle.truth import evaluate_exactly, rounded  # noqa: PLC0415 - needs mpmath

    values, scales = evaluate_layers_of(case, np.float64)
    truths = evaluate_exactly(case.family, case.spec, case.inputs)
    golden: dict[str, Golden] = {}
    for name, mine in values.items():
        truth = truths[name]
        value = rounded(truth.value)
        largest = float(np.abs(value).max())
        _check_library(case.id, name, mine, value, truth.kappa)
        golden[name] = Golden(
            value,
            truth.kind,
            truth.reason,
            truth.kinks.astype(np.float64) if truth.kinks.any() else None,
            float(f"{scales[name]:.3g}"),
            float(f"{truth.kappa:.3g}"),
            tolerances(truth.kappa, largest),
        )
    differences = [t.agreement for t in truths.values() if t.agreement is not None]
    made_by = {
        "command": "ffref oracle export",
        "version": __version__,
        "differences_against_transcription": float(f"{max(differences):.1g}"),
        "library_float64_within": f"{BOUND:g} unit roundoffs times kappa",
    }
    return case._replace(golden=golden), made_by


def _check_library(case: str, name: str, mine: Array, value: Array, kappa: float) -> None:
    require(bool(np.isfinite(value).all()), f"{case} {name}: not finite")
    error = float(np.abs(mine - value).max())
    if error > BOUND * UNIT_ROUNDOFF["float64"] * kappa:
        raise ArithmeticError(
            f"{case} {name}: the library is {error:.3g} away from the 50-digit value, more than "
            f"{BOUND:g} u kappa with kappa = {kappa:.3g}"
        )


def _changes(folder: Path, case: Case) -> str:
    """What differs from the file that is there: nothing, inputs, or which values."""
    path = folder / case.id / "case.json"
    if not path.is_file():
        return "new"
    old = json.loads(path.read_text())["arrays"]
    now = {**case.inputs, **{name: golden.value for name, golden in case.golden.items()}}
    changed = [n for n, a in now.items() if old.get(n, {}).get("sha256") != array_hash(a)]
    return f"CHANGED: {', '.join(changed)}" if changed else "unchanged"
