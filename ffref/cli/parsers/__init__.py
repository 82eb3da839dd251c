"""The parsers of all commands. Nothing heavy is imported here: `ffref --help` answers at once."""

from ffref._version import __version__
from ffref.cli.parsers.many import add_compare, add_sweep
from ffref.cli.parsers.oracle import add_oracle
from ffref.cli.parsers.others import add_bench, add_data_sets
from ffref.cli.parsers.runs import add_evaluate, add_predict, add_report
from ffref.cli.parsers.shared import Parser
from ffref.cli.parsers.train import add_train


def build_parser(whole: str | None = None) -> Parser:
    """Make the parser of all commands; the command `whole` with all its flags at once."""
    parser = Parser(
        prog="ffref",
        description="Forward-Forward learning without back-propagation, on a CPU.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ffref {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (
        add_train, add_evaluate, add_predict, add_report, add_compare, add_sweep, add_data_sets,
        add_bench, add_oracle,
    ):  # fmt: skip
        add(commands)
    if whole in commands.choices:
        commands.choices[whole].completed()
    return parser
