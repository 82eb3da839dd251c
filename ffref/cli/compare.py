"""`ffref compare`: algorithms beside each other on the same data, budget and seeds."""

from argparse import Namespace
from pathlib import Path

from ffref.cli.jobs import run_and_report, subject_of
from ffref.experiments import comparison_jobs


def run(options: Namespace) -> int:
    """Run what has not been run yet; print and save the table."""
    subject = subject_of(options)
    jobs = comparison_jobs(subject, options.algorithms)
    return run_and_report(options, jobs, f"runs/compare-{Path(subject.data).stem}")
