"""Flags of commands on runs that are trained: evaluate, predict, report."""

from argparse import SUPPRESS

from ffref.cli.parsers.shared import (
    Commands,
    add_command,
    add_data,
    add_data_dir,
    add_json,
    add_label,
    add_quiet,
    add_threads,
)

_PREDICT_EXAMPLES = """examples:
  ffref predict runs/mine cat.png dog.jpg       pictures, prepared as those of the training
  ffref predict runs/mine new.csv --proba       columns of the training, found by their names
  ffref predict runs/mine new.npz --json        array X
"""

_REPORT_EXAMPLES = """examples:
  ffref report runs/mine                   runs/mine/report/report.html, and figures beside it
  ffref report runs/a runs/b --out both    several runs on one page
  ffref report runs/compare-digits         all runs of a comparison or sweep
"""


def add_evaluate(commands: Commands) -> None:
    """`ffref evaluate`."""
    evaluate = add_command(commands, "evaluate", "accuracy of a trained run, layer by layer")
    evaluate.add_argument("run", help="run folder, or a saved .npz")
    add_data(evaluate, "as for train (default: the run's own)")
    add_label(evaluate)
    evaluate.add_argument(
        "--split",
        choices=("train", "test"),
        default=SUPPRESS,
        help="part of the run's data or of a named data set (test); your own data are taken whole",
    )
    add_json(evaluate)
    add_threads(evaluate)
    add_quiet(evaluate)


def add_predict(commands: Commands) -> None:
    """`ffref predict`."""
    predict = add_command(commands, "predict", "classes of new samples", _PREDICT_EXAMPLES)
    predict.add_argument("run", help="run folder, or a saved .npz")
    predict.add_argument(
        "inputs",
        nargs="*",
        metavar="FILE",
        help="pictures; or one .npz with X, or one .csv, as in training, labels not needed",
    )
    predict.add_argument("--data", metavar="FILE", help="the same as FILE")
    predict.add_argument(
        "--invert",
        action="store_true",
        help="exchange light and dark, where the training had light on dark",
    )
    add_json(predict)
    predict.add_argument("--out", help="write to this CSV file instead of the screen")
    predict.add_argument("--proba", action="store_true", help="add each class's probability")
    add_threads(predict)


def add_report(commands: Commands) -> None:
    """`ffref report`."""
    report = add_command(commands, "report", "figures and one page of runs", _REPORT_EXAMPLES)
    report.add_argument(
        "runs", nargs="+", metavar="RUN", help="run folder, or folder of ffref compare or sweep"
    )
    report.add_argument(
        "--out", default=SUPPRESS, help="folder (RUN/report; where several are named runs/report)"
    )
    add_data_dir(report)
    add_json(report)
    add_threads(report)
    add_quiet(report)
