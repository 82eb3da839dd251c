"""`ffref data`: what is there of the named data sets, and how the rest is had."""

import json
import sys
from argparse import Namespace
from importlib.util import find_spec
from typing import Any

from ffref.data import canonical, describe, fetch, file_states, find_data_dir, names
from ffref.data.canonical_files import CANONICAL

_WORDS = {
    "verified": "there, verified",
    "differs": "there, but other than the canonical files",
    "missing": "missing",
    "bundled": "comes with ffref",
}
_SCALE = 1e6


def run(options: Namespace) -> int:
    """List the data sets, or fetch one."""
    data_dir = getattr(options, "data_dir", None)
    if options.action == "list":
        return _list(data_dir, as_json=options.json)
    on_terminal = sys.stderr.isatty() and find_spec("tqdm") is not None
    try:
        fetch(
            options.name,
            data_dir,
            mirror=options.mirror,
            source=options.source,
            say=print,
            progress=on_terminal,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("what came is kept; the same command goes on with it") from None
    return 0


def _list(data_dir: str | None, *, as_json: bool) -> int:
    found = [_about(name, data_dir) for name in names()]
    if as_json:
        print(json.dumps({"data_dir": str(find_data_dir(data_dir)), "datasets": found}))
        return 0
    print(f"data folder: {find_data_dir(data_dir)}")
    for about in found:
        size = f" ({about['bytes'] / _SCALE:,.1f} MB)" if about["bytes"] else ""
        print(f"\n{about['name']}: {_WORDS[about['state']]}{size}")
        for file in about["files"]:
            if about["state"] != "verified":
                print(f"  {file['state']:<8}  {file['path']}")
        print(f"  from {about['source']}")
        if about["state"] == "missing":
            print(f"  ffref data fetch {about['name']}")
    return 0


def _about(name: str, data_dir: str | None) -> dict[str, Any]:
    info = describe(name)
    about: dict[str, Any] = {"name": name, "source": info.source, "licence": info.licence}
    if name not in CANONICAL:
        return about | {"state": "bundled", "bytes": 0, "files": [], "downloads": []}
    states = file_states(name, data_dir)
    found = {state.state for state in states}
    return about | {
        "state": next(state for state in ("differs", "missing", "verified") if state in found),
        "bytes": sum(state.file.size for state in states),
        "files": [
            {
                "path": str(state.place),
                "state": state.state,
                "bytes": state.file.size,
                "sha256": state.file.sha256,
            }
            for state in states
        ],
        "downloads": [
            {
                "name": download.name,
                "bytes": download.size,
                "urls": [folder + download.name for folder in canonical(name).folders],
                "sha256": download.sha256,
                "md5": download.md5,
            }
            for download in canonical(name).downloads
        ],
    }
