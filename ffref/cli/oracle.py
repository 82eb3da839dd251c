"""`ffref oracle`: the cases, comparisons with them, and how exact they are."""

import json
import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path

from ffref import oracle
from ffref._checks import require
from ffref.oracle.adapters import Adapter, Files, read_arrays
from ffref.oracle.case import Case
from ffref.oracle.exactness import precision_table
from ffref.oracle.golden import FOLDER
from ffref.oracle.instances import RANDOM
from ffref.oracle.specs import as_data

_DIAGNOSED = 4
"""Failed cases that are diagnosed together: more take longer and rarely say more."""


def run(options: Namespace) -> int:
    """Do what `options.action` says; 1 if values differ."""
    return {
        "list": _list,
        "show": _show,
        "run": _run,
        "check": _check,
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
        case, read_arrays(options.file), dtype=options.dtype, layout=options.layout
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
            oracle.find_case(name), read_arrays(file), dtype=options.dtype, layout=options.layout
        )
        for name, file in zip(names, files, strict=True)
    ]
    print(oracle.diagnose(*reports))
    return 0 if all(report.ok for report in reports) else 1


def _show(options: Namespace) -> int:
    case = oracle.find_case(options.case)
    print(f"{case.id}: {case.why}")
    print(f"files: {FOLDER / case.id}")
    print(f"rule: {json.dumps(as_data(case.spec))}")
    for name, array in case.inputs.items():
        print(f"  takes {name} {_shape(case, name, array.shape)}")
    for name, golden in case.golden.items():
        print(f"  gives {name} {_shape(case, name, golden.value.shape)}, {golden.kind}")
    return 0


def _shape(case: Case, name: str, shape: tuple[int, ...]) -> str:
    axes = ", ".join(f"{word} {n}" for word, n in zip(case.axes[name], shape, strict=True))
    return f"({axes})"


def _run(options: Namespace) -> int:
    return _summarize(_adapter(options.adapter, options.dtype), options)


def _check(options: Namespace) -> int:
    return _summarize(Files(options.folder, dtype=options.dtype, layout=options.layout), options)


def _summarize(adapter: Adapter, options: Namespace) -> int:
    """Ask the adapter for the chosen cases, print what came out, and write the report."""
    expected = oracle.read_expected(options.expect) if options.expect else oracle.Expected()
    summary = oracle.run_adapter(adapter, _chosen(options), expected)
    print(summary)
    failed = [o.report for o in summary.named("failed") if o.report and not o.report.ok]
    if options.diagnose and failed:
        same = [r for r in failed if r.case.split("/")[0] == failed[0].case.split("/")[0]]
        print(f"\nwhat may be wrong:\n{oracle.diagnose(*same[:_DIAGNOSED])}")
    if options.report:
        Path(options.report).write_text(json.dumps(summary.as_data(), indent=1) + "\n")
    return 0 if summary.ok else 1


def _chosen(options: Namespace) -> list[Case]:
    """Cases of the registry, or of a family at random."""
    if options.case:
        return [oracle.find_case(options.case)]
    count = getattr(options, "random", None)
    if count is None:
        return oracle.cases(options.family, options.dialect)
    families = [options.family] if options.family else list(RANDOM)
    return [oracle.random_case(family, seed) for family in families for seed in range(count)]


def _adapter(name: str, dtype: str | None) -> Adapter:
    """Import package.module:Name, and make it unless it is made already."""
    module, _, attribute = name.partition(":")
    require(bool(module and attribute), f"an adapter is named package.module:Name, got {name!r}")
    sys.path.insert(0, "")  # modules of the current folder, as with python -m
    try:
        found = getattr(import_module(module), attribute)
        if isinstance(found, type) or not hasattr(found, "run"):
            found = found() if dtype is None else found(dtype=dtype)
    except (ImportError, AttributeError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from error
    finally:
        sys.path.remove("")
    require(
        isinstance(found, Adapter), f"{name} must have supports(spec) and run(case), got {found!r}"
    )
    return found


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
