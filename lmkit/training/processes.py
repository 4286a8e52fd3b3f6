"""The processes of a run: joining them, and doing a thing once for all of them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from accelerate import PartialState

from lmkit.errors import LmkitError

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
        torch.distributed.broadcast_object_list(told)
        if told[1] is not None:
            raise told[1]
        result: T = told[0]
        return result

    def part(self) -> None:
        """Leave the others in good order, when all of them are done.

        Threads of torch that still run when the interpreter ends can abort the process.
        """
        if self.world_size > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def join(timeout_seconds: int, backend: str | None = None) -> Processes:
    """Meet the other processes, if a launcher started several.

    Trainer sets no timeout on a CPU, so a process that hangs would be waited for half an hour.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        return Processes()
    on_cpu = not torch.cuda.is_available()
    state = PartialState(
        cpu=on_cpu,
        backend=backend or ("gloo" if on_cpu else "nccl"),
        timeout=timedelta(seconds=timeout_seconds),
    )
    return Processes(state.process_index, state.num_processes)


def state_arguments(processes: Processes) -> dict[str, Any]:
    """The `TrainingArguments` by which Trainer takes the processes as they are joined here."""
    on_cpu = not (torch.cuda.is_available() or torch.backends.mps.is_available())
    arguments: dict[str, Any] = {"use_cpu": on_cpu}
    if processes.world_size > 1:
        arguments["accelerator_config"] = {"use_configured_state": True}
    return arguments
