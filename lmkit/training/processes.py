"""The processes of a run: joining them, and doing a thing once for all of them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from torch._C._distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from lmkit import others
from lmkit.errors import LmkitError, LostProcessError

CPU_SECONDS, GPU_SECONDS = 60, 1800  # without an answer, where `train.ddp_timeout` is left out
START_SECONDS = 600  # in which all processes start, on machines that may be started by hand

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process among those of the run."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this one writes and reports."""
        return self.rank == 0

    def once(self, do: Callable[[], T]) -> T:
        """Do something on the first process; all get its result, or its error.

        Raises:
            LmkitError: what the first process met; the others end with it too.
        """
        if self.world_size == 1:
            return do()
        told: list[Any] = [None, None]
        if self.is_first:
            try:
                told[0] = do()
            except LmkitError as error:
                told[1] = error
        others.meet()  # the first may have taken any time
        torch.distributed.broadcast_object_list(told)
        if told[1] is not None:
            raise told[1]
        result: T = told[0]
        return result

    def total(self, value: float) -> float:
        """The sum of a number of each process; all must call it."""
        if self.world_size == 1:
            return value
        others.meet()
        told: list[Any] = [None] * self.world_size
        torch.distributed.all_gather_object(told, value)
        return float(sum(told))

    def part(self) -> None:
        """Leave the others in good order, when all of them are done.

        Threads of torch that still run when the interpreter ends can abort the process.
        """
        others.part()
        if self.world_size > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def join(timeout_seconds: int | None, backend: str | None = None) -> Processes:
    """Meet the other processes, if a launcher started several.

    Trainer sets no timeout on a CPU, so a process that hangs would be waited for half an hour.

    Args:
        timeout_seconds: after which a process that does not answer is given up; None: 60 on CPUs,
            1800 between GPUs.
        backend: how they talk; None: nccl between GPUs, else gloo.

    Raises:
        LostProcessError: not all of them came.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        return Processes()
    on_cpu = not torch.cuda.is_available()
    backend = backend or ("gloo" if on_cpu else "nccl")
    if not torch.distributed.is_initialized():
        _meet(timeout_seconds, CPU_SECONDS if on_cpu else GPU_SECONDS, backend)
    state = PartialState(cpu=on_cpu, backend=backend)
    return Processes(state.process_index, state.num_processes)


def _meet(timeout_seconds: int | None, usual: int, backend: str) -> None:
    seconds = timeout_seconds or usual
    one_machine = os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]
    start = seconds if timeout_seconds and one_machine else max(seconds, START_SECONDS)
    try:
        found = rendezvous("env://", timeout=timedelta(seconds=start))
        store, rank, world_size = next(found)
        store.set_timeout(timedelta(seconds=start))
        torch.distributed.init_process_group(
            backend, store=PrefixStore("torch", store), rank=rank,
            world_size=world_size, timeout=timedelta(seconds=seconds),
        )  # fmt: skip
    except torch.distributed.DistError as error:
        raise LostProcessError(
            f"the {os.environ['WORLD_SIZE']} processes did not meet at "
            f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')} within {start} s: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
    store = PrefixStore("lmkit", store)
    others.joined(others.Others(store, rank, world_size, seconds))


def state_arguments(processes: Processes) -> dict[str, Any]:
    """The `TrainingArguments` by which Trainer takes the processes as they are joined here."""
    on_cpu = not (torch.cuda.is_available() or torch.backends.mps.is_available())
    arguments: dict[str, Any] = {"use_cpu": on_cpu}
    if processes.world_size > 1:
        arguments["accelerator_config"] = {"use_configured_state": True}
    return arguments
