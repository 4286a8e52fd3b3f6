"""A process that may be one of several: which one it is, and what it owes to its launcher.

`lmkit.spawn` starts the workers and waits; this is their side, and it knows the launchers of
others too: torchrun and accelerate by their variables, Open MPI, MPICH, MVAPICH and srun by theirs,
which become torch's. It is imported by every command line, so it imports next to nothing.
"""

import ctypes
import os
import re
import signal
import sys
import time
import zlib
from pathlib import Path
from typing import NamedTuple

FOLDER = "LMKIT_LAUNCH_DIR"
"""The variable that names the private folder of a launch; only workers of ours have it."""
ROUND = "LMKIT_RESTARTS"
"""How often our launcher has started the workers again."""
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
STOPPED = tuple(128 + number for number in FORWARDED)
LOST = 75
"""The exit code of a worker that lost another one (EX_TEMPFAIL of sysexits.h: try again)."""
FINAL = (0, 2, 3, *STOPPED)
"""Codes after which starting again would come to the same."""

# Rank, world size, rank on this machine, and their number there, as other launchers say them.
OTHERS = {
    "mpirun": (
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
         "OMPI_COMM_WORLD_LOCAL_SIZE"),
        ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK",
         "MV2_COMM_WORLD_LOCAL_SIZE"),
        ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    ),
    # SLURM_NTASKS would be there in a batch script too, which is one process
    "srun": (
        ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"),
    ),
}  # fmt: skip
TORCH = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
DEFAULT_PORT = 29500  # torch's own


def is_worker() -> bool:
    """Whether a launcher (ours, torchrun, accelerate) started this process as one of several."""
    return "LOCAL_RANK" in os.environ or ("RANK" in os.environ and "WORLD_SIZE" in os.environ)


def is_first() -> bool:
    """Whether this process may write results: it is alone or has rank 0."""
    other = other_launcher()
    return os.environ.get("RANK", other[1]["RANK"] if other else "0") == "0"


def other_launcher() -> tuple[str, dict[str, str]] | None:
    """`mpirun` or `srun` where one of them started this process as one of several.

    Returns:
        Its name, and what torch's variables would be; None where there is none of them, or its
        process is a launcher's worker already.
    """
    if is_worker():
        return None
    for name, sets in OTHERS.items():
        for names in sets:
            if int(os.environ.get(names[1], "1") or 1) < 2 or names[0] not in os.environ:
                continue
            values = [os.environ.get(name, "") for name in names]
            values[2] = values[2] or "0"
            values[3] = values[3].partition("(")[0].partition(",")[0] or "1"  # srun's 4(x2),3
            return name, dict(zip(TORCH, values, strict=True)) | _meeting(values)
    return None


def lost_by_accelerate() -> bool:
    """Whether `accelerate launch` was asked for several processes and started this one alone.

    On CPUs it starts several through `mpirun` only, without a word, and leaves where they would
    meet. https://github.com/huggingface/accelerate, `prepare_simple_launcher_cmd_env`.
    """
    of_accelerate = "ACCELERATE_USE_CPU" in os.environ and "MASTER_ADDR" in os.environ
    return of_accelerate and not is_worker() and other_launcher() is None


def adopt(variables: dict[str, str]) -> None:
    """Be a worker as torch knows them, as `other_launcher` found."""
    os.environ.update(variables)


def first_host(hosts: str) -> str:
    """The first name of Slurm's compact list: `n[03-05,7],x` is `n03`."""
    head = re.split(r",(?![^\[]*\])", hosts)[0]
    return re.sub(r"\[([^\],-]*)[^\]]*\]", r"\1", head)


def _meeting(values: list[str]) -> dict[str, str]:
    """Where the processes meet, which all of them must come to by themselves."""
    found = {}
    if "MASTER_ADDR" not in os.environ:
        hosts = os.environ.get("SLURM_STEP_NODELIST") or os.environ.get("SLURM_JOB_NODELIST", "")
        if values[1] == values[3]:
            found["MASTER_ADDR"] = "127.0.0.1"
        elif hosts:
            found["MASTER_ADDR"] = first_host(hosts)
    if "MASTER_PORT" not in os.environ:
        names = ("SLURM_JOB_ID", "SLURM_STEP_ID", "PMIX_NAMESPACE")
        job = ":".join(os.environ.get(name, "") for name in names)
        of_job = 20000 + zlib.crc32(job.encode()) % 10000
        found["MASTER_PORT"] = str(of_job if job.strip(":") else DEFAULT_PORT)
    return found


def is_restart() -> bool:
    """Whether this worker was started again after a failure: it resumes, come what may."""
    return _round() > 0


def _round() -> int:
    """How often the workers were started again."""
    return int(os.environ.get(ROUND) or os.environ.get("TORCHELASTIC_RESTART_COUNT") or 0)


def begin() -> None:
    """The run has its folder: what stands there from now on is its own."""
    if FOLDER in os.environ:
        (Path(os.environ[FOLDER]) / "begun").touch()


def has_begun() -> bool:
    """Whether this worker was started again and the run had its folder before.

    Otherwise an earlier run that `--overwrite` replaces is still there. A launcher of the user's
    own leaves no trace of that, and a restart is taken to come after the beginning.
    """
    return is_restart() and (
        FOLDER not in os.environ or (Path(os.environ[FOLDER]) / "begun").exists()
    )


class Word(NamedTuple):
    """What a worker left at its end. Words order themselves by time."""

    time: float
    """When it ended, in seconds since 1970."""
    rank: int
    code: int
    """Its exit code."""
    text: str
    """What it had to say on standard error; "" for nothing."""


def words(folder: Path, round_: int) -> list[Word]:
    """What the workers of one round of a launch have left, the earliest first."""
    found = []
    for path in folder.glob(f"word-{round_}-*"):
        head, _, text = path.read_text().partition("\n")
        when, rank, code = head.split()
        found.append(Word(float(when), int(rank), int(code), text))
    return sorted(found)


def join() -> None:
    """In a worker of ours: end when the launcher is killed, which could not end it any more."""
    if FOLDER not in os.environ or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def leave(code: int, text: str) -> int:
    """At the end of a process: tell `text`, and give the code to end with.

    A worker of ours leaves both for the launcher, which tells the text of the cause only. One of
    another launcher's says which it is, unless it is the first.
    """
    if FOLDER not in os.environ:
        if text:
            who = "" if is_first() else f"process {os.environ.get('RANK')}: "
            sys.stderr.write(f"{who}{text}\n")
        return code
    folder, rank = Path(os.environ[FOLDER]), os.environ.get("RANK", "0")
    draft = folder / f"draft-{rank}"
    draft.write_text(f"{time.time()} {rank} {code}\n{text}")
    draft.replace(folder / f"word-{_round()}-{rank}")
    return code
