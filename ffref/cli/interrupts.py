"""Ctrl-C and the system's request to end, answered when a step is done."""

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupts:
    """While this is entered, the first signal is noted; the second one acts as ever.

    In another thread than the main one, where Python hands out no signals, nothing is changed.
    """

    def __init__(self) -> None:
        self.signal = 0
        """its number; 0: there was none"""
        self._before: dict[int, Any] = {}

    def asked(self) -> bool:
        """Whether a signal has come."""
        return self.signal != 0

    def __enter__(self) -> Self:
        """Listen."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._give_back()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._give_back()

    def _give_back(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
