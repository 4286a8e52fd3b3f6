"""Start the same command again in several processes, and end as they ended.

`lmkit pretrain ... --processes 4` becomes torch's elastic agent with four times `python -m lmkit
pretrain ...`; there is no second parser. Three things the agent does not do are done here, through
a private folder that every worker finds in the environment: a worker notes its pid there, so that
signals reach the workers and leave the agent alone (SIGUSR1 would kill it); it leaves its exit code
and error text there, for the agent knows only "failed"; and after a signal no worker is started
again. Nothing here imports torch: the number of GPUs is asked of the driver.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from lmkit.errors import UsageError
from lmkit.worker import FOLDER, FORWARDED, is_worker, words

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


def launch_if_asked(asked: Processes, arguments: Sequence[str]) -> int | None:
    """Run `lmkit ARGUMENTS` in several processes if that is asked for, and wait for them.

    Returns:
        The exit code; None where this process shall do the work itself.

    Raises:
        UsageError: the number asked for is not what the launcher above us started.
    """
    if is_worker():
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if asked.processes is not None and asked.processes * asked.nodes != world:
            raise UsageError(
                f"--processes {asked.processes}: a launcher has already started {world} processes; "
                "leave --processes to it"
            )
        return None
    processes = asked.processes or max(1, count_gpus())
    if processes == 1 and asked.nodes == 1 and asked.max_restarts == 0:
        return None
    with tempfile.TemporaryDirectory(prefix="lmkit-launch-") as folder:
        return _run(_agent(asked, processes, arguments), Path(folder), processes)


def _agent(asked: Processes, processes: int, arguments: Sequence[str]) -> list[str]:
    """The command of torch's elastic agent, which starts and watches the workers."""
    if asked.rendezvous is None:
        meeting = ["--standalone"]
    else:
        # torch's default rendezvous guesses which machine is the host by its name and hangs where
        # that does not resolve; the static one is told
        host, _, port = asked.rendezvous.rpartition(":")
        meeting = [
            *("--nnodes", str(asked.nodes), "--node-rank", str(asked.node_rank)),
            *("--master-addr", host, "--master-port", port),
        ]
    return [
        *(sys.executable, "-m", "lmkit.training.agent", *meeting),
        *("--nproc-per-node", str(processes), "--max-restarts", str(asked.max_restarts)),
        *("-m", "lmkit", *arguments),
    ]


def _run(command: list[str], folder: Path, processes: int) -> int:
    """Start the agent, pass signals on to the workers, and give the code they left."""
    environment = os.environ | {FOLDER: str(folder)}
    # without this the agent sets one thread and says so in a banner
    environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    received: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
        received.append(number)
        (folder / "stop").touch()
        workers = [int(path.name.removeprefix("pid-")) for path in folder.glob("pid-*")]
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, number)
        if not workers:
            with suppress(ProcessLookupError):
                os.killpg(agent.pid, signal.SIGTERM)

    # a session of its own, so that Ctrl-C in the terminal does not reach the agent
    agent = subprocess.Popen(command, env=environment, start_new_session=True)
    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        code = agent.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return _verdict(folder, code, received, processes)


def _verdict(folder: Path, agent_code: int, received: Sequence[int], processes: int) -> int:
    """The exit code of the first worker that failed in the last round, its text told once.

    Where every worker of the round has left a word of success, nothing that befell one of them
    while its interpreter ended makes a failure of it.
    """
    left = words(folder)
    failed = [word for word in left if word.round == left[-1].round and word.code != 0]
    if failed:
        if failed[0].text:
            sys.stderr.write(failed[0].text + "\n")
        return failed[0].code
    if received:
        return 128 + received[0]
    done = [word for word in left if word.round == left[-1].round]
    return 0 if agent_code == 0 or len(done) == processes else 1
