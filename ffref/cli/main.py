"""`ffref ...`: the parser, and how errors end.

Heavy imports happen in the command that needs them, so that `ffref --help` answers at once; the
flags of `ffref train`, which are the classifiers' settings, are made when it is called.
Exit codes: 0 done; 1 training diverged, or a benchmark or the oracle met wrong values; 2 bad
input, with one line that says what is wrong; 130 interrupted.
"""

import sys
import warnings
from argparse import SUPPRESS, ArgumentParser, BooleanOptionalAction, Namespace, _SubParsersAction
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn, TextIO

from ffref._version import __version__

_TRAIN_EXAMPLES = """examples:
  ffref train                                   HFF on the bundled digits, in seconds
  ffref train ff --epochs 30                    Hinton's Forward-Forward on the same
  ffref train hff --data mnist --data-dir DIR   DIR/mnist/train-images-idx3-ubyte.gz ...
  ffref train hinton-matlab --data-dir DIR      a paper's experiment, setting by setting
  ffref train --data mine.npz --out runs/mine   arrays X and y of your own
  ffref train --data SHARDS                     a folder of such files, larger than memory
  ffref train --resume runs/mine                go on after an interruption
"""


_BENCH_EXAMPLES = """examples:
  ffref bench                  within a minute: matrix products beside NumPy's, steps, inference
  ffref bench --quick          the same with fewer sizes and calls, in seconds
  ffref bench --threads 1      ffref and NumPy on one thread
  ffref bench --json > f.json  all that was measured, as one JSON object
"""

_ORACLE_EXAMPLES = """examples:
  ffref oracle list --family ff --dialect loewex    the cases of one dialect
  ffref oracle compare ff/loewex/ordinary mine.npz  your arrays, named as docs/oracle.md says
  ffref oracle diagnose ff/loewex/ordinary mine.npz known mistakes that would give these
  ffref oracle precision ff/loewex/ordinary         how near ffref's own float64 comes
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
        "digits, mnist, fashion-mnist, cifar10, cifar100, disk-and-ring, moby-dick, FILE.npz or "
        "a folder of such files",
    )
    train.add_argument(
        "--test-fraction",
        type=float,
        default=SUPPRESS,
        help="share of FILE.npz or folder held out (0.2)",
    )
    train.add_argument("--out", default=SUPPRESS, help="run folder (default runs/NAME-TIME)")
    train.add_argument("--resume", metavar="RUN", help="go on with the run in this folder")
    _add_common(train)
    train.complete = _add_flags


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
    _add_data(evaluate, "data set name, FILE.npz or folder of such files (default: the run's own)")
    evaluate.add_argument(
        "--split",
        choices=("train", "test"),
        default=SUPPRESS,
        help="part of the run's data or of a named data set (test); FILE.npz is taken whole",
    )
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")
    _add_common(evaluate)


def _add_predict(commands: "_SubParsersAction[_Parser]") -> None:
    predict = _add_command(commands, "predict", "classes of new samples")
    predict.add_argument("run", help="run folder, or a saved .npz")
    predict.add_argument(
        "--data", required=True, metavar="FILE.npz", help="array X, as in training; y is not read"
    )
    predict.add_argument("--out", help="write to this CSV file instead of the screen")
    predict.add_argument("--proba", action="store_true", help="add each class's probability")
    _add_common(predict)


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
    listed.add_argument("--family", help="ff, hff or recurrent")
    listed.add_argument("--dialect", help="paper, hinton_matlab, loewex, ...")
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
        options = build_parser().parse_args(arguments)
        return _run(options)
    except (ValueError, OSError) as error:
        return _fail(str(error), 2)
    except MemoryError as error:
        return _fail(f"not enough memory: {error}; try a smaller network, batch or data set", 2)
    except ArithmeticError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted; what is in the run folder can be resumed", 130)


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
