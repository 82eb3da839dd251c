"""`ffref oracle`: the cases, a comparison with them, and how exact they are."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ffref import oracle
from ffref._checks import require
from ffref.oracle.exactness import precision_table


def run(options: Namespace) -> int:
    """Do what `options.action` says; 1 if values differ."""
    return {
        "list": _list,
        "compare": _compare,
        "diagnose": _diagnose,
        "precision": _precision,
        "export": _export,
    }[options.action](options)


def _list(options: Namespace) -> int:
    for case in oracle.cases(options.family, options.dialect):
        print(f"{case.id}: {case.why}")
    return 0


def _compare(options: Namespace) -> int:
    case = oracle.find_case(options.case)
    report = oracle.compare(
        case, _arrays(options.file), dtype=options.dtype, layout=options.layout
    )
    print(json.dumps(report.as_data()) if options.json else report)
    return 0 if report.ok else 1


def _diagnose(options: Namespace) -> int:
    names, files = options.pairs[::2], options.pairs[1::2]
    require(
        len(names) == len(files),
        f"diagnose takes a case and a file, or several such pairs, got {' '.join(options.pairs)}",
    )
    reports = [
        oracle.compare(
            oracle.find_case(name), _arrays(file), dtype=options.dtype, layout=options.layout
        )
        for name, file in zip(names, files, strict=True)
    ]
    print(oracle.diagnose(*reports))
    return 0 if all(report.ok for report in reports) else 1


def _arrays(file: str) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz file."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, TypeError, AttributeError, EOFError, BadZipFile) as error:
        raise ValueError(
            f"{file} is no .npz file of numbers; write it with numpy.savez(FILE, d_weight=..., "
            f"d_bias=...)"
        ) from error


def _precision(options: Namespace) -> int:
    chosen = [oracle.find_case(options.case)] if options.case else oracle.cases()
    print("\n\n".join(precision_table(case, options.dtype) for case in chosen))
    return 0


def _export(options: Namespace) -> int:
    try:
        oracle.export(Path(options.out), family=options.family)
    except ImportError as error:
        raise ValueError(str(error)) from error
    return 0
