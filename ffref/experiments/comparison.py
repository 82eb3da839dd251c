"""Jobs of `ffref compare` and `ffref sweep`: algorithms side by side, and grids of settings."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from ffref._checks import check_count, check_positive, require
from ffref.estimators import ESTIMATORS
from ffref.experiments.datasets import DEFAULT_TEST_FRACTION, is_path
from ffref.experiments.jobs import Job

COMPARED_EPOCHS = 20
"""What every algorithm gets where nothing else is said."""


class Subject(NamedTuple):
    """Data, seeds and budget: what all jobs share."""

    data: str = "digits"
    data_dir: str | None = None
    test_fraction: float = DEFAULT_TEST_FRACTION
    seeds: int = 1
    """seeds 0, 1, ..."""
    epochs: int | None = None
    """None: what the algorithm's preset says"""
    seconds: float | None = None
    """of training, after which the running epoch is the last"""
    label: str | None = None
    """the column of the labels, of a table"""


def compared_algorithms() -> tuple[str, ...]:
    """Every algorithm of the registry that `ffref train` takes."""
    return tuple(name for name, kind in ESTIMATORS.items() if kind.on_command_line)


def comparison_jobs(subject: Subject, algorithms: Iterable[str] = ()) -> list[Job]:
    """One job for each algorithm (all of them by default) and seed.

    Examples
    --------
    >>> jobs = comparison_jobs(Subject(seeds=2), ["ff", "hff"])
    >>> [(job.algorithm, job.seed, job.parameters) for job in jobs[:2]]
    [('ff', 0, {'max_iter': 20}), ('ff', 1, {'max_iter': 20})]
    """
    chosen = tuple(dict.fromkeys(algorithms)) or compared_algorithms()
    if subject.epochs is None:
        subject = subject._replace(epochs=COMPARED_EPOCHS)
    return [job for name in chosen for job in _seeds(subject, name, name, {})]


def sweep_jobs(subject: Subject, algorithm: str, grid: Mapping[str, Sequence[Any]]) -> list[Job]:
    """One job for each combination of the grid's values and each seed.

    Parameters
    ----------
    subject : Subject
    algorithm : str
    grid : mapping
        Values to try by the name of a constructor argument.

    Examples
    --------
    >>> jobs = sweep_jobs(Subject(), "hff", {"temperature": [0.1, 0.2], "margin": [0.0]})
    >>> [job.variant for job in jobs]
    ['temperature=0.1 margin=0.0', 'temperature=0.2 margin=0.0']
    """
    _check_algorithm(algorithm)
    known = ESTIMATORS[algorithm].settings()
    for name, values in grid.items():
        require(
            name in known and name != "random_state",
            f"{algorithm} has no setting {name!r} to sweep; it has "
            f"{', '.join(each for each in known if each != 'random_state')}",
        )
        require(len(values) > 0, f"there is no value of {name} to try")
    jobs: list[Job] = []
    for values in product(*grid.values()):
        parameters = dict(zip(grid, values, strict=True))
        variant = " ".join(f"{name}={_word(value)}" for name, value in parameters.items())
        jobs += _seeds(subject, variant or algorithm, algorithm, parameters)
    return jobs


def _seeds(subject: Subject, variant: str, algorithm: str, given: dict[str, Any]) -> list[Job]:
    _check_algorithm(algorithm)
    check_count(subject.seeds, "seeds")
    if subject.epochs is not None:
        check_count(subject.epochs, "epochs")
        given = {"max_iter": subject.epochs} | given
    if subject.seconds is not None:
        check_positive(subject.seconds, "seconds")
    data, data_dir = subject.data, subject.data_dir
    # absolute, as workers may run in another folder
    data = str(Path(data).resolve()) if is_path(data) else data
    data_dir = None if data_dir is None else str(Path(data_dir).expanduser().resolve())
    share, seconds, label = subject.test_fraction, subject.seconds, subject.label
    return [
        Job(variant, algorithm, seed, data, data_dir, share, given, seconds, label)
        for seed in range(subject.seeds)
    ]


def _check_algorithm(algorithm: str) -> None:
    require(
        algorithm in compared_algorithms(),
        f"there is no algorithm {algorithm!r}: choose of {', '.join(compared_algorithms())}",
    )


def _word(value: Any) -> str:  # noqa: ANN401  any setting
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
