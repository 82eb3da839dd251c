"""`ffref ...`: the parser, and how errors end.

Heavy imports happen in the command that needs them, so that `ffref --help` answers at once; the
flags of `ffref train`, which are the classifiers' settings, are made when it is called.
Exit codes: 0 done; 1 training diverged, or a benchmark or the oracle met wrong values; 2 bad
input, with one line that says what is wrong; 128 + the signal's number (Ctrl-C: 130) interrupted.
"""

import sys
import warnings
from argparse import (
    SUPPRESS,
    ArgumentParser,
    ArgumentTypeError,
    BooleanOptionalAction,
    Namespace,
    _SubParsersAction,
)
from collections.abc import Callable, Sequence
from importlib import import_module
from math import inf
from typing import Any, NoReturn, TextIO

from ffref._version import __version__

_TRAIN_EXAMPLES = """examples:
  ffref train                                   HFF on the bundled digits, in seconds
  ffref train ff --epochs 30                    Hinton's Forward-Forward on the same
  ffref train hff --data mnist --data-dir DIR   DIR/mnist/train-images-idx3-ubyte.gz ...
  ffref train hinton-matlab --data-dir DIR      a paper's experiment, setting by setting
  ffref train --data mine.npz --out runs/mine   arrays X and y of your own
  ffref train --data mine.csv --label species   a table of your own, one column the label
  ffref train --data PICTURES                   a folder with one folder of pictures a class
  ffref train --data SHARDS                     a folder of .npz files, larger than memory
  ffref train --config runs/mine/train.toml     the settings of another run
  ffref train --resume runs/mine                go on after an interruption
"""


_PREDICT_EXAMPLES = """examples:
  ffref predict runs/mine cat.png dog.jpg       pictures, prepared as those of the training
  ffref predict runs/mine new.csv --proba       columns of the training, found by their names
  ffref predict runs/mine new.npz --json        array X
"""


_DATA_EXAMPLES = """examples:
  ffref data list                               what is there, and where the rest comes from
  ffref data fetch mnist                        from its source, verified by SHA-256
  ffref data fetch mnist --from DOWNLOADS       from a folder on this machine
"""


_BENCH_EXAMPLES = """examples:
  ffref bench                  within a minute: matrix products beside NumPy's, steps, inference
  ffref bench --quick          the same with fewer sizes and calls, in seconds
  ffref bench --threads 1      ffref and NumPy on one thread
  ffref bench --json > f.json  all that was measured, as one JSON object
"""

_ORACLE_EXAMPLES = """examples:
  ffref oracle list --family ff --dialect loewex    the cases of one dialect
  ffref oracle show ff/loewex/ordinary              its rule, arrays and files
  ffref oracle run --adapter mine.checks:Adapter    every case asked of your code
  ffref oracle check RESULTS                        a folder that another program wrote
  ffref oracle compare ff/loewex/ordinary mine.npz  your arrays, named as docs/oracle.md says
  ffref oracle diagnose ff/loewex/ordinary mine.npz known mistakes that would give these
  ffref oracle precision ff/loewex/ordinary         how near ffref's own float64 comes
"""


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


class _Parser(ArgumentParser):
    """A parser whose errors are one line, and which may be completed when it is first used."""

    complete: Callable[[ArgumentParser], None] | None = None

    def parse_known_args(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Parse, as argparse does."""
        self.completed()
        return super().parse_known_args(*arguments, **options)

    def completed(self) -> "_Parser":
        """Add what waits to be added."""
        complete, self.complete = self.complete, None
        if complete is not None:
            complete(self)
        return self

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see {self.prog} --help)")


def build_parser() -> ArgumentParser:
    """Make the parser of all commands."""
    parser = _Parser(
        prog="ffref",
        description="Forward-Forward learning without back-propagation, on a CPU.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ffref {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_train(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    _add_compare(commands)
    _add_sweep(commands)
    _add_data_sets(commands)
    _add_bench(commands)
    _add_oracle(commands)
    return parser


def _add_train(commands: "_SubParsersAction[_Parser]") -> None:
    train = _add_command(commands, "train", "train a network and write a run folder")
    train.epilog = _TRAIN_EXAMPLES
    train.add_argument(
        "--full",
        action="store_true",
        default=SUPPRESS,
        help="a recipe in the size and length of its source",
    )
    _add_data(
        train,
        "digits, mnist, fashion-mnist, cifar10, cifar100, disk-and-ring, moby-dick; FILE.npz, "
        "FILE.csv, or a folder of pictures (one folder a class) or of .npz files",
    )
    _add_test_fraction(train)
    _add_label(train)
    train.add_argument(
        "--config", metavar="FILE.toml", help="settings, named as the flags; flags win over them"
    )
    train.add_argument("--out", default=SUPPRESS, help="run folder (default runs/NAME-TIME)")
    train.add_argument("--resume", metavar="RUN", help="go on with the run in this folder")
    train.add_argument(
        "--checkpoint-minutes",
        type=_minutes,
        default=SUPPRESS,
        help="time between checkpoints within an epoch (10); each epoch ends with one anyway",
    )
    _add_common(train)
    train.complete = _add_flags


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < inf:
        raise ArgumentTypeError(f"takes a number above 0, got {text!r}")
    return minutes


def _add_flags(train: ArgumentParser) -> None:
    flags = import_module("ffref.cli.flags")
    recipes = import_module("ffref.experiments").RECIPES
    # without choices=, which would blame this argument for the value of a mistyped flag
    train.add_argument(
        "algorithm",
        nargs="?",
        metavar=f"{{{','.join(flags.ALGORITHMS)}}}",
        help=f"default hff; or a recipe, with its own data and settings: {', '.join(recipes)}",
    )
    for flag in flags.FLAGS:
        text = flag.help.replace("%", "%%")
        if flag.algorithms != flags.ALGORITHMS:
            text += f" [{', '.join(flag.algorithms)}]"
        if flag.type is None:
            train.add_argument(
                *flag.names,
                dest=flag.parameter,
                action=BooleanOptionalAction,
                default=SUPPRESS,
                help=text,
            )
        else:
            train.add_argument(
                *flag.names,
                dest=flag.parameter,
                type=flag.type,
                choices=flag.choices,
                default=SUPPRESS,
                help=text,
                metavar=None if flag.choices else flag.names[0].lstrip("-").upper(),
            )


def _add_evaluate(commands: "_SubParsersAction[_Parser]") -> None:
    evaluate = _add_command(commands, "evaluate", "accuracy of a trained run, layer by layer")
    evaluate.add_argument("run", help="run folder, or a saved .npz")
    _add_data(evaluate, "as for train (default: the run's own)")
    _add_label(evaluate)
    evaluate.add_argument(
        "--split",
        choices=("train", "test"),
        default=SUPPRESS,
        help="part of the run's data or of a named data set (test); your own data are taken whole",
    )
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")
    _add_common(evaluate)


def _add_predict(commands: "_SubParsersAction[_Parser]") -> None:
    predict = _add_command(commands, "predict", "classes of new samples")
    predict.add_argument("run", help="run folder, or a saved .npz")
    predict.epilog = _PREDICT_EXAMPLES
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
    predict.add_argument("--json", action="store_true", help="print one JSON object")
    predict.add_argument("--out", help="write to this CSV file instead of the screen")
    predict.add_argument("--proba", action="store_true", help="add each class's probability")
    _add_common(predict)


def _add_compare(commands: "_SubParsersAction[_Parser]") -> None:
    compare = _add_command(commands, "compare", "algorithms beside each other, in one table")
    compare.epilog = _COMPARE_EXAMPLES
    compare.add_argument("algorithms", nargs="*", metavar="ALGORITHM", help="default: all")
    _add_jobs(compare, seeds=1, epochs="20")


def _add_sweep(commands: "_SubParsersAction[_Parser]") -> None:
    sweep = _add_command(commands, "sweep", "one algorithm with all combinations of some settings")
    sweep.epilog = _SWEEP_EXAMPLES
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


def _add_jobs(parser: _Parser, *, seeds: int, epochs: str) -> None:
    """Add what compare and sweep share."""
    _add_data(parser, "as in ffref train (digits)")
    _add_test_fraction(parser)
    _add_label(parser)
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
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    _add_common(parser)


def _add_test_fraction(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--test-fraction",
        type=float,
        default=SUPPRESS,
        help="share of your own data held out (0.2)",
    )


def _add_data_sets(commands: "_SubParsersAction[_Parser]") -> None:
    data = _add_command(commands, "data", "what is there of the named data sets; fetch them")
    data.epilog = _DATA_EXAMPLES
    actions = data.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = _add_command(actions, "list", "compare with the canonical files what is there")
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    fetching = _add_command(actions, "fetch", "put canonical files into the data folder")
    fetching.add_argument("name", help="mnist, fashion-mnist, cifar10 or cifar100")
    fetching.add_argument("--mirror", metavar="URL", help="a folder that has the same files")
    fetching.add_argument(
        "--from", dest="source", metavar="DIR", help="a folder on this machine, not the net"
    )
    for action in (listing, fetching):
        _add_data_dir(action)


def _add_bench(commands: "_SubParsersAction[_Parser]") -> None:
    bench = _add_command(commands, "bench", "speed on this machine; values are verified first")
    bench.epilog = _BENCH_EXAMPLES
    bench.add_argument("--quick", action="store_true", help="fewer sizes and calls")
    bench.add_argument("--json", action="store_true", help="print one JSON object")
    # another name than the other commands' option: NumPy has to be told before it is imported
    bench.add_argument(
        "--threads",
        dest="all_threads",
        metavar="THREADS",
        type=int,
        help="of ffref and of NumPy; default: all cores",
    )


def _add_oracle(commands: "_SubParsersAction[_Parser]") -> None:
    oracle = _add_command(commands, "oracle", "check someone's values against 50-digit ones")
    oracle.epilog = _ORACLE_EXAMPLES
    actions = oracle.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = _add_command(actions, "list", "cases, and the mistake that each catches")
    listed.add_argument("--family", help="ff, hff, recurrent, symba, cumulative, faust, ...")
    listed.add_argument("--dialect", help="paper, hinton_matlab, loewex, ...")
    show = _add_command(actions, "show", "a case's rule, arrays and files")
    show.add_argument("case", help="family/dialect/name")
    run = _add_command(actions, "run", "ask an adapter for its values of every case")
    run.add_argument("--adapter", metavar="MODULE:NAME", required=True, help="docs/oracle.md")
    run.add_argument("--random", type=int, metavar="N", help="N random cases a family instead")
    check = _add_command(actions, "check", "compare a folder of results with all cases")
    check.add_argument(
        "folder", help="with family/dialect/name.npz, or raw arrays in such folders"
    )
    check.add_argument("--layout", help="out_in, NCHW, or both: out_in,NCHW")
    for action in (run, check):
        _add_run(action)
    compare = _add_command(actions, "compare", "compare arrays with a case's golden values")
    compare.add_argument("case", help="family/dialect/name")
    compare.add_argument("file", metavar="FILE.npz", help="your arrays, by name of the quantity")
    compare.add_argument("--json", action="store_true", help="print one JSON object")
    diagnose = _add_command(actions, "diagnose", "known mistakes that explain what differs")
    diagnose.add_argument(
        "pairs", nargs="+", metavar="CASE FILE.npz", help="a case and your arrays; several pairs"
    )
    for action in (compare, diagnose):
        action.add_argument("--dtype", help="float64, float32 or bfloat16 (default: the file's)")
        action.add_argument("--layout", help="out_in, NCHW, or both: out_in,NCHW")
    precision = _add_command(actions, "precision", "ulp and condition numbers of ffref itself")
    precision.add_argument("case", nargs="?", help="family/dialect/name (default: all)")
    precision.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    export = _add_command(actions, "export", "compute golden values with 50 digits (minutes)")
    export.add_argument("--out", metavar="FOLDER", required=True)
    export.add_argument("--family", help="of this family alone (default: all)")


def _add_run(action: _Parser) -> None:
    action.add_argument("--family", help="ff, hff or recurrent")
    action.add_argument("--dialect", help="paper, hinton_matlab, loewex, ...")
    action.add_argument("--case", help="family/dialect/name, this one alone")
    action.add_argument("--dtype", help="float64, float32 or bfloat16 (default: the adapter's)")
    action.add_argument(
        "--expect", metavar="FILE.toml", help="known failures, skips, and the number of checks"
    )
    action.add_argument("--report", metavar="FILE.json", help="write all that was found")
    action.add_argument("--diagnose", action="store_true", help="known mistakes that explain it")


def _add_command(commands: "_SubParsersAction[Any]", name: str, summary: str) -> _Parser:
    from argparse import RawDescriptionHelpFormatter  # noqa: PLC0415

    return commands.add_parser(
        name,
        help=summary,
        description=summary,
        allow_abbrev=False,
        formatter_class=RawDescriptionHelpFormatter,
    )


def _add_data(parser: ArgumentParser, help_text: str) -> None:
    parser.add_argument("--data", default=SUPPRESS, help=help_text)
    _add_data_dir(parser)


def _add_label(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--label",
        metavar="COLUMN",
        default=SUPPRESS,
        help="column of FILE.csv that holds the classes (default: the last)",
    )


def _add_data_dir(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        default=SUPPRESS,
        help="folder of named data sets (default $FFREF_DATA, else the user's cache)",
    )


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, default=SUPPRESS, help="default: all cores; results are the same"
    )
    if not parser.prog.endswith("predict"):
        parser.add_argument("--quiet", action="store_true", help="print the result alone")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    try:
        return _run(_parse(sys.argv[1:] if arguments is None else list(arguments)))
    except (ValueError, OSError) as error:
        return _fail(str(error), 2)
    except MemoryError as error:
        return _fail(f"not enough memory: {error}; try a smaller network, batch or data set", 2)
    except ArithmeticError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt as error:
        return _fail(
            f"interrupted; {str(error) or 'what is in the run folder can be resumed'}", 130
        )


def _parse(words: list[str]) -> Namespace:
    """Parse the command line, with the settings of a file before what was typed."""
    options = build_parser().parse_args(words)
    if getattr(options, "config", None) is None:
        return options
    algorithm, settings = import_module("ffref.cli.config").read_words(options.config)
    first = [] if algorithm is None else [algorithm]
    try:
        build_parser().parse_args(["train", *first, *settings])
    except ValueError as error:
        raise ValueError(f"{options.config}: {error}") from error
    first = [] if options.algorithm else first
    command, *typed = words
    return build_parser().parse_args([command, *first, *settings, *typed])


def _run(options: Namespace) -> int:
    module = import_module(f"ffref.cli.{options.command}")
    command: Callable[[Namespace], int] = module.run
    if hasattr(options, "threads"):
        import_module("ffref.kernels").set_threads(options.threads)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return command(options)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"ffref: warning: {message}", file=sys.stderr)


def _fail(message: str, code: int) -> int:
    print(f"ffref: {' '.join(message.split())}", file=sys.stderr)
    return code


def entry_point() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(main())
