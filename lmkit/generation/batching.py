"""Which continuations are written side by side: those of like length, so that little is padded."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TypeVar

import torch
from torch import Tensor

from lmkit.generation.continuation import Continuation

WINDOW = 16  # batches whose prompts are sorted together

ItemT = TypeVar("ItemT")


def windows(items: Iterable[ItemT], size: int) -> Iterator[list[ItemT]]:
    """Lists of `size` items, the last one shorter, each read only when it is asked for."""
    iterator = iter(items)
    while window := list(islice(iterator, size)):
        yield window


def batches(
    rows: Sequence[Continuation], size: int, *, one_length: bool
) -> Iterator[list[Continuation]]:
    """Batches of at most `size`, the longest prompts first: what does not fit fails at once.

    Args:
        rows: in any order; equally long prompts stay in theirs.
        size: continuations of a batch, at least 1.
        one_length: never put prompts of different lengths together.
    """
    ordered = sorted(rows, key=_length, reverse=True)
    groups = [list(group) for _, group in groupby(ordered, _length)] if one_length else [ordered]
    for group in groups:
        yield from windows(group, size)


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
