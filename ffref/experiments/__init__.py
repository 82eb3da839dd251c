"""Runs: data by name, presets, run folders, training to a tested checkpoint; many of them."""

from ffref.experiments.comparison import (
    COMPARED_EPOCHS,
    Subject,
    compared_algorithms,
    comparison_jobs,
    sweep_jobs,
)
from ffref.experiments.datasets import (
    DEFAULT_TEST_FRACTION,
    TrainTest,
    check_data_dir,
    is_one_part,
    is_path,
    load_train_test,
)
from ffref.experiments.executors import FreshProcesses, dask_executor, run_jobs
from ffref.experiments.jobs import Job, run_job
from ffref.experiments.recipes import RECIPES
from ffref.experiments.tables import Row, markdown, summarize, write_tables
from ffref.experiments.training import (
    CHECKPOINT_MINUTES,
    Predicted,
    Run,
    StoppedError,
    check_knows_labels,
    evaluate,
    evaluation,
    load_run_data,
    new_run,
    old_run,
    own_readout,
    predict_all,
    test,
    train,
)

__all__ = [
    "CHECKPOINT_MINUTES",
    "COMPARED_EPOCHS",
    "DEFAULT_TEST_FRACTION",
    "RECIPES",
    "FreshProcesses",
    "Job",
    "Predicted",
    "Row",
    "Run",
    "StoppedError",
    "Subject",
    "TrainTest",
    "check_data_dir",
    "check_knows_labels",
    "compared_algorithms",
    "comparison_jobs",
    "dask_executor",
    "evaluate",
    "evaluation",
    "is_one_part",
    "is_path",
    "load_run_data",
    "load_train_test",
    "markdown",
    "new_run",
    "old_run",
    "own_readout",
    "predict_all",
    "run_job",
    "run_jobs",
    "summarize",
    "sweep_jobs",
    "test",
    "train",
    "write_tables",
]
