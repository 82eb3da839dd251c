"""`ffref ...`: which command is run, and how errors end.

Heavy imports happen in the command that needs them, so that `ffref --help` answers at once; the
flags of `ffref train`, which are the classifiers' settings, are made when it is called.
Exit codes: 0 done; 1 training diverged, or a benchmark or the oracle met wrong values; 2 bad
input, with one line that says what is wrong; 128 + the signal's number (Ctrl-C: 130) interrupted.
"""

import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TextIO

from ffref.cli.parsers import build_parser

_PIPE_CLOSED = 141
"""128 + SIGPIPE: what a shell sees of a program whose reader has gone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = _parse(words)
        options.words = words
        return _run(options)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(_in_words(error), 2)
    except ValueError as error:
        return _fail(str(error), 2)
    except MemoryError as error:
        return _fail(f"not enough memory: {error}; try a smaller network, batch or data set", 2)
    except ArithmeticError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt as error:
        return _fail(f"interrupted{'; ' if str(error) else ''}{error}", 130)


def _parse(words: list[str]) -> Namespace:
    """Parse the command line, with the settings of a file before what was typed."""
    options = build_parser().parse_args(words)
    if getattr(options, "config", None) is not None:
        return _with_config(options, words)
    return options


def _with_config(options: Namespace, words: list[str]) -> Namespace:
    algorithm, settings = import_module("ffref.cli.config").read_words(options.config)
    first = [] if algorithm is None else [algorithm]
    try:
        build_parser().parse_args(["train", *first, *settings])
    except ValueError as error:
        raise ValueError(f"{options.config}: {error}") from error
    first = [] if options.algorithm else first
    command, *typed = words
    return build_parser().parse_args([command, *first, *settings, *typed])


def _run(options: Namespace) -> int:
    module = import_module(f"ffref.cli.{options.command}")
    command: Callable[[Namespace], int] = module.run
    if hasattr(options, "threads"):
        import_module("ffref.kernels").set_threads(options.threads)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return command(options)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"ffref: warning: {message}", file=sys.stderr)


def _in_words(error: OSError) -> str:
    """What the system said, without its number."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename or 'the output cannot be written'}: {error.strerror}"


def _fail(message: str, code: int) -> int:
    print(f"ffref: {' '.join(message.split())}", file=sys.stderr)
    return code


def entry_point() -> None:
    """Run the command line and leave with its exit code."""
    if "_ARGCOMPLETE" in os.environ:
        _complete_words()
    try:
        try:
            code = main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # as in `ffref ... | head`
        # what is left in the buffer must not be written when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _PIPE_CLOSED
    sys.exit(code)


def _complete_words() -> None:
    """Answer the shell that asks how a word goes on, and leave."""
    try:
        argcomplete = import_module("argcomplete")
    except ImportError:
        sys.exit(1)
    command = [*os.environ.get("COMP_LINE", "").split(), "", ""][1]
    argcomplete.autocomplete(build_parser(whole=command), always_complete_options="long")
