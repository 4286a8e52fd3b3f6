"""Runs of text inside a batch: what stands together without padding and without a new beginning.

Recurrent layers read from left to right whatever stands there. So that padding changes nothing, on
whichever side it is, and documents that share a row do not see one another, each run gets a row of
its own that starts at its first token. Runs of like length are read together. Shape letters: B rows
and T columns of the batch, n runs of a group, L tokens of its longest run.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Runs(NamedTuple):
    """Some runs that are read together."""

    tokens: Tensor
    """(n, L) where each token stands: row x T + column; at padding, where the last one does."""
    lengths: Tensor
    """(n,) tokens of each run."""
    rows: Tensor
    """(n,) the row of the batch that each is in."""
    opens: Tensor
    """(n,) whether it is the first of its row, which goes on from the row's state."""
    closes: Tensor
    """(n,) whether it is the last of its row, whose state is that of the row."""

    def real(self) -> Tensor:
        """(n, L) whether a place holds a token of the run."""
        places = torch.arange(self.tokens.shape[1], device=self.tokens.device)
        return places < self.lengths[:, None]


def find_runs(mask: Tensor | None, positions: Tensor | None, *, alike: bool) -> list[Runs] | None:
    """The runs of a batch in groups; None where every row is one run without padding.

    A token whose position is not one more than that of the token before it begins a new run, as in
    transformers (`find_packed_sequence_indices`).

    Args:
        mask: (B, T), 0 at padding, or None.
        positions: (B, T), or None.
        alike: put only runs of exactly one length together (then the states at their ends are
            those after the last column); else those between two powers of two.
    """
    given = mask if mask is not None else positions
    if given is None:
        return None
    rows, columns = given.shape
    kept = torch.ones_like(given, dtype=torch.bool) if mask is None else mask != 0
    tokens = kept.flatten().nonzero().squeeze(1)  # row by row, from left to right
    if not len(tokens):
        return []
    row = tokens // columns
    begins = torch.ones_like(tokens, dtype=torch.bool)
    begins[1:] = row[1:] != row[:-1]
    if positions is not None:
        place = positions.flatten()[tokens]
        begins[1:] |= place[1:] != place[:-1] + 1
    starts = begins.nonzero().squeeze(1)  # of each run, among the tokens
    if len(starts) == rows and len(tokens) == rows * columns:
        return None
    ends = torch.cat([starts[1:], starts.new_tensor([len(tokens)])])
    lengths, of_row = ends - starts, row[starts]
    opens = torch.ones_like(starts, dtype=torch.bool)
    opens[1:] = of_row[1:] != of_row[:-1]
    closes = opens.roll(-1)  # the run before one that opens a row; the last run closes the last
    keys = lengths if alike else torch.log2(lengths.double()).ceil().long()
    groups = []
    for key in sorted(set(keys.tolist())):
        chosen = (keys == key).nonzero().squeeze(1)
        size = lengths[chosen]
        places = torch.arange(int(size.max()), device=tokens.device)
        at = starts[chosen, None] + torch.minimum(places, size[:, None] - 1)  # (n, L)
        groups.append(Runs(tokens[at], size, of_row[chosen], opens[chosen], closes[chosen]))
    return groups
