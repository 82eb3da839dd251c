"""Runs: data by name, presets, run folders, training to a tested checkpoint."""

from ffref.experiments.datasets import (
    DEFAULT_TEST_FRACTION,
    TrainTest,
    check_data_dir,
    is_one_part,
    is_path,
    load_train_test,
)
from ffref.experiments.recipes import RECIPES
from ffref.experiments.training import (
    CHECKPOINT_MINUTES,
    Run,
    StoppedError,
    evaluate,
    load_run_data,
    new_run,
    old_run,
    test,
    train,
)

__all__ = [
    "CHECKPOINT_MINUTES",
    "DEFAULT_TEST_FRACTION",
    "RECIPES",
    "Run",
    "StoppedError",
    "TrainTest",
    "check_data_dir",
    "evaluate",
    "is_one_part",
    "is_path",
    "load_run_data",
    "load_train_test",
    "new_run",
    "old_run",
    "test",
    "train",
]
