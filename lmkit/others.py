"""The other processes of this run: whether they live, and waiting for them without a time limit.

A collective of torch ends the run if one process comes later than `train.ddp_timeout`, so work that
one process does alone (preparing, scoring its share, writing a checkpoint) must not be awaited in
one. Each process beats: a thread of it counts up a number in the store by which they have met. Who
waits in `meet` looks at the numbers of those who are not there yet, and gives up only on one that
has not counted for that long (it is stopped, gone, or cannot be reached).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from torch._C._distributed_c10d import Store
from torch.distributed import DistError

from lmkit.errors import LostProcessError

BEATS = 8  # within the timeout
LONGEST_BEAT = 5.0  # seconds
LONGEST_LOOK = 0.2  # seconds between two looks at who has come

_joined: "list[Others]" = []


class Others:
    """The store through which the processes of a run know of one another."""

    def __init__(self, store: Store, rank: int, world_size: int, timeout: float) -> None:
        """Begin to beat, and meet the others.

        Args:
            store: that all of them share.
            rank: this process.
            world_size: how many there are.
            timeout: seconds without a sign of life after which one is given up.
        """
        self.rank, self.world_size, self.timeout = rank, world_size, timeout
        self._store = store
        self._meetings = 0
        self._asked: SimpleQueue[tuple[Callable[[], Any], SimpleQueue[Any]]] = SimpleQueue()
        self._ended = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)
        self._beating.start()
        threading.Thread(target=self._answer, daemon=True).start()
        self.meet()

    def meet(self) -> None:
        """Wait until all processes are here, as long as those who are not give signs of life.

        Raises:
            LostProcessError: one of them gave none for too long.
        """
        self._meetings += 1
        key = f"meeting-{self._meetings}"
        self._ask(lambda: self._store.set(f"{key}/{self.rank}", "here"))
        heard = dict.fromkeys(range(self.world_size), (b"", time.monotonic()))
        look = 0.001
        while missing := self._ask(lambda: self._absent(key)):
            beats = self._ask(partial(self._beats, missing))
            now = time.monotonic()
            for rank, beat in beats.items():
                if beat != heard[rank][0]:
                    heard[rank] = (beat, now)
                elif now - heard[rank][1] > self.timeout:
                    raise LostProcessError(lost(f"process {rank} gives no sign of life", self))
            time.sleep(look)
            look = min(2 * look, LONGEST_LOOK)

    def close(self) -> None:
        """Stop beating; a thread in the middle of a call could abort the interpreter's end."""
        self._ended.set()
        self._beating.join(self.timeout)

    def _absent(self, key: str) -> list[int]:
        ranks = range(self.world_size)
        return [rank for rank in ranks if not self._store.check([f"{key}/{rank}"])]

    def _beats(self, ranks: list[int]) -> dict[int, bytes]:
        keys = {rank: f"beat-{rank}" for rank in ranks}
        return {
            rank: self._store.get(key) if self._store.check([key]) else b""
            for rank, key in keys.items()
        }

    def _ask(self, do: Callable[[], Any]) -> Any:
        """Ask the store in a thread of its own: where its process is stopped, a call never ends."""
        answer: SimpleQueue[Any] = SimpleQueue()
        self._asked.put((do, answer))
        try:
            found, error = answer.get(timeout=self.timeout)
        except Empty:
            raise LostProcessError(lost("process 0 does not answer", self)) from None
        if error is not None:
            raise LostProcessError(lost("process 0 has gone", self)) from error
        return found

    def _answer(self) -> None:
        while True:
            do, answer = self._asked.get()
            try:
                answer.put((do(), None))
            except RuntimeError as error:  # of torch.distributed; told by `_ask`
                answer.put((None, error))

    def _beat(self) -> None:
        store, count = self._store.clone(), 0  # type: ignore[attr-defined] # not in their stubs
        while not self._ended.wait(min(LONGEST_BEAT, self.timeout / BEATS)):
            count += 1
            try:
                store.set(f"beat-{self.rank}", str(count))
            except RuntimeError:  # the first process has gone; whoever needs it is told
                return


def joined(others: Others) -> None:
    """From now on `meet` waits for these."""
    _joined[:] = [others]


def part() -> None:
    """Be alone again."""
    while _joined:
        _joined.pop().close()


def meet() -> None:
    """Wait for the other processes of this run, before a collective; alone there is none.

    Raises:
        LostProcessError: one of them gave no sign of life for `train.ddp_timeout` seconds.
    """
    for others in _joined:
        others.meet()


def lost(what: str, others: Others) -> str:
    """The text of a loss."""
    return (
        f"{what} (train.ddp_timeout: {others.timeout:g} s); this process ends, and --resume goes "
        "on from the last whole checkpoint"
    )


@contextmanager
def losses_told() -> Iterator[None]:
    """What torch raises where another process died or hangs becomes an error that says so.

    Raises:
        LostProcessError: instead of an error of torch.distributed.
    """
    try:
        yield
    except RuntimeError as error:
        if not _joined or not (isinstance(error, DistError) or "gloo" in str(error)):
            raise
        first = str(error).strip().splitlines()[0]
        told = lost(f"another process died or does not answer: {first}", _joined[0])
        raise LostProcessError(told) from error
