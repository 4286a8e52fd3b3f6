"""Keep the memory that a training step frees for the next one.

glibc returns large blocks to the system as soon as they are freed, so that every step has its
activations and gradients zeroed and mapped anew, page by page: 30,000 page faults a step of a
GPT-2 192 wide, and a quarter of its time. Two settings of malloc (mallopt(3)) end that. Where
batches are all as long, the peak stays the same, for the next step needs it all again.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h of glibc
LARGEST = 2**31 - 1  # what an int holds: memory at the top that is not given back, in bytes
MAPPED = 1 << 30  # blocks from this size on are mapped for themselves, in bytes
PAD = 1 << 26  # bytes that the heap grows by at least


def keep_freed_memory() -> bool:
    """Have malloc keep what is freed, from now on and for the whole process.

    Returns:
        Whether it does; False where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl has none
        return False
    options = {M_MMAP_THRESHOLD: MAPPED, M_TRIM_THRESHOLD: LARGEST, M_TOP_PAD: PAD}
    taken = [mallopt(name, value) == 1 for name, value in options.items()]  # each is tried
    return all(taken)
