"""Flags of commands that train many networks: compare, sweep."""

from argparse import SUPPRESS

from ffref.cli.parsers.shared import (
    Commands,
    Parser,
    add_command,
    add_data,
    add_json,
    add_label,
    add_quiet,
    add_test_fraction,
    add_threads,
)

_COMPARE_EXAMPLES = """examples:
  ffref compare                                every algorithm on the bundled digits, 20 epochs
  ffref compare hff ff backprop --seeds 3      three algorithms, mean and spread over three seeds
  ffref compare --data mnist --epochs 10 --seconds 300 --workers 1 --threads 2
Seconds are those of the job's own training; as many jobs run at a time as there are workers, each
on --threads threads (1). The same command again goes on where it stopped.
"""

_SWEEP_EXAMPLES = """examples:
  ffref sweep hff --grid temperature 0.05 0.1 0.2 --grid hidden 64,64 256,256 --seeds 5
  ffref sweep ff --grid standardize yes no --data mine.npz
  ffref sweep hff --grid margin 0 0.1 --scheduler tcp://HOST:8786    workers of dask.distributed,
                                               which must see the folder --out by the same path
The same command again goes on where it stopped.
"""


def add_compare(commands: Commands) -> None:
    """`ffref compare`."""
    compare = add_command(
        commands, "compare", "algorithms beside each other, in one table", _COMPARE_EXAMPLES
    )
    compare.add_argument("algorithms", nargs="*", metavar="ALGORITHM", help="default: all")
    _add_jobs(compare, seeds=1, epochs="20")


def add_sweep(commands: Commands) -> None:
    """`ffref sweep`."""
    sweep = add_command(
        commands, "sweep", "one algorithm with all combinations of some settings", _SWEEP_EXAMPLES
    )
    sweep.add_argument("algorithm", metavar="ALGORITHM")
    sweep.add_argument(
        "--grid",
        action="append",
        nargs="+",
        default=[],
        metavar=("SETTING", "VALUE"),
        help="a flag of ffref train without its dashes, and the values to try",
    )
    _add_jobs(sweep, seeds=3, epochs="as ffref train")


def _add_jobs(parser: Parser, *, seeds: int, epochs: str) -> None:
    """Add what compare and sweep share."""
    add_data(parser, "as in ffref train (digits)")
    add_test_fraction(parser)
    add_label(parser)
    parser.add_argument("--seeds", type=int, default=seeds, help=f"seeds 0, 1, ... ({seeds})")
    parser.add_argument("--epochs", type=int, help=f"passes over the data ({epochs})")
    parser.add_argument(
        "--seconds", type=float, help="of training, after which the running epoch is the last"
    )
    parser.add_argument("--workers", type=int, help="processes at a time (cores / threads)")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="run on dask.distributed, as tcp://HOST:PORT"
    )
    parser.add_argument("--out", default=SUPPRESS, help=f"folder (runs/{parser.prog[6:]}-DATA)")
    add_json(parser, "array")
    add_threads(parser)
    add_quiet(parser)
