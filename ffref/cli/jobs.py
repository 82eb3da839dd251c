"""What `ffref compare` and `ffref sweep` share: run jobs, print and save their table."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ffref._checks import check_count, require
from ffref.data import is_table
from ffref.experiments import (
    DEFAULT_TEST_FRACTION,
    Job,
    Subject,
    check_data_dir,
    dask_executor,
    is_one_part,
    load_train_test,
    markdown,
    run_jobs,
    write_tables,
)
from ffref.experiments.run_folder import environment
from ffref.kernels import available_cores
from ffref.report import write_comparison_figures


def subject_of(options: Namespace) -> Subject:
    """Read what all jobs share from the options of either command."""
    data = getattr(options, "data", "digits")
    require(
        is_one_part(data) or not hasattr(options, "test_fraction"),
        f"--test-fraction does nothing for {data}, which has a split of its own",
    )
    check_data_dir(data, getattr(options, "data_dir", None))
    data_dir = getattr(options, "data_dir", None)
    test_fraction = getattr(options, "test_fraction", DEFAULT_TEST_FRACTION)
    label = getattr(options, "label", None)
    require(
        is_table(data) or label is None,
        f"--label names a column of a table (.csv); it does nothing for {data}",
    )
    # refused here, not in each job
    load_train_test(data, data_dir, test_fraction=test_fraction, label=label)
    budget = (options.epochs, options.seconds)
    return Subject(data, data_dir, test_fraction, options.seeds, *budget, label)


def run_and_report(options: Namespace, jobs: Sequence[Job], default_folder: str) -> int:
    """Run the jobs, print the table, write tables and figures; 1 if a variant has no result."""
    require(
        options.scheduler is None or options.workers is None,
        "--workers does nothing beside --scheduler, which has its own",
    )
    if options.workers is not None:
        check_count(options.workers, "--workers")
    name = options.command
    folder = Path(getattr(options, "out", default_folder)).expanduser()
    threads = getattr(options, "threads", 1)
    workers = options.workers or max(1, available_cores() // threads)
    engine = nullcontext() if options.scheduler is None else dask_executor(options.scheduler)
    teller = _Teller(len(jobs), quiet=options.quiet or options.json)
    try:
        with engine as executor:
            results = run_jobs(
                jobs, folder, executor=executor, workers=workers, threads=threads, tell=teller
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command again goes on from what is saved") from None
    about: dict[str, Any] = {
        "command": f"ffref {' '.join(sys.argv[1:])}",
        "threads_per_job": threads,
        "workers": options.scheduler or workers,
        "environment": environment(),
    }
    rows = write_tables(folder, name, results, about)
    write_comparison_figures(results, folder / "figures")
    if options.json:
        print(json.dumps([row._asdict() for row in rows]))
    else:
        print(markdown(rows), end="")
        teller.say(f"tables, figures and run folders: {folder}")
    return 0 if all(row.accuracy is not None for row in rows) else 1


class _Teller:
    """A line for each job that ends."""

    def __init__(self, jobs: int, *, quiet: bool) -> None:
        self.jobs, self.quiet, self.done = jobs, quiet, 0

    def __call__(self, result: dict[str, Any]) -> None:
        self.done += 1
        of = f"[{self.done}] {result['variant']}, seed {result['seed']}"
        if result["error"] is not None:
            self.say(f"{of}: {result['error']}")
        else:
            self.say(
                f"{of}: {result['accuracy']:.2%} after {result['epochs']} epochs, "
                f"{result['measured']['train_seconds']:.1f} s"
            )

    def say(self, text: str) -> None:
        if not self.quiet:
            print(text, flush=True)
