"""What the parsers of several commands share."""

from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter, _SubParsersAction
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NoReturn, TypeAlias


class Parser(ArgumentParser):
    """A parser whose errors are one line, and which may be completed when it is first used."""

    complete: Callable[[ArgumentParser], None] | None = None

    def parse_known_args(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Parse, as argparse does; here, and not at the end, what is unknown is refused."""
        self.completed()
        found, unknown = super().parse_known_args(*arguments, **options)
        if unknown:
            names = [name for name in self._option_string_actions if name.startswith("--")]
            near = get_close_matches(unknown[0], names, 1)
            self.error(
                f"unrecognized arguments: {' '.join(unknown)}"
                f"{f'; did you mean {near[0]}?' if near else ''}"
            )
        return found, unknown

    def completed(self) -> "Parser":
        """Add what waits to be added."""
        complete, self.complete = self.complete, None
        if complete is not None:
            complete(self)
        return self

    def error(self, message: str) -> NoReturn:
        """Raise what `ffref.cli.main.main` prints as one line."""
        raise ValueError(f"{message} (see {self.prog} --help)")


Commands: TypeAlias = "_SubParsersAction[Parser]"
"""Where a command is added: of `ffref`, or the actions of one command."""


def add_command(commands: Commands, name: str, summary: str, epilog: str = "") -> Parser:
    """Add a command that says `summary` of itself."""
    return commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=RawDescriptionHelpFormatter,
    )


def add_data(parser: ArgumentParser, help_text: str) -> None:
    """`--data` and `--data-dir`."""
    parser.add_argument("--data", default=SUPPRESS, help=help_text)
    add_data_dir(parser)


def add_data_dir(parser: ArgumentParser) -> None:
    """`--data-dir`."""
    parser.add_argument(
        "--data-dir",
        default=SUPPRESS,
        help="folder of named data sets (default $FFREF_DATA, else the user's cache)",
    )


def add_label(parser: ArgumentParser) -> None:
    """`--label`."""
    parser.add_argument(
        "--label",
        metavar="COLUMN",
        default=SUPPRESS,
        help="column of FILE.csv that holds the classes (default: the last)",
    )


def add_test_fraction(parser: ArgumentParser) -> None:
    """`--test-fraction`."""
    parser.add_argument(
        "--test-fraction",
        type=float,
        default=SUPPRESS,
        help="share of your own data held out (0.2)",
    )


def add_json(parser: ArgumentParser, kind: str = "object") -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help=f"print one JSON {kind}")


def add_threads(parser: ArgumentParser) -> None:
    """`--threads`."""
    parser.add_argument(
        "--threads", type=int, default=SUPPRESS, help="default: all cores; results are the same"
    )


def add_quiet(parser: ArgumentParser) -> None:
    """`--quiet`."""
    parser.add_argument("--quiet", action="store_true", help="print the result alone")
