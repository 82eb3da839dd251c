"""Flags of `ffref oracle`."""

from ffref.cli.parsers.shared import Commands, Parser, add_command, add_json

_ORACLE_EXAMPLES = """examples:
  ffref oracle list --family ff --dialect loewex    the cases of one dialect
  ffref oracle show ff/loewex/ordinary              its rule, arrays and files
  ffref oracle run --adapter mine.checks:Adapter    every case asked of your code
  ffref oracle check RESULTS                        a folder that another program wrote
  ffref oracle compare ff/loewex/ordinary mine.npz  your arrays, named as docs/oracle.md says
  ffref oracle diagnose ff/loewex/ordinary mine.npz known mistakes that would give these
  ffref oracle precision ff/loewex/ordinary         how near ffref's own float64 comes
"""


def add_oracle(commands: Commands) -> None:
    """`ffref oracle`."""
    oracle = add_command(
        commands, "oracle", "check someone's values against 50-digit ones", _ORACLE_EXAMPLES
    )
    actions = oracle.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = add_command(actions, "list", "cases, and the mistake that each catches")
    _add_which(listed)
    show = add_command(actions, "show", "a case's rule, arrays and files")
    show.add_argument("case", help="family/dialect/name")
    run = add_command(actions, "run", "ask an adapter for its values of every case")
    run.add_argument("--adapter", metavar="MODULE:NAME", required=True, help="docs/oracle.md")
    run.add_argument("--random", type=int, metavar="N", help="N random cases a family instead")
    check = add_command(actions, "check", "compare a folder of results with all cases")
    check.add_argument(
        "folder", help="with family/dialect/name.npz, or raw arrays in such folders"
    )
    check.add_argument("--layout", help="out_in, NCHW, or both: out_in,NCHW")
    for action in (run, check):
        _add_run(action)
    compare = add_command(actions, "compare", "compare arrays with a case's golden values")
    compare.add_argument("case", help="family/dialect/name")
    compare.add_argument(
        "file", metavar="FILE", help="your arrays by name: an .npz, or a folder of raw arrays"
    )
    add_json(compare)
    diagnose = add_command(actions, "diagnose", "known mistakes that explain what differs")
    diagnose.add_argument(
        "pairs", nargs="+", metavar="CASE FILE", help="a case and your arrays; several pairs"
    )
    for action in (compare, diagnose):
        action.add_argument("--dtype", help="float64, float32 or bfloat16 (default: the arrays')")
        action.add_argument("--layout", help="out_in, NCHW, or both: out_in,NCHW")
    precision = add_command(actions, "precision", "ulp and condition numbers of ffref itself")
    precision.add_argument("case", nargs="?", help="family/dialect/name (default: all)")
    precision.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    export = add_command(actions, "export", "compute golden values with 50 digits (minutes)")
    export.add_argument("--out", metavar="FOLDER", required=True)
    export.add_argument("--family", help="of this family alone (default: all)")


def _add_which(action: Parser) -> None:
    action.add_argument("--family", help="ff, hff, recurrent, symba, cumulative, faust, ...")
    action.add_argument("--dialect", help="paper, hinton_matlab, loewex, ...")


def _add_run(action: Parser) -> None:
    _add_which(action)
    action.add_argument("--case", help="family/dialect/name, this one alone")
    action.add_argument("--dtype", help="float64, float32 or bfloat16 (default: the arrays')")
    action.add_argument(
        "--expect", metavar="FILE.toml", help="known failures, skips, and the number of checks"
    )
    action.add_argument("--report", metavar="FILE.json", help="write all that was found")
    action.add_argument("--diagnose", action="store_true", help="known mistakes that explain it")
