"""Flags of commands that train nothing: data, bench."""

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
