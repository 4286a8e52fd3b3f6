"""What malloc does with freed memory: kept for the next training step, or given back.

glibc returns large blocks to the system as soon as they are freed, so that every step has its
activations and gradients zeroed and mapped anew, page by page: 30,000 page faults a step of a
GPT-2 192 wide, and a quarter of its time. Two settings of malloc (mallopt(3)) end that. Where
batches are all as long, the peak stays the same, for the next step needs it all again.

Where it is kept, small objects that stay end up between the large blocks that come and go, and the
heap grows around them: by a megabyte for every few texts that are scored. malloc_trim(3) gives the
free pages back, wherever they lie.
"""

import ctypes
import sys
from typing import Any

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h of glibc
LARGEST = 2**31 - 1  # what an int holds: memory at the top that is not given back, in bytes
MAPPED = 1 << 30  # blocks from this size on are mapped for themselves, in bytes
PAD = 1 << 26  # bytes that the heap grows by at least


def keep_freed_memory() -> bool:
    """Have malloc keep what is freed, from now on and for the whole process.

    Returns:
        Whether it does; False where the C library is not glibc.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is None:
        return False
    options = {M_MMAP_THRESHOLD: MAPPED, M_TRIM_THRESHOLD: LARGEST, M_TOP_PAD: PAD}
    taken = [mallopt(name, value) == 1 for name, value in options.items()]  # each is tried
    return all(taken)


def give_back_memory() -> None:
    """Let the system have the pages in which malloc holds nothing; elsewhere than glibc nothing."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> Any:
    """A function of the C library; None where it has no such."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
