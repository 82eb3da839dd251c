"""`ffref sweep`: one algorithm with all combinations of some settings."""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ffref._checks import require
from ffref.cli.flags import FLAGS, Flag
from ffref.cli.jobs import run_and_report, subject_of
from ffref.experiments import sweep_jobs

_SWITCH = {"yes": True, "no": False}


def run(options: Namespace) -> int:
    """Run what has not been run yet; print and save the table."""
    subject = subject_of(options)
    jobs = sweep_jobs(subject, options.algorithm, _grid(options.grid))
    stem = Path(subject.data).stem
    return run_and_report(options, jobs, f"runs/sweep-{options.algorithm}-{stem}")


def _grid(given: Sequence[Sequence[str]]) -> dict[str, list[Any]]:
    """Values by parameter, read as `ffref train` reads its flags."""
    flags = {name.lstrip("-"): flag for flag in FLAGS for name in flag.names}
    grid: dict[str, list[Any]] = {}
    for name, *words in given:
        require(
            name in flags,
            f"--grid {name}: there is no such setting; name a flag of ffref train without its "
            f"dashes, and its values",
        )
        require(len(words) > 0, f"--grid {name}: name the values to try")
        flag = flags[name]
        require(flag.parameter not in grid, f"--grid {name} is given twice")
        grid[flag.parameter] = [_value(flag, name, word) for word in words]
    return grid


def _value(flag: Flag, name: str, word: str) -> Any:  # noqa: ANN401  any setting
    try:
        value = _SWITCH[word] if flag.type is None else flag.type(word)
    except (KeyError, ValueError, ArgumentTypeError) as error:
        kind = "yes or no" if flag.type is None else getattr(flag.type, "__name__", "value")
        raise ValueError(f"--grid {name}: {word!r} is no {kind}") from error
    require(
        flag.choices is None or value in flag.choices,
        f"--grid {name}: {word!r} is none of {', '.join(flag.choices or ())}",
    )
    return value
