"""Which continuations are written side by side: those of like length, so that little is padded."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TypeVar

import torch
from torch import Tensor

from lmkit.generation.continuation import Continuation

WINDOW = 4  # batches whose prompts are sorted together

ItemT = TypeVar("ItemT")


def windows(items: Iterable[ItemT], size: int) -> Iterator[list[ItemT]]:
    """Lists of `size` items, the last one shorter, each read only when it is asked for."""
    iterator = iter(items)
    while window := list(islice(iterator, size)):
        yield window


def batches(
    rows: Sequence[Continuation],
    size: Callable[[Continuation], int],
    *,
    one_length: bool,
    together: int = 1,
) -> Iterator[list[Continuation]]:
    """Batches about as large as each other, the longest prompts first: what fails, fails at once.

    Args:
        rows: in any order; equally long prompts stay in theirs.
        size: how many rows no longer than this one a batch may have, a multiple of `together`;
            asked before each batch.
        one_length: never put prompts of different lengths together.
        together: rows that stand one behind the other, and are never parted.
    """
    ordered = sorted(rows, key=_length, reverse=True)
    groups = [list(group) for _, group in groupby(ordered, _length)] if one_length else [ordered]
    for group in groups:
        while group:
            left = -(-len(group) // size(group[0]))  # batches
            share = -(-len(group) // (left * together)) * together
            yield group[:share]
            group = group[share:]


def left_padded(prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids (B, T) with zeros before the shorter prompts, and the mask (B, T), 1 at tokens."""
    return _padded(prompts, left=True)


def right_padded(prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids (B, T) with zeros after the shorter prompts, and the mask (B, T), 1 at tokens."""
    return _padded(prompts, left=False)


def _padded(prompts: Sequence[Sequence[int]], *, left: bool) -> tuple[Tensor, Tensor]:
    longest = max(len(ids) for ids in prompts)
    tokens = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for row, ids in enumerate(prompts):
        place = slice(longest - len(ids), longest) if left else slice(len(ids))
        tokens[row, place] = torch.tensor(ids, dtype=torch.long)
        mask[row, place] = 1
    return tokens, mask


def _length(row: Continuation) -> int:
    return len(row.ids)
