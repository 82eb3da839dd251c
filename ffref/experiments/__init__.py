"""Runs: data by name, presets, run folders, training to a tested checkpoint."""

from ffref.experiments.datasets import (
    DEFAULT_TEST_FRACTION,
    TrainTest,
    is_file,
    load_train_test,
    needs_data_dir,
)
from ffref.experiments.training import Run, evaluate, new_run, old_run, test, train

__all__ = [
    "DEFAULT_TEST_FRACTION",
    "Run",
    "TrainTest",
    "evaluate",
    "is_file",
    "load_train_test",
    "needs_data_dir",
    "new_run",
    "old_run",
    "test",
    "train",
]
