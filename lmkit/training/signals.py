"""Ctrl-C, SIGTERM and SIGUSR1 during training: finish the step, save, stop.

A second signal, two seconds later or more, stops at once (a terminal and a launcher may both send
the first one, so an echo within two seconds is not a second wish).
"""

import os
import signal
import time
from types import FrameType, TracebackType
from typing import Any

WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
ECHO_SECONDS = 2.0


class StopSignals:
    """While entered, remembers the first signal instead of dying from it."""

    def __init__(self) -> None:
        self.number = 0
        self._at = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        for number in WATCHED:
            self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's form
        now = time.monotonic()
        if not self.number:
            self.number, self._at = number, now
        elif now - self._at >= ECHO_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
