"""`ffref report`: figures of runs, and a page that holds them."""

import json
from argparse import Namespace
from pathlib import Path

from ffref.cli.progress import Progress
from ffref.report import TestedRun, read_run, run_folders, write_report


def run(options: Namespace) -> int:
    """Test the runs, draw, write the page; print where it is, or JSON."""
    folders = run_folders(options.runs)
    default = Path(options.runs[0] if len(options.runs) == 1 else "runs") / "report"
    out = Path(getattr(options, "out", default)).expanduser()
    runs = _read(folders, options)
    quiet = options.quiet or options.json
    with Progress("drawing", quiet=quiet) as progress:
        done: list[str] = []

        def tell(name: str) -> None:
            done.append(name)
            progress.update(len(done), len(runs))

        page = write_report(runs, out, tell)
    if options.json:
        results = [{"run": str(one.folder), **one.result} for one in runs]
        print(json.dumps({"page": str(page), "runs": results}))
        return 0
    if not options.quiet:
        for one in runs:
            print(f"{one.name}: {one.result['accuracy']:.2%} on {one.result['samples']} samples")
    print(f"report: {page}")
    return 0


def _read(folders: list[Path], options: Namespace) -> list[TestedRun]:
    """Read and test all; runs of one name get numbers."""
    found: list[TestedRun] = []
    for folder in folders:
        stem = folder.resolve().name
        same = sum(one.folder.resolve().name == stem for one in found)
        name = f"{stem}-{same + 1}" if same else stem
        with Progress(f"testing {name}", quiet=options.quiet or options.json) as progress:
            data_dir = getattr(options, "data_dir", None)
            found.append(read_run(folder, name, data_dir, progress.update))
    return found
