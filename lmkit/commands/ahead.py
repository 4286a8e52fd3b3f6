"""Make what comes next in a thread while the caller works with what is there.

Tokenizing a window and waiting for a pipe leave the processor (and Python's lock) to the model.
"""

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")

POLL = 0.1  # seconds between two looks at whether anybody still waits


class Ahead(Generic[ItemT]):
    """The items of an iterator, one of them made ahead; an error comes in its place among them.

    A context manager: at its end the thread stops, as soon as it no longer waits for input.
    """

    def __init__(self, items: Iterator[ItemT]) -> None:
        self._items = items
        self._made: Queue[ItemT | BaseException | None] = Queue(maxsize=1)
        self._stopped = Event()
        self._thread = Thread(target=self._work, name="ahead", daemon=True)

    def __enter__(self) -> Iterator[ItemT]:
        self._thread.start()
        return self._taken()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=5 * POLL)  # one that waits for a pipe is left to the exit

    def _taken(self) -> Iterator[ItemT]:
        while True:
            made = self._made.get()
            if made is None:
                return
            if isinstance(made, BaseException):
                raise made
            yield made

    def _work(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where items are taken
            self._put(error)
        else:
            self._put(None)
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:  # here, for a generator may hold what belongs to this thread
                close()

    def _put(self, made: ItemT | BaseException | None) -> bool:
        """Hand one over; False where nobody takes it any more."""
        while not self._stopped.is_set():
            try:
                self._made.put(made, timeout=POLL)
            except Full:
                continue
            return True
        return False
