"""Start the same command again in several processes, and end as they ended.

`lmkit pretrain ... --processes 4` becomes four times `python -m lmkit pretrain ...`; there is no
second parser. `lmkit.supervise` watches them: torch's elastic agent dies of SIGUSR1, ends workers
before they have saved, and tells code 1 whatever happened. Nothing here imports torch: the number
of GPUs is asked of the driver.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lmkit import worker
from lmkit.errors import UsageError
from lmkit.supervise import Place, supervise

DRIVER_SECONDS = 20  # a cold nvidia-smi loads the driver, which takes seconds on a large machine


@dataclass(frozen=True)
class Processes:
    """How many processes the user asked for, and where."""

    processes: int | None = None
    """Processes on this machine; None: one per GPU, else one."""
    nodes: int = 1
    """Machines that take part."""
    node_rank: int = 0
    """Which of them this one is, from 0."""
    rendezvous: str | None = None
    """HOST:PORT of the machine with rank 0, where all meet."""
    max_restarts: int = 0
    """How often the processes are started again after one of them died."""

    def __post_init__(self) -> None:
        """Check what the options say together.

        Raises:
            UsageError: several machines without a meeting point, or a rank that none of them has.
        """
        if self.nodes > 1 and self.rendezvous is None:
            raise UsageError(
                f"--nodes {self.nodes}: say with --rendezvous HOST:PORT where they meet "
                "(the address of the machine with --node-rank 0)"
            )
        if not 0 <= self.node_rank < self.nodes:
            raise UsageError(f"--node-rank {self.node_rank}: allowed are 0 to {self.nodes - 1}")
        if self.rendezvous is not None:
            host, _, port = self.rendezvous.rpartition(":")
            if not host or not port.isdigit():
                raise UsageError(f"--rendezvous {self.rendezvous}: expected HOST:PORT")


def count_gpus() -> int:
    """CUDA devices a process would see, without importing torch; 0 where torch has no CUDA."""
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        return 0
    if not any((Path(torch.origin).parent / "lib").glob("libtorch_cuda*")):
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        # CUDA reads the list up to the first name that is no device
        return next((i for i, name in enumerate(names) if name in {"", "-1"}), len(names))
    command = shutil.which("nvidia-smi")
    if command is None:
        return 0
    try:
        listed = subprocess.run(
            [command, "-L"], capture_output=True, text=True, timeout=DRIVER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def count_here(asked: Processes) -> int:
    """The processes of a run on this machine: those asked for, else one a GPU, else one.

    Raises:
        UsageError: more are asked for than there are GPUs.
    """
    gpus = count_gpus()
    processes = asked.processes or max(1, gpus)
    if 0 < gpus < processes:
        raise UsageError(
            f"--processes {processes}: this machine has {gpus} GPUs, and each process needs one; "
            f"use at most {gpus}, or CUDA_VISIBLE_DEVICES= for the CPU"
        )
    return processes


def start_if_asked(asked: Processes, arguments: Sequence[str]) -> int | None:
    """Run `lmkit ARGUMENTS` in several processes if that is asked for, and wait for them.

    Where `srun` or `mpirun` started several processes and nothing is asked for, this one becomes
    one of them.

    Returns:
        The exit code; None where this process shall do the work itself.

    Raises:
        UsageError: the number asked for is not what the launcher above us started, or more than
            there are GPUs.
    """
    if not worker.is_worker():
        _follow(asked)
    if worker.is_worker():
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if asked.processes is not None and asked.processes * asked.nodes != world:
            raise UsageError(
                f"--processes {asked.processes}: a launcher has already started {world} processes; "
                "leave --processes to it"
            )
        return None
    processes = count_here(asked)
    if processes == 1 and asked.nodes == 1 and asked.max_restarts == 0:
        return None
    meeting = None
    if asked.rendezvous is not None:
        host, _, port = asked.rendezvous.rpartition(":")
        meeting = (host, int(port))
    place = Place(processes, asked.nodes, asked.node_rank, meeting)
    command = [sys.executable, "-m", "lmkit", *arguments]
    with tempfile.TemporaryDirectory(prefix="lmkit-launch-") as folder:
        return supervise(command, place, Path(folder), asked.max_restarts)


def _follow(asked: Processes) -> None:
    """Be one of the processes that `srun` or `mpirun` started, unless they are machines of ours.

    Raises:
        UsageError: each of them would start a run of its own, they do not know where to meet, or
            there is one where several were asked for.
    """
    if worker.lost_by_accelerate() and asked.processes is None:
        raise UsageError(
            "accelerate launch was asked for several processes and has started one, as it does on "
            "CPUs: leave it out and use --processes N, or take torchrun --nproc-per-node N"
        )
    found = worker.other_launcher()
    if found is None or asked.nodes > 1:
        return
    name, variables = found
    if asked.processes is not None:
        raise UsageError(
            f"--processes {asked.processes}: {name} has already started "
            f"{variables['WORLD_SIZE']} processes; leave --processes to it, or let it start one a "
            "machine and say --nodes, --node-rank and --rendezvous"
        )
    if "MASTER_ADDR" not in os.environ | variables:
        raise UsageError(
            f"{name} has started processes on several machines: export MASTER_ADDR, the address "
            "of the first of them"
        )
    worker.adopt(variables)
