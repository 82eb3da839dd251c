"""`ffref oracle`: the cases, a comparison with them, and how exact they are."""

import json
from argparse import Namespace
from pathlib import Path

import numpy as np

from ffref import oracle
from ffref.oracle.exactness import precision_table


def run(options: Namespace) -> int:
    """Do what `options.action` says; 1 if values differ."""
    return {
        "list": _list,
        "compare": _compare,
        "precision": _precision,
        "export": _export,
    }[options.action](options)


def _list(options: Namespace) -> int:
    for case in oracle.cases(options.family, options.dialect):
        print(f"{case.id}: {case.why}")
    return 0


def _compare(options: Namespace) -> int:
    case = oracle.find_case(options.case)
    with np.load(options.file, allow_pickle=False) as arrays:
        mine = {name: arrays[name] for name in arrays.files}
    report = oracle.compare(case, mine, dtype=options.dtype, layout=options.layout)
    print(json.dumps(report.as_data()) if options.json else report)
    return 0 if report.ok else 1


def _precision(options: Namespace) -> int:
    chosen = [oracle.find_case(options.case)] if options.case else oracle.cases()
    print("\n\n".join(precision_table(case, options.dtype) for case in chosen))
    return 0


def _export(options: Namespace) -> int:
    try:
        oracle.export(Path(options.out))
    except ImportError as error:
        raise ValueError(str(error)) from error
    return 0
