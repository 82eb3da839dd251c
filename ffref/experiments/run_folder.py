"""A run folder: config.json, env.json, metrics.jsonl, checkpoint.npz, figures/*.png.

Every file is written under a temporary name and renamed, so that none is ever half-written.
"""

import json
import os
import platform
import sys
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ffref._checks import require
from ffref._version import __version__
from ffref.kernels import available_cores, get_threads

CONFIG, ENVIRONMENT, METRICS, CHECKPOINT = (
    "config.json",
    "env.json",
    "metrics.jsonl",
    "checkpoint.npz",
)
_MAX_CONFIG = 10**6
_CONFIG_TYPES = {
    "algorithm": str,
    "data": str,
    "data_dir": str | None,
    "test_fraction": float,
    "parameters": dict,
}


def new_run_folder(out: str | None, name: str) -> Path:
    """Make an empty run folder: `out`, or runs/<name>-<time>.

    Raises
    ------
    ValueError
        If `out` exists and is not empty, or cannot be made.
    """
    path = Path(out) if out is not None else _unused(Path("runs"), name)
    try:
        path.mkdir(parents=True, exist_ok=True)
        empty = not any(path.iterdir())
    except OSError as error:
        raise ValueError(f"cannot make the run folder {path}: {error.strerror}") from error
    require(
        empty, f"the folder {path} is not empty; name another by --out, or go on with --resume"
    )
    return path


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401  anything that JSON knows
    """Write `content` to `path`, whole or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_json_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line to `path`, whole or not at all."""
    write_text(path, "".join(json.dumps(record) + "\n" for record in records))


def read_config(run: Path) -> dict[str, Any]:
    """Read a run's config.json."""
    path = run / CONFIG
    require(path.is_file(), f"{run} is no run folder: it has no {CONFIG}")
    try:
        size = path.stat().st_size
        require(size <= _MAX_CONFIG, f"{size} bytes are too many for settings")
        config = json.loads(path.read_text(encoding="utf-8"))
    # ValueError: no UTF-8, no JSON, numbers of too many digits
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    require(
        isinstance(config, dict)
        and all(isinstance(config.get(name, ...), kind) for name, kind in _CONFIG_TYPES.items())
        and isinstance(config.get("label"), str | None),
        f"{path} is damaged or incomplete: it must have {', '.join(_CONFIG_TYPES)}",
    )
    return dict(config)


def environment() -> dict[str, Any]:
    """Versions, threads and processor that a run's numbers depend on."""
    return {
        "ffref": __version__,
        "python": sys.version.split()[0],
        **{name: _version(name) for name in ("numpy", "numba", "scipy", "matplotlib")},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": available_cores(),
        "threads": get_threads(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _unused(parent: Path, name: str) -> Path:
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    candidates = (f"{name}-{stamp}{suffix}" for suffix in ("", *(f"-{i}" for i in range(2, 100))))
    return next(
        parent / candidate for candidate in candidates if not (parent / candidate).exists()
    )


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all.

    Raises
    ------
    ValueError
        If `path` cannot be written.
    """
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error
