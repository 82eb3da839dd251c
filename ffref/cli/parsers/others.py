"""Flags of commands that train nothing: data, bench, oracle."""

from ffref.cli.parsers.shared import Commands, add_command, add_data_dir, add_json

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
  ffref oracle compare ff/loewex/ordinary mine.npz  your arrays, named as docs/oracle.md says
  ffref oracle diagnose ff/loewex/ordinary mine.npz known mistakes that would give these
  ffref oracle precision ff/loewex/ordinary         how near ffref's own float64 comes
"""


def add_data_sets(commands: Commands) -> None:
    """`ffref data`."""
    data = add_command(
        commands, "data", "what is there of the named data sets; fetch them", _DATA_EXAMPLES
    )
    actions = data.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = add_command(actions, "list", "compare with the canonical files what is there")
    add_json(listing)
    fetching = add_command(actions, "fetch", "put canonical files into the data folder")
    fetching.add_argument("name", help="mnist, fashion-mnist, cifar10 or cifar100")
    fetching.add_argument("--mirror", metavar="URL", help="a folder that has the same files")
    fetching.add_argument(
        "--from", dest="source", metavar="DIR", help="a folder on this machine, not the net"
    )
    for action in (listing, fetching):
        add_data_dir(action)


def add_bench(commands: Commands) -> None:
    """`ffref bench`."""
    bench = add_command(
        commands, "bench", "speed on this machine; values are verified first", _BENCH_EXAMPLES
    )
    bench.add_argument("--quick", action="store_true", help="fewer sizes and calls")
    add_json(bench)
    # another name than the other commands' option: NumPy has to be told before it is imported
    bench.add_argument(
        "--threads",
        dest="all_threads",
        metavar="THREADS",
        type=int,
        help="of ffref and of NumPy; default: all cores",
    )


def add_oracle(commands: Commands) -> None:
    """`ffref oracle`."""
    oracle = add_command(
        commands, "oracle", "check someone's values against 50-digit ones", _ORACLE_EXAMPLES
    )
    actions = oracle.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = add_command(actions, "list", "cases, and the mistake that each catches")
    listed.add_argument("--family", help="ff, hff or recurrent")
    listed.add_argument("--dialect", help="paper, hinton_matlab, loewex, ...")
    compare = add_command(actions, "compare", "compare arrays with a case's golden values")
    compare.add_argument("case", help="family/dialect/name")
    compare.add_argument("file", metavar="FILE.npz", help="your arrays, by name of the quantity")
    add_json(compare)
    diagnose = add_command(actions, "diagnose", "known mistakes that explain what differs")
    diagnose.add_argument(
        "pairs", nargs="+", metavar="CASE FILE.npz", help="a case and your arrays; several pairs"
    )
    for action in (compare, diagnose):
        action.add_argument("--dtype", help="float64, float32 or bfloat16 (default: the file's)")
        action.add_argument("--layout", help="out_in, NCHW, or both: out_in,NCHW")
    precision = add_command(actions, "precision", "ulp and condition numbers of ffref itself")
    precision.add_argument("case", nargs="?", help="family/dialect/name (default: all)")
    precision.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    export = add_command(actions, "export", "compute golden values with 50 digits (minutes)")
    export.add_argument("--out", metavar="FOLDER", required=True)
