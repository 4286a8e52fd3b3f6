"""How much memory a device has left, and which errors say that it did not suffice."""

import os
from pathlib import Path

import torch
from accelerate.utils.memory import should_reduce_batch_size

MEMINFO = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")
"""Where a container finds its own bound, `memory.max` beside `memory.current` (cgroup v2)."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on whatever device."""
    known = isinstance(error, Exception) and should_reduce_batch_size(error)
    return known or isinstance(error, MemoryError | torch.OutOfMemoryError)


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken on a device.

    On a GPU what the driver has and what torch keeps unused; else what Linux calls available, or
    what the container may still take if that is less; on other systems half of the memory there is.
    """
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    if not MEMINFO.exists():
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    lines = (line.split() for line in MEMINFO.read_text().splitlines())
    available = next(int(line[1]) * 1024 for line in lines if line[0] == "MemAvailable:")
    most, taken = GROUP / "memory.max", GROUP / "memory.current"
    if most.exists() and taken.exists() and (bound := most.read_text().strip()).isdigit():
        available = min(available, max(0, int(bound) - int(taken.read_text())))
    return available
