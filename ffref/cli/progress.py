"""How far a command has come, and how long the rest will take."""

import sys
from importlib import import_module
from time import monotonic
from typing import Any, Self

_ON_A_TERMINAL, _IN_A_LOG = (2.0, 10.0), (30.0, 60.0)
"""Seconds before the first line, and between lines."""
_SHORT = 2.0
"""Seconds; of what is done sooner, nothing is said."""


def in_words(seconds: float) -> str:
    """A duration, as precise as an estimate can be.

    Examples
    --------
    >>> [in_words(seconds) for seconds in (3.4, 100, 3600, 9000)]
    ['3 s', '2 min', '1 h 0 min', '2 h 30 min']
    """
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class Progress:
    """A bar on a terminal (with tqdm), else a line on stderr now and then; with the time left."""

    def __init__(self, what: str, *, quiet: bool) -> None:
        self.what, self.quiet = what, quiet
        self.began = monotonic()
        self.first, self.done, self.total = 0, 0, 0
        self.warm: tuple[float, int] | None = None
        """when the first step, which may have compiled kernels, was done; and its number"""
        on_terminal = sys.stderr.isatty()
        wait, self.pause = _ON_A_TERMINAL if on_terminal else _IN_A_LOG
        self.next_line = self.began + wait
        self.tqdm: Any = _tqdm() if on_terminal and not quiet else None
        self.bar: Any = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.close()

    def update(self, done: int, total: int) -> None:
        """So much of `total` is done."""
        self.done, self.total = done, total
        self.warm = self.warm or (monotonic(), done)
        if self.bar is not None:
            self.bar.update(done - self.bar.n)
        elif self.quiet or monotonic() < self.next_line:
            return
        elif self.tqdm is not None:
            self.bar = self.tqdm(total=total, initial=done, desc=self.what, leave=False)
        else:
            self.next_line = monotonic() + self.pause
            print(
                f"{self.what}: {done / total:.0%} done{self.left()}", file=sys.stderr, flush=True
            )

    def left(self) -> str:
        """Words on the time that is left, if it is worth a word."""
        ahead = self.total - self.done
        if self.warm is None or self.done <= self.first or ahead <= 0:
            return ""
        since, first = self.warm if self.done > self.warm[1] else (self.began, self.first)
        seconds = (monotonic() - since) / (self.done - first) * ahead
        return f", about {in_words(seconds)} left" if seconds > _SHORT else ""

    def line(self, text: str) -> None:
        """Print a line of the result, above the bar if there is one."""
        if self.quiet:
            return
        self.next_line = max(self.next_line, monotonic() + self.pause)
        if self.bar is None:
            print(text, flush=True)
        else:
            self.bar.write(text)


def _tqdm() -> Any:  # noqa: ANN401
    try:
        return import_module("tqdm").tqdm
    except ImportError:
        return None
