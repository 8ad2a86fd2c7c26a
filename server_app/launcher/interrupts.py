"""Ctrl-C and its relatives, counted instead of raised."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818
    """Somebody stopped the command; raised only where `Interrupts.check` is called."""


class Interrupts:
    """Counts SIGINT, SIGTERM and, unless ``nohup`` had it ignored, SIGHUP while it is entered.

    A handler that raises would do so anywhere, also in the middle of the clean-up that a first
    Ctrl-C began; a counter lets the waiting loops decide.
    """

    def __init__(self) -> None:
        self.count = 0
        self.unread = False
        self._saved: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue
            self._saved[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._saved.items():
            # once interrupted the command is on its way out, and one more Ctrl-C must not cut that short
            signal.signal(number, signal.SIG_IGN if self.count else handler)

    def check(self) -> None:
        """Raise `Interrupted` if there was any signal so far."""
        if self.count:
            raise Interrupted

    def stop_unread(self) -> None:
        """Count as one that nobody reads the output any more."""
        self.unread = True
        self.count += 1

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.count += 1
