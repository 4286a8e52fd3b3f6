"""The examples of a mixture: each part's own, as often as an epoch holds them.

An epoch passes over a part whole so many times and then over some of it. That last, partial pass
is a window of a fixed shuffle of the part, and it moves on from epoch to epoch: over any run of
epochs no example of a part is used more than once more often than another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lmkit.data.indexed import Indexed
from lmkit.data.order import Permutation

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Passes:
    """How an epoch goes through the N examples of one part."""

    examples: int
    """N."""
    used: int
    """Examples of an epoch, at least N."""
    seed: int
    """What the order of the partial passes depends on."""

    def __len__(self) -> int:
        return self.used

    @property
    def rounds(self) -> int:
        """Passes that an epoch begins."""
        return -(-self.used // self.examples)

    def at(self, epoch: int, position: int) -> tuple[int, int]:
        """The pass that a position of the epoch lies in, and the example there."""
        number, index = divmod(position, self.examples)
        if number < self.used // self.examples:
            return number, index
        return number, self._shuffled[self._place(epoch, index)]

    def partial(self, epoch: int) -> Ints:
        """The examples of the epoch's partial pass, (used mod N,)."""
        places = self._place(epoch, 0) + np.arange(self.used % self.examples, dtype=np.int64)
        return self._shuffled[places % self.examples]

    def _place(self, epoch: int, index: int) -> int:
        """Where in the fixed shuffle a place of the epoch's window lies."""
        return (epoch * (self.used % self.examples) + index) % self.examples

    @cached_property
    def _shuffled(self) -> Permutation:
        return Permutation(self.examples, self.seed, -1)  # the order of no epoch


class MixedExamples:
    """The examples of all parts, numbered through part by part; the batches shuffle them.

    Args:
        parts: (K,) the examples of each part.
        sizes: (K,) how many of them an epoch holds, from `epoch_sizes`.
        seed: What the partial passes depend on.
    """

    def __init__(self, parts: Sequence[Indexed], sizes: Sequence[int], seed: int) -> None:
        self.parts = list(parts)
        self.passes = [
            Passes(len(part), used, seed + number)
            for number, (part, used) in enumerate(zip(parts, sizes, strict=True))
        ]
        self._ends = np.cumsum(sizes, dtype=np.int64)  # (K,)

    def __len__(self) -> int:
        """Examples of an epoch."""
        return int(self._ends[-1])

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The example for (epoch, index).

        A part is asked for another epoch in each pass, so that what it draws (masks) is drawn anew.
        """
        epoch, index = key
        if not 0 <= index < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        number = int(np.searchsorted(self._ends, index, side="right"))
        passes = self.passes[number]
        begin = int(self._ends[number]) - passes.used
        round_, item = passes.at(epoch, index - begin)
        return self.parts[number][epoch * passes.rounds + round_, item]

    @property
    def lengths(self) -> Ints:
        """Tokens of each example of the first epoch; of the others, see `lengths_in`."""
        return self.lengths_in(0)

    def lengths_in(self, epoch: int) -> Ints:
        """Tokens of each example of an epoch: partial passes differ, (examples of an epoch,)."""
        found = []
        for part, passes in zip(self.parts, self.passes, strict=True):
            lengths = np.asarray(part.lengths, dtype=np.int64)
            found += [lengths] * (passes.used // passes.examples)
            found.append(lengths[passes.partial(epoch)])
        return np.concatenate(found)

    def tokens(self, epoch: int) -> list[int]:
        """Tokens of each part in an epoch, (K,)."""
        found = []
        for part, passes in zip(self.parts, self.passes, strict=True):
            lengths = np.asarray(part.lengths, dtype=np.int64)
            whole = passes.used // passes.examples * int(lengths.sum())
            found.append(whole + int(lengths[passes.partial(epoch)].sum()))
        return found
