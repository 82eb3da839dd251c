"""Settings of `ffref train` in a TOML file: the names of the flags, without their dashes.

Reading turns a file into the words that one would type, so that flags and files are checked by the
same parser; flags that are typed as well win.
"""

import json
import re
import shlex
import tomllib
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ffref.cli.flags import FLAGS, layer_words

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_MAX_BYTES = 10**6
_MAX_DOTS = 100
"""In a line: a key a.a.a... takes memory and time that grow with its square."""
_NOT_IN_FILES = ("config", "resume", "help", "out")
_OTHERS = ("data", "data_dir", "test_fraction", "label", "full")
"""Settings that are written besides those of the classifier."""


def read_words(path: str) -> tuple[str | None, list[str]]:
    """Read a file as the algorithm that it names, and the flags.

    Raises
    ------
    ValueError
        If the file is missing, no TOML, or holds what is no setting.
    """
    try:
        settings = tomllib.loads(_text(Path(path)))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: no valid TOML: {error}") from error
    algorithm = settings.pop("algorithm", None)
    if not isinstance(algorithm, str | None):
        raise ValueError(f"{path}: algorithm must be text, got {algorithm!r}")
    return algorithm, [_word(path, name, value) for name, value in settings.items()]


def _text(path: Path) -> str:
    """Read a file that is small, and of which tomllib makes little."""
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"more than {_MAX_BYTES} bytes")
    text = path.read_text(encoding="utf-8")
    if any(line.count(".") > _MAX_DOTS for line in text.splitlines()):
        raise ValueError(f"more than {_MAX_DOTS} dots in a line")
    return text


def _word(path: str, name: str, value: object) -> str:
    flag = name.replace("_", "-")
    if not _NAME.fullmatch(name) or flag in _NOT_IN_FILES:
        raise ValueError(f"{path}: {name!r} is no setting of a file; see ffref train --help")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str | int | float) for part in parts):
        raise ValueError(
            f"{path}: {name} must be a number, text, true, false, or a list of numbers or texts, "
            f"got {str(value)[:80]}"
        )
    return f"--{flag}={','.join(map(str, parts))}"


def to_toml(algorithm: str, options: Namespace, data: str) -> str:
    """Write the settings that were given, for `ffref train --config` to read."""
    settings: dict[str, Any] = {"algorithm": algorithm}
    settings |= {name: getattr(options, name) for name in _OTHERS if hasattr(options, name)}
    settings["data"] = data
    for flag in FLAGS:
        if hasattr(options, flag.parameter):
            settings[flag.names[0].lstrip("-")] = _plain(getattr(options, flag.parameter))
    lines = [f"{name.replace('_', '-')} = {_value(value)}" for name, value in settings.items()]
    return "\n".join(["# the same again: ffref train --config THIS_FILE", *lines]) + "\n"


def as_comment(words: Sequence[str]) -> str:
    """Return the command that was typed, as a line that says so in such a file."""
    typed = re.sub(r"[\x00-\x1f\x7f]", " ", shlex.join(["ffref", *words]))
    return f"# {typed}\n"


def _plain(value: Any) -> Any:  # noqa: ANN401  what a flag can be
    """Turn layers back into the words they were made of."""
    if not isinstance(value, tuple):
        return value
    return [layer_words(part) if isinstance(part, tuple) else part for part in value]


def _value(value: bool | float | str | Sequence[Any]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):  # JSON's escapes are TOML's, but for one character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)
