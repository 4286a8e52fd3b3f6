"""The order of training: a function of seed and epoch, in memory that does not grow with the data.

`Permutation` shuffles the numbers below `size` without a list of them. `BatchPlan` says which
examples a process reads for a micro-batch of an optimizer step; a step holds the same examples
however many processes and micro-batches share it, and no example comes twice in an epoch.
"""

from typing import overload

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_ROUNDS = 8
_WINDOW_STEPS = 50  # steps whose examples are sorted by length together, as in transformers


class Permutation:
    """A bijection of [0, size), drawn by seed and epoch; any element costs the same.

    A balanced Feistel network over the next even number of bits; a result not below `size` is sent
    through again until one is (cycle walking; Black and Rogaway 2002, "Ciphers with arbitrary
    finite domains"; fewer than four times on average, more for sizes below 16). The round function
    is the finalizer of splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
    generators"), so that the order is fixed by this file alone, not by a version of numpy.
    """

    def __init__(self, size: int, seed: int, epoch: int) -> None:
        self.size = size
        half = max((max(size - 1, 1).bit_length() + 1) // 2, 2)
        self._half = np.uint64(half)  # bits of each half
        self._low = np.uint64((1 << half) - 1)
        state = _mix(_mix(seed & _MASK) + epoch & _MASK)
        self._keys = [
            np.uint64(_mix(state + number * _GOLDEN & _MASK)) for number in range(1, _ROUNDS + 1)
        ]

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, position: int) -> int: ...
    @overload
    def __getitem__(self, position: Ints) -> Ints: ...
    def __getitem__(self, position: int | Ints) -> int | Ints:
        """The element at a position, or those at an array of positions.

        Raises:
            IndexError: A position is not in [0, size).
        """
        positions = np.asarray(position, dtype=np.int64)
        if positions.size and not 0 <= positions.min() <= positions.max() < self.size:
            raise IndexError(f"a position is outside of a permutation of {self.size}")
        values = self._encrypt(np.atleast_1d(positions).astype(np.uint64))
        outside = np.flatnonzero(values >= np.uint64(self.size))
        while len(outside):
            values[outside] = self._encrypt(values[outside])
            outside = outside[values[outside] >= np.uint64(self.size)]
        elements = values.astype(np.int64)
        return int(elements[0]) if positions.ndim == 0 else elements

    def _encrypt(self, values: Words) -> Words:
        left, right = values >> self._half, values & self._low
        for key in self._keys:
            left, right = right, left ^ (_mix_words(right ^ key) & self._low)
        return (left << self._half) | right


class BatchPlan:
    """Which examples each process reads for each micro-batch of an epoch.

    Step s holds positions [s * total_batch_size, (s + 1) * total_batch_size) of the order; the last
    step holds what is left. A step's positions are cut into one run for each micro-batch and rank,
    micro-batch by micro-batch and in it rank by rank, whose sizes differ by one at most.

    With `lengths`, the order is grouped: windows of 50 steps of the permuted order are sorted from
    long to short and cut into steps, and the steps of a window are permuted, so that a step needs
    little padding. A step of fewer examples stays the last one. This is also a function of seed and
    epoch alone.

    Args:
        size: Examples of an epoch.
        total_batch_size: Examples of one optimizer step over all processes.
        micro_batch_size: Examples a process can hold at once.
        world_size: Processes.
        seed: What the order depends on,
        epoch: together with this.
        lengths: (size,) the tokens of each example, to group by.
        shuffle: Whether to permute at all.
    """

    def __init__(
        self,
        size: int,
        total_batch_size: int,
        micro_batch_size: int,
        world_size: int,
        seed: int,
        epoch: int,
        lengths: npt.NDArray[np.integer] | None = None,
        shuffle: bool = True,
    ) -> None:
        self._size = size
        self._total = total_batch_size
        self._cell = micro_batch_size
        self._world = world_size
        self._seed, self._epoch, self._shuffle = seed, epoch, shuffle
        self._permutation = Permutation(size, seed, epoch) if shuffle else None
        self._lengths = lengths
        self._window: tuple[int, Ints] | None = None  # the last one sorted: steps come in order
        self.steps = -(-size // total_batch_size)
        """Optimizer steps of the epoch."""

    def micro_batches(self, step: int) -> int:
        """Micro-batches that every rank runs in a step; the last step may need fewer."""
        return -(-self._rows(step) // (self._cell * self._world))

    def indices(self, step: int, micro: int, rank: int) -> list[int]:
        """The examples of one micro-batch of one rank: at most `micro_batch_size`, maybe none.

        Raises:
            IndexError: There is no such step, micro-batch or rank.
        """
        rows, cells = self._rows(step), self.micro_batches(step) * self._world
        cell = micro * self._world + rank
        if not (0 <= rank < self._world and 0 <= cell < cells):
            raise IndexError(f"step {step} has no micro-batch {micro} of rank {rank}")
        begin, end = rows * cell // cells, rows * (cell + 1) // cells
        elements: list[int] = self._elements(step, begin, end).tolist()
        return elements

    def _rows(self, step: int) -> int:
        if not 0 <= step < self.steps:
            raise IndexError(f"step {step} of {self.steps}")
        return min(self._total, self._size - step * self._total)

    def _elements(self, step: int, begin: int, end: int) -> Ints:
        """Examples [begin, end) of a step."""
        if self._lengths is None:
            return self._ordered(step * self._total + begin, step * self._total + end)
        number, place = divmod(step, _WINDOW_STEPS)
        if self._window is None or self._window[0] != number:
            self._window = number, self._sorted_window(number)
        start = place * self._total
        return self._window[1][start + begin : start + end]

    def _ordered(self, begin: int, end: int) -> Ints:
        """Elements [begin, end) of the order before grouping."""
        positions = np.arange(begin, end, dtype=np.int64)
        return positions if self._permutation is None else self._permutation[positions]

    def _sorted_window(self, number: int) -> Ints:
        """The examples of 50 steps, grouped by length and step after step."""
        assert self._lengths is not None
        width = _WINDOW_STEPS * self._total
        elements = self._ordered(number * width, min((number + 1) * width, self._size))
        elements = elements[np.argsort(-self._lengths[elements].astype(np.int64), kind="stable")]
        whole = len(elements) // self._total
        if self._shuffle and whole:
            steps = elements[: whole * self._total].reshape(whole, self._total)
            drawn = Permutation(whole, self._seed, _mix(self._epoch + (number << 32)))
            order = drawn[np.arange(whole, dtype=np.int64)]
            elements[: whole * self._total] = steps[order].reshape(-1)
        return elements


def branch(seed: int, number: int) -> int:
    """A seed of its own for each number, in [0, 2**64)."""
    return _mix(_mix(seed) + (number + 1) * _GOLDEN)


def _mix(value: int) -> int:
    """The finalizer of splitmix64: a bijection of 64-bit words that looks random."""
    value &= _MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def _mix_words(values: Words) -> Words:
    """`_mix` for an array; products wrap around as they should."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
