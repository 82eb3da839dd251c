"""Rows of studies: run case by case, kept in a file, printed as tables."""

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from ffref._checks import require
from ffref._version import __version__
from ffref.experiments.studies import Case, Row
from ffref.kernels import get_threads
from ffref.training.files import write_whole


def chosen_cases(cases: Sequence[Case], studies: Sequence[str]) -> list[Case]:
    """Return the cases of these studies, of all if none is named; ValueError of an unknown one."""
    names = list(dict.fromkeys(case.study for case in cases))
    unknown = sorted(set(studies) - set(names))
    require(not unknown, f"no study {', '.join(unknown)}; there are {', '.join(names)}")
    return [case for case in cases if case.study in (studies or names)]


def run_cases(
    cases: Sequence[Case],
    path: Path,
    facts: Callable[[Case], Row],
    *,
    seeds: int = 1,
    minutes: float | None = None,
) -> list[Row]:
    """Run each case with each seed, but for those whose row is in the file already.

    Parameters
    ----------
    cases : sequence of Case
    path : Path
        One row a line, as JSON; written whole after each case, so that a run that is stopped goes
        on where it was.
    facts : callable
        What else tells a case's rows apart: data, size. They become part of the row.
    seeds : int
    minutes : float, optional
        Of processor time: no case begins once so many are spent.

    Returns
    -------
    list of dict
        The rows of these cases that there are now, in their order.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read_rows(path)
    begun = process_time()
    found: list[Row] = []
    for case in cases:
        for seed in range(seeds):
            row: Row = {"study": case.study, "case": case.name, "seed": seed, **facts(case)}
            done = next((old for old in known if row.items() <= old.items()), None)
            if done is None:
                if minutes is not None and process_time() - begun > 60 * minutes:
                    continue
                done = row | _measured(case, seed)
                known.append(done)
                _write_rows(path, known)
            found.append(done)
    return found


def _measured(case: Case, seed: int) -> Row:
    wall, processor = perf_counter(), process_time()
    measured = case.run(seed)
    return {
        "measured": measured,
        "seconds": perf_counter() - wall,
        "processor_seconds": process_time() - processor,
        "where": f"ffref {__version__}, {platform.processor()}, {get_threads()} threads",
    }


def read_rows(path: Path) -> list[Row]:
    """Rows of a file; none if it is not there."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _write_rows(path: Path, rows: Sequence[Row]) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    write_whole(path, lambda file: file.write(lines.encode()))


def by_study(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows of each study, in the order in which studies appear."""
    for name in dict.fromkeys(row["study"] for row in rows):
        yield name, [row for row in rows if row["study"] == name]


def markdown(rows: Sequence[Row]) -> str:
    """A table for each study: a column for each number that any of its cases measures."""
    return "\n".join(_table(name, own) for name, own in by_study(rows))


def _table(name: str, rows: Sequence[Row]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row["measured"]))
    lines = [["case", "seed", *columns], ["---"] * (2 + len(columns))]
    for row in rows:
        cells = (_shown(row["measured"].get(column)) for column in columns)
        lines.append([row["case"], str(row["seed"]), *cells])
    return "\n".join([f"\n## {name}\n", *(f"| {' | '.join(line)} |" for line in lines)])


def _shown(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return " ".join(map(_shown, value)) if value else "-"
    if isinstance(value, dict):
        return "; ".join(f"{name} {_shown(entry)}" for name, entry in value.items())
    return "-" if value is None else str(value)
