"""Runs: data by name, presets, run folders, training to a tested checkpoint."""

from ffref.experiments.datasets import TrainTest, load_train_test
from ffref.experiments.training import Run, evaluate, new_run, old_run, test, train

__all__ = [
    "Run",
    "TrainTest",
    "evaluate",
    "load_train_test",
    "new_run",
    "old_run",
    "test",
    "train",
]
