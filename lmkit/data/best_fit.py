"""Pieces of documents packed into blocks with little room left over: best-fit decreasing.

Pieces are taken from long to short, and each goes into the block with the least room that still
holds it; where there is none, into a new one (Ding et al. 2024, "Fewer truncations improve language
modeling", section 3.1, arXiv:2404.10830). Their segment tree finds the block in O(log T); here all
pieces of one length are placed together, so that nearly all of the work is moving slices of lists.
Shape letters: P pieces, T places of a block.
"""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def best_fit(lengths: Ints, capacity: int) -> Ints:
    """The block of each piece, (P,); blocks are numbered in the order of their first pieces.

    Args:
        lengths: (P,) places that each piece takes, from 1 to `capacity`.
        capacity: T.
    """
    order = stable_order(lengths, capacity + 1)  # from short to long
    counts = np.bincount(lengths, minlength=capacity + 1)
    rooms: list[list[int]] = [[] for _ in range(capacity + 1)]  # blocks by the room left in them
    free = 0  # bit r is set where rooms[r] is not empty
    made = 0
    placed: list[int] = []  # blocks of the pieces from long to short
    for length in np.flatnonzero(counts)[::-1].tolist():
        left = int(counts[length])
        while left:
            fitting = free >> length
            room = length + (fitting & -fitting).bit_length() - 1 if fitting else capacity
            each = room // length  # once the best, a block stays it until it cannot hold another
            wanted = -(-left // each)
            if fitting:
                blocks = rooms[room][-wanted:]
                del rooms[room][-wanted:]
                if not rooms[room]:
                    free ^= 1 << room
            else:
                blocks = list(range(made, made + wanted))
                made += wanted
            put = min(left, each * len(blocks))
            last = put - each * (len(blocks) - 1)  # pieces of the last of these blocks
            placed += _repeated(blocks, each)[:put]
            left -= put
            for rest, some in ((room - each * length, blocks[:-1]),
                               (room - last * length, blocks[-1:])):  # fmt: skip
                if rest and some:
                    rooms[rest] += some
                    free |= 1 << rest
    found = np.empty(len(lengths), dtype=np.int64)
    found[order[::-1]] = placed
    return _by_first_piece(found, made)


def stable_order(values: Ints, limit: int) -> Ints:
    """`argsort`, equal values in their order; values are in [0, limit)."""
    narrow = values.astype(np.uint16) if limit <= 1 << 16 else values  # 16 bits are radix-sorted
    return np.argsort(narrow, kind="stable")


def _repeated(blocks: list[int], each: int) -> list[int]:
    return blocks if each == 1 else [block for block in blocks for _ in range(each)]


def _by_first_piece(found: Ints, made: int) -> Ints:
    """The same blocks, numbered in the order in which they first occur."""
    first = np.empty(made, dtype=np.int64)
    first[found[::-1]] = np.arange(len(found) - 1, -1, -1)  # of several, the last written stays
    number = np.empty(made, dtype=np.int64)
    number[np.argsort(first)] = np.arange(made)
    renumbered: Ints = number[found]
    return renumbered
