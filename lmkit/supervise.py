"""Start the workers of a run on this machine, watch them, and end as the first of them ended.

When one dies the others have a few seconds to end by themselves, then they are ended. What is told
is the cause, not what it did to the others: a worker that lost another one leaves the code LOST. A
signal is passed on to every worker, with all the time they need to save. Nothing here imports
torch.
"""

import fcntl
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from lmkit.worker import FINAL, FOLDER, FORWARDED, LOST, ROUND, STOPPED, Word, words

POLL_SECONDS = 0.05
ALONE_SECONDS = 8.0  # in which workers end by themselves after one has died
TERMINATED_SECONDS = 8.0  # in which they end after SIGTERM, before SIGKILL
PORTS = range(20000, 32768)  # below those that the kernel hands out by itself


@dataclass
class Worker:
    """A process that was started."""

    rank: int
    process: subprocess.Popen[bytes]
    ended_at: float = 0.0
    """Seconds since 1970; 0 while it runs."""
    was_ended: bool = False
    """Whether it was ended here, because another one had died."""

    @property
    def name(self) -> str:
        """As it is told of."""
        return f"process {self.rank} (pid {self.process.pid})"


@dataclass(frozen=True)
class Place:
    """Where the workers of this machine stand among all of them."""

    count: int
    """Workers on this machine."""
    nodes: int = 1
    node_rank: int = 0
    meeting: tuple[str, int] | None = None
    """Host and port of the first machine; None where this is the only one."""


def supervise(command: Sequence[str], place: Place, folder: Path, restarts: int) -> int:
    """Run the workers to their end, again after a death if `restarts` allows it.

    Args:
        command: what each of them runs.
        place: how many, and where.
        folder: private to this launch; the workers leave their codes and texts there.
        restarts: how often all are started again after one died. What the user must mend (2), a
            stop of the guard (3) or a signal is no reason to.

    Returns:
        The code of the first worker that failed (128 + the number of a signal that killed it), or
        0; 128 + the signal's number where one was passed on and nobody left a code.
    """
    received: list[int] = []
    with _receiving(received):
        for round_ in range(restarts + 1):
            workers = _start(command, place, folder, round_)
            _watch(workers, folder, round_, received)
            code, told = verdict(workers, words(folder, round_))
            again = code not in FINAL and not received and round_ < restarts
            if told:
                sys.stderr.write(told.rstrip("\n") + "\n")
            if not again:
                break
            sys.stderr.write(
                f"starting again from the last checkpoint: {round_ + 1} of {restarts}\n"
            )
    if received and code not in STOPPED and all(not word.code for word in words(folder, round_)):
        return 128 + received[0]
    return code


def verdict(workers: Sequence[Worker], left: Sequence[Word]) -> tuple[int, str]:
    """The exit code of a round, and what is to be told.

    Args:
        workers: all of them, ended.
        left: their words, the earliest first.
    """
    spoke = {word.rank: word for word in left}
    failures = [(word.time, word.code, word.text) for word in left if word.code]
    hung = []
    for worker in workers:
        code = worker.process.returncode
        if worker.rank in spoke or code == 0:  # what befell an interpreter at its end is nothing
            continue
        if worker.was_ended:
            hung.append(f"{worker.name} did not answer, and was ended")
        elif code < 0:
            told = f"{worker.name} was killed by {signal.Signals(-code).name}"
            failures.append((worker.ended_at, 128 - code, told))
        else:
            failures.append((worker.ended_at, code, ""))
    causes = [failure for failure in failures if failure[1] != LOST]
    if causes:
        code = min(causes)[1]
        # of several that met the same error, one has its text
        text = next((text for _, other, text in sorted(causes) if other == code and text), "")
        return code, text
    if failures:
        return LOST, "\n".join([*hung, min(failures)[2]])
    return 0, ""


def free_port() -> int:
    """A port of this machine that nobody listens on.

    Raises:
        OSError: none was found.
    """
    for _ in range(100):
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port between 20000 and 32767")


def interface_to(host: str, port: int) -> str | None:
    """The network interface by which a host is reached; None where that cannot be told.

    gloo would take the one that this machine's own name resolves to, which is often the loopback.
    """
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, port))  # no packet is sent
        own = probe.getsockname()[0]
        for _, name in socket.if_nameindex():
            with suppress(OSError):
                asked = struct.pack("256s", name.encode()[:15])
                answer = fcntl.ioctl(probe.fileno(), 0x8915, asked)  # SIOCGIFADDR
                if socket.inet_ntoa(answer[20:24]) == own:
                    return name
    return None


def _start(command: Sequence[str], place: Place, folder: Path, round_: int) -> list[Worker]:
    host, port = place.meeting or ("127.0.0.1", free_port())
    shared = {
        FOLDER: str(folder), ROUND: str(round_), "MASTER_ADDR": host, "MASTER_PORT": str(port),
        "WORLD_SIZE": str(place.count * place.nodes), "LOCAL_WORLD_SIZE": str(place.count),
    }  # fmt: skip
    usual = {
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // place.count)),
        "TORCH_CPP_LOG_LEVEL": "ERROR",  # else each failed try to connect is told
    }
    if place.meeting is not None and (interface := interface_to(host, port)):
        usual["GLOO_SOCKET_IFNAME"] = interface
    workers = []
    for local in range(place.count):
        rank = place.node_rank * place.count + local
        own = {"RANK": str(rank), "LOCAL_RANK": str(local)}
        # a session of its own: Ctrl-C in the terminal reaches it once, through here
        process = subprocess.Popen(
            command, env=usual | os.environ | shared | own, start_new_session=True,
            stdin=None if rank == 0 else subprocess.DEVNULL,
        )  # fmt: skip
        workers.append(Worker(rank, process))
    return workers


def _watch(workers: Sequence[Worker], folder: Path, round_: int, received: Sequence[int]) -> None:
    """Wait until all have ended; pass signals on; after a death end the others."""
    passed_on, died_at = 0, 0.0
    while True:
        running = [worker for worker in workers if not worker.ended_at]
        for number in received[passed_on:]:
            for worker in running:
                worker.process.send_signal(number)
            passed_on += 1
        for worker in running:
            code = worker.process.poll()
            if code is None:
                continue
            worker.ended_at = time.time()
            if not died_at and code and not _spoke_well(worker, folder, round_):
                died_at = time.monotonic()
        running = [worker for worker in running if not worker.ended_at]
        if not running:
            return
        if died_at:
            _end(running, time.monotonic() - died_at)
        time.sleep(POLL_SECONDS)


def _spoke_well(worker: Worker, folder: Path, round_: int) -> bool:
    """Whether it was done, or stopped by a signal as all of them are, which takes them time."""
    return any(
        word.rank == worker.rank and word.code in (0, *STOPPED) for word in words(folder, round_)
    )


def _end(running: Sequence[Worker], seconds: float) -> None:
    """End workers, by the time since another one has died."""
    if seconds < ALONE_SECONDS:
        return
    for worker in running:
        if not worker.was_ended:
            worker.was_ended = True
            worker.process.terminate()
        elif seconds > ALONE_SECONDS + TERMINATED_SECONDS:
            worker.process.kill()


@contextmanager
def _receiving(received: list[int]) -> Iterator[None]:
    """Note the signals of a stop instead of dying from them."""

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
        received.append(number)

    before: Mapping[int, object] = {number: signal.signal(number, note) for number in FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal gave
