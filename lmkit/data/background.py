"""One piece of work done in the background before anybody asks for it.

A thread, not a process: what is prepared is shared as it is, and the libraries that do the work let
go of Python's lock. It is a daemon, so a run that ends does not wait for it.
"""

import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT")


class Background(Generic[ResultT]):
    """At most one piece of work at a time, known by a number."""

    def __init__(self) -> None:
        self._work: _Work[ResultT] | None = None

    def begin(self, number: int, make: Callable[[], ResultT]) -> None:
        """Start `make` in the background, unless something is under way already."""
        if self._work is None or not self._work.is_of_this_process():
            self._work = _Work(number, make)

    def take(self, number: int) -> ResultT | None:
        """What was made for `number`, waiting for it if need be; None where nothing was begun.

        What was made for another number is given up.

        Raises:
            Exception: what the work raised.
        """
        work, self._work = self._work, None
        if work is None or work.number != number or not work.is_of_this_process():
            return None
        return work.result()


class _Work(Generic[ResultT]):
    """A thread and what it leaves."""

    def __init__(self, number: int, make: Callable[[], ResultT]) -> None:
        self.number = number
        self._process = os.getpid()
        self._found: list[ResultT] = []
        self._error: BaseException | None = None
        context = copy_context()  # the cache's folder may be one of the moment
        self._thread = threading.Thread(
            target=context.run, args=(self._run, make), daemon=True, name="lmkit-background"
        )
        self._thread.start()

    def _run(self, make: Callable[[], ResultT]) -> None:
        try:
            self._found.append(make())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is taken
            self._error = error

    def is_of_this_process(self) -> bool:
        """Whether the thread is here: a forked process has none of its parent's."""
        return self._process == os.getpid()

    def result(self) -> ResultT:
        """What was made."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found[0]
