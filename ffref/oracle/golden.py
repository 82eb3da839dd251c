"""Golden values on disk: the registry, read and written without mpmath.

golden/<family>/<dialect>/<name>/ holds `case.json` (all but the numbers), `arrays.f64` (the
numbers, little-endian float64, one array after the other, row-major), `arrays.txt` (name, offset
and shape of each, for programs without a JSON reader) and `arrays.npz` (the same arrays). Format:
docs/oracle.md.
"""

import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ffref._checks import require
from ffref.oracle.case import Case, Golden
from ffref.oracle.families import FAMILIES
from ffref.oracle.families.layer import Values
from ffref.oracle.specs import as_data, from_data
from ffref.types import Array

FORMAT = 1
FOLDER = Path(__file__).parent / "golden"
KINKS = "kinks."
"""Before the name of a quantity: where it has no derivative."""
_DESCRIBED = ("kind", "reason", "scale", "kappa", "tolerance")


def cases(
    family: str | None = None, dialect: str | None = None, *, folder: Path = FOLDER
) -> list[Case]:
    """Cases of the registry, with golden values, in a fixed order.

    Parameters
    ----------
    family, dialect : str, optional
        Those of one family, of one dialect; None: all.
    folder : Path
        Of files that `ffref oracle export` wrote; the default is what ffref brings.

    Raises
    ------
    ValueError
        If there is none, or a file is damaged.

    Examples
    --------
    >>> [case.id for case in cases("ff", "fflib")]
    ['ff/fflib/ordinary', 'ff/fflib/minimize']
    """
    index = folder / "index.json"
    require(index.is_file(), f"no cases in {folder}; ffref oracle export writes them")
    ids: list[str] = json.loads(index.read_text())["cases"]
    wanted = [
        id_
        for id_ in ids
        if family in (None, id_.split("/")[0]) and dialect in (None, id_.split("/")[1])
    ]
    known = sorted({"/".join(id_.split("/")[:2]) for id_ in ids})
    require(
        bool(wanted),
        f"no case of family {family!r} and dialect {dialect!r}; there are {', '.join(known)}",
    )
    return [_read(folder, id_) for id_ in wanted]


def find_case(id: str, *, folder: Path = FOLDER) -> Case:
    """Return the case of this id.

    Examples
    --------
    >>> find_case("ff/paper/one-unit").inputs["weight"].shape
    (3, 1)
    """
    path = folder / id / "case.json"
    require(
        id.count("/") == 2 and path.is_file(),
        f"there is no case {id!r}; ffref oracle list shows all",
    )
    return _read(folder, id)


@cache
def _read(folder: Path, id_: str) -> Case:
    about = json.loads((folder / id_ / "case.json").read_text())
    require(
        about["format"] == FORMAT,
        f"{id_} has format {about['format']}, this version of ffref reads {FORMAT}",
    )
    arrays = _read_arrays(folder / id_ / "arrays.f64", about["arrays"])
    inputs: Values = {name: arrays[name] for name in about["inputs"]}
    for name, array in inputs.items():
        if about["arrays"][name].get("whole_numbers"):
            inputs[name] = array.astype(np.int64)
    golden = {
        name: Golden(value=arrays[name], kinks=arrays.get(KINKS + name), **entry)
        for name, entry in about["quantities"].items()
    }
    spec = from_data(FAMILIES[about["family"]].spec, about["spec"])
    axes = {name: tuple(about["arrays"][name]["axes"]) for name in (*about["inputs"], *golden)}
    return Case(id_, about["why"], spec, inputs, axes, golden)


def _read_arrays(path: Path, entries: dict[str, Any]) -> dict[str, Array]:
    numbers = np.fromfile(path, "<f8").astype(np.float64)
    numbers.flags.writeable = False
    arrays = {}
    for name, entry in entries.items():
        size = int(np.prod(entry["shape"]))
        array = numbers[entry["offset"] : entry["offset"] + size]
        require(
            array.size == size and array_hash(array) == entry["sha256"],
            f"{path} is damaged: {name} is not what case.json has the hash of; install ffref "
            f"again, or run ffref oracle export",
        )
        arrays[name] = array.reshape(entry["shape"])
    return arrays


def write_case(folder: Path, case: Case, made_by: dict[str, Any]) -> None:
    """Write one case with golden values, the same bytes for the same case."""
    home = folder / case.id
    home.mkdir(parents=True, exist_ok=True)
    arrays: Values = {name: array.astype(np.float64) for name, array in case.inputs.items()}
    arrays |= {name: golden.value for name, golden in case.golden.items()}
    arrays |= {KINKS + n: g.kinks for n, g in case.golden.items() if g.kinks is not None}
    entries = _entries(case, arrays)
    about = {
        "format": FORMAT,
        "id": case.id,
        "family": case.family,
        "dialect": case.dialect,
        "why": case.why,
        "spec": as_data(case.spec),
        "inputs": list(case.inputs),
        "quantities": {
            name: {key: getattr(golden, key) for key in _DESCRIBED}
            for name, golden in case.golden.items()
        },
        "arrays": entries,
        "made_by": made_by,
    }
    (home / "case.json").write_text(_lines(about))
    lines = [" ".join(map(str, (n, e["offset"], *e["shape"]))) for n, e in entries.items()]
    (home / "arrays.txt").write_text("\n".join(lines) + "\n")
    flat = np.concatenate([array.ravel() for array in arrays.values()])
    (home / "arrays.f64").write_bytes(flat.astype("<f8").tobytes())
    np.savez_compressed(home / "arrays.npz", **arrays)


def _entries(case: Case, arrays: Values) -> dict[str, Any]:
    """What case.json says of each array."""
    entries: dict[str, Any] = {}
    offset = 0
    for name, array in arrays.items():
        entries[name] = {
            "axes": list(case.axes[name.removeprefix(KINKS)]),
            "shape": list(array.shape),
            "offset": offset,
            "sha256": array_hash(array),
        }
        if name in case.inputs and case.inputs[name].dtype.kind == "i":
            entries[name]["whole_numbers"] = True
        offset += array.size
    return entries


def _lines(about: dict[str, Any]) -> str:
    """JSON with one line for each entry, of quantities and arrays for each of theirs."""
    entries = []
    for key, entry in about.items():
        if key in ("quantities", "arrays"):
            inner = ",\n".join(f"  {json.dumps(n)}: {json.dumps(e)}" for n, e in entry.items())
            entries.append(f" {json.dumps(key)}: {{\n{inner}\n }}")
        else:
            entries.append(f" {json.dumps(key)}: {json.dumps(entry)}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


def write_index(folder: Path, ids: list[str]) -> None:
    """Write the order of the cases."""
    text = json.dumps({"format": FORMAT, "cases": ids}, indent=1)
    (folder / "index.json").write_text(text + "\n")


def array_hash(array: Array) -> str:
    """SHA-256 of an array's little-endian float64 bytes."""
    return sha256(np.ascontiguousarray(array, "<f8").tobytes()).hexdigest()
