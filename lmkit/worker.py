"""A process that may be one of several: which one it is, and what it owes to its launcher.

`lmkit.launch` starts the workers and waits; this is their side. It is imported by every command
line, so it imports next to nothing.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

FOLDER = "LMKIT_LAUNCH_DIR"
"""The variable that names the private folder of a launch; only workers of ours have it."""
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
STOPPED = tuple(128 + number for number in FORWARDED)


def is_worker() -> bool:
    """Whether a launcher (ours, torchrun, accelerate) started this process as one of several."""
    return "LOCAL_RANK" in os.environ or ("RANK" in os.environ and "WORLD_SIZE" in os.environ)


def is_first() -> bool:
    """Whether this process may write results: it is alone or has rank 0."""
    return os.environ.get("RANK", "0") == "0"


def is_restart() -> bool:
    """Whether the agent started this worker again after a failure: it resumes, come what may."""
    return _round() > 0


def _round() -> int:
    """How often the agent has started the workers again."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


class Word(NamedTuple):
    """What a worker left at its end. Words order themselves by round, then by time."""

    round: int
    """The restarts before it."""
    time: float
    """When it ended, in seconds since 1970."""
    code: int
    """Its exit code."""
    text: str
    """What it had to say on standard error; "" for nothing."""


def words(folder: Path) -> list[Word]:
    """What all workers of the launch with this folder have left, the earliest first."""
    found = []
    for path in folder.glob("word-*"):
        head, _, text = path.read_text().partition("\n")
        number, when, code = head.split()
        found.append(Word(int(number), float(when), int(code), text))
    return sorted(found)


def join() -> None:
    """In a worker of ours: note the pid for signals; after a signal, end before any work.

    Raises:
        SystemExit: the run is being stopped, and the agent started this worker again.
    """
    if FOLDER not in os.environ:
        return
    folder = Path(os.environ[FOLDER])
    if (folder / "stop").exists():
        raise SystemExit(0)
    (folder / f"pid-{os.getpid()}").touch()


def leave(code: int, text: str) -> int:
    """At the end of a process: tell `text`, and give the code to end with.

    A worker of ours leaves both for the launcher, which tells the first text only. One that a
    signal stopped ends with 0: its state is saved, and the agent shall neither end the others in
    the middle of their saving nor start anything again.
    """
    if FOLDER not in os.environ:
        if text:
            sys.stderr.write(text + "\n")
        return code
    folder, pid = Path(os.environ[FOLDER]), os.getpid()
    draft = folder / f"draft-{pid}"
    draft.write_text(f"{_round()} {time.time()} {code}\n{text}")
    draft.replace(folder / f"word-{pid}")
    (folder / f"pid-{pid}").unlink(missing_ok=True)
    return 0 if code in STOPPED else code
