"""A batch of short and long texts in a few parts of like length, so that little is padded.

A question and the document that answers it stand in one batch, and one may be ten times as long as
the other. Shape letters: R texts, T tokens of the longest.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Places = NDArray[np.int64]

LEAST_SAVED = 0.15  # of the places of a part: a model's call costs something by itself
DEEPEST = 2  # times that a part is cut again: four parts at most


def parts_by_length(lengths: Places, depth: int = DEEPEST) -> list[Places]:
    """Indices 0 to R - 1 in parts of like length, shortest first; a single part if none pays.

    A part of n texts takes n times its longest places. Each cut is the one that saves most of
    them.

    Args:
        lengths: tokens of each text, (R,), R at least 1.
        depth: how many times a part may be cut in two.
    """
    order = np.argsort(lengths, kind="stable")
    return [order[start:end] for start, end in _cuts(lengths[order], 0, depth)]


def places_by_length(lengths: Places) -> int:
    """The places that R texts take in such parts."""
    return sum(len(part) * int(lengths[part].max()) for part in parts_by_length(lengths))


def _cuts(ascending: Places, offset: int, depth: int) -> list[tuple[int, int]]:
    """Begin and end of each part of lengths in ascending order, the first of them at `offset`."""
    count, longest = len(ascending), int(ascending[-1])
    if depth and count > 1:
        below = np.arange(1, count)  # texts of the shorter part, for every possible cut
        saved = below * (longest - ascending[:-1])
        best = int(saved.argmax())
        if saved[best] > LEAST_SAVED * count * longest:
            cut = int(below[best])
            left = _cuts(ascending[:cut], offset, depth - 1)
            return left + _cuts(ascending[cut:], offset + cut, depth - 1)
    return [(offset, offset + count)]


def run_by_length(
    run: Callable[[dict[str, Tensor]], Tensor], batch: dict[str, Tensor], names: tuple[str, ...]
) -> Tensor:
    """What `run` makes of R texts, (R, ...), called once or for a few parts of like length.

    Args:
        run: takes a batch and gives a tensor with a row for each text, which knows nothing of the
            other texts nor of padding.
        batch: padded on the right; without an `attention_mask` nothing is padded.
        names: of its entries that are (R, T).
    """
    if "attention_mask" not in batch:
        return run(batch)
    lengths = batch["attention_mask"].sum(1).cpu().numpy()  # (R,)
    parts = parts_by_length(lengths)
    if len(parts) == 1:
        return run(batch)
    found = []
    for part in parts:
        rows = torch.as_tensor(part, device=batch["attention_mask"].device)
        longest = int(lengths[part].max())
        given = {name: batch[name][rows, :longest] for name in names if name in batch}
        if int(lengths[part].min()) == longest:
            del given["attention_mask"]  # attention without a mask is faster, and equal
        found.append(run(given))
    back = np.empty(len(lengths), np.int64)
    back[np.concatenate(parts)] = np.arange(len(lengths))
    return torch.cat(found)[torch.as_tensor(back, device=found[0].device)]
