"""Flags of `ffref train`."""

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from importlib import import_module
from math import inf

from ffref.cli.parsers.shared import (
    Commands,
    add_command,
    add_data,
    add_label,
    add_quiet,
    add_test_fraction,
    add_threads,
)

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


def add_train(commands: Commands) -> None:
    """`ffref train`; flags of classifiers are added when it is used."""
    train = add_command(
        commands, "train", "train a network and write a run folder", _TRAIN_EXAMPLES
    )
    train.add_argument(
        "--full",
        action="store_true",
        default=SUPPRESS,
        help="a recipe in the size and length of its source",
    )
    add_data(
        train,
        "digits, mnist, fashion-mnist, cifar10, cifar100, disk-and-ring, moby-dick; FILE.npz, "
        "FILE.csv, or a folder of pictures (one folder a class) or of .npz files",
    )
    add_test_fraction(train)
    add_label(train)
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
    add_threads(train)
    add_quiet(train)
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
    algorithm = train.add_argument(
        "algorithm",
        nargs="?",
        metavar=f"{{{','.join(flags.ALGORITHMS)}}}",
        help=f"default hff; or a recipe, with its own data and settings: {', '.join(recipes)}",
    )
    names = (*flags.ALGORITHMS, *recipes)
    algorithm.completer = lambda **_: names  # type: ignore[attr-defined]  # argcomplete asks it
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
