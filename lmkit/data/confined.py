"""Work that a stranger's file describes, done in a child process with bounds on time and memory.

A chat template or a pattern of a tokenizer is a small program: it may never end, or ask for all of
the memory. A fork has the work at hand without loading anything, and it can be killed.
"""

import os
import resource
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

SECONDS = 10.0
"""That one piece of work may take by the clock."""
MEGABYTES = 1024
"""That it may take beyond what the process held already (on Linux)."""
_WATCH = 1.0  # seconds after which a child looks whether its parent is still there


class ConfinedError(Exception):
    """The work failed, or went beyond its bounds; the text says which."""


class Confined:
    """A function that is called in a child process, which lives until this object is gone.

    Safe to be called by several threads; a forked copy of the process starts a child of its own.

    Args:
        work: The function; what it is given and gives back is sent by pipe.
        seconds: That a call may take; left out, `SECONDS`.
    """

    def __init__(self, work: Callable[[Any], Any], seconds: float | None = None) -> None:
        self._work = work
        self._seconds = SECONDS if seconds is None else seconds
        self._lock = threading.Lock()
        self._owner = 0
        self._connection: Connection | None = None
        self._finalizer: Any = None

    def __call__(self, given: Any) -> Any:
        """What the work gives back.

        Raises:
            ConfinedError: the work raised, took too long or too much memory, or crashed.
        """
        with self._lock:
            if self._connection is None or self._owner != os.getpid():
                self._start()
            assert self._connection is not None, "just started"
            try:
                self._connection.send(given)
                if not self._connection.poll(self._seconds):
                    self._end()
                    raise ConfinedError(f"takes more than {self._seconds:.0f} seconds")
                well, value = self._connection.recv()
            except (EOFError, OSError) as error:
                self._end()
                raise ConfinedError("crashes") from error
        if not well:
            raise ConfinedError(value)
        return value

    def close(self) -> None:
        """End the child; a later call starts another."""
        with self._lock:
            self._end()

    def __reduce__(self) -> tuple[Any, ...]:
        return Confined, (self._work, self._seconds)

    def _start(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        ours, theirs = Pipe()
        parent = os.getpid()
        with warnings.catch_warnings():
            # Python 3.12 warns of forks beside threads; the child takes none of their locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            _serve(theirs, self._work, parent)
        theirs.close()
        self._owner, self._connection = parent, ours
        self._finalizer = weakref.finalize(self, _kill, child, parent, ours)

    def _end(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._connection = None


def _kill(child: int, owner: int, connection: Connection) -> None:
    connection.close()
    if os.getpid() == owner:  # else this is a copy of the process that has the child
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _serve(connection: Connection, work: Callable[[Any], Any], parent: int) -> None:
    """Answer until the parent is gone; never returns."""
    try:
        _confine(connection.fileno())
        while True:
            while not connection.poll(_WATCH):
                if os.getppid() != parent:
                    return
            given = connection.recv()
            try:
                answer = True, work(given)
            except MemoryError:
                answer = False, f"needs more than {MEGABYTES} MB of memory"
            except RecursionError:
                answer = False, "is nested too deeply"
            except BaseException as error:  # noqa: BLE001 - told to the parent, whatever it is
                answer = False, " ".join(str(error).split()) or type(error).__name__
            connection.send(answer)
    finally:
        os._exit(0)  # a copy of the parent runs nothing of the parent's end


def _confine(pipe: int) -> None:
    """Bounds, no signals of the terminal, no word on it, and no file of the parent kept open."""
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    os.closerange(3, pipe)  # an open file would keep the parent's locks after its death
    os.closerange(pipe + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    held = Path("/proc/self/statm")
    if held.exists():
        pages = int(held.read_text().split()[0])
        most = pages * resource.getpagesize() + MEGABYTES * (1 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
