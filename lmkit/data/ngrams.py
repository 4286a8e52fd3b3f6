"""Which runs of N tokens of some documents occur in a corpus: by 64-bit hashes, in bounded memory.

Held are the hashes of the documents' own runs and a table of bits; the corpus is read in pieces.
Shape letters: T tokens, N tokens of a run, E different runs of the documents, D documents.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from lmkit.data.pieces import Documents

Hashes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

_CHUNK = 1 << 20  # tokens of a corpus that are hashed at a time
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd: multiplying by it loses nothing
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # of splitmix64
_BITS_A_RUN = 16  # of the table, about: 1 in so many foreign runs is looked up


class RunsOfTokens:
    """The runs of N tokens within each of D documents, their end tokens left out."""

    def __init__(self, documents: Documents, size: int) -> None:
        """Hash them.

        Args:
            documents: each with its end token.
            size: N, at least 1.
        """
        self.size = size
        offsets = np.asarray(documents.offsets, np.int64)
        lengths = np.diff(offsets) - 1  # without the end token
        self.counts = np.maximum(lengths - size + 1, 0)
        """Runs of each document, (D,)."""
        starts = np.repeat(offsets[:-1], self.counts)
        first = np.repeat(np.cumsum(self.counts) - self.counts, self.counts)
        of_tokens = _run_hashes(np.asarray(documents.tokens), size)
        hashes = of_tokens[starts + np.arange(len(starts)) - first]
        self._known, self._place = np.unique(hashes, return_inverse=True)  # (E,), (runs,)
        self._met = np.zeros(len(self._known), bool)
        bits = max(16, int(_BITS_A_RUN * max(len(self._known), 1) - 1).bit_length())
        self._mask = np.uint64((1 << bits) - 1)
        self._table = np.zeros(1 << bits, bool)
        self._table[(self._known & self._mask).astype(np.int64)] = True

    def look_through(self, tokens: npt.NDArray[np.integer]) -> None:
        """Note which of the runs occur in a corpus of T tokens, as ids one after another.

        No run of the documents holds an end token, so none is met across two documents.
        """
        for start in range(0, len(tokens), _CHUNK):
            piece = np.asarray(tokens[start : start + _CHUNK + self.size - 1])
            hashes = _run_hashes(piece, self.size)
            maybe = hashes[self._table[(hashes & self._mask).astype(np.int64)]]
            if len(maybe):
                places = np.minimum(np.searchsorted(self._known, maybe), len(self._known) - 1)
                self._met[places[self._known[places] == maybe]] = True

    def found(self) -> list[Bools]:
        """Of each document which of its runs were met, D arrays of `counts` values."""
        return np.split(self._met[self._place], np.cumsum(self.counts)[:-1])


def covered(found: Bools, size: int) -> Bools:
    """Which tokens lie in a run that was met.

    Args:
        found: of the runs of a document, (R,).
        size: N.

    Returns:
        (R + N - 1,), or nothing where there is no run.
    """
    if not len(found):
        return np.zeros(0, bool)
    steps = np.zeros(len(found) + size, np.int64)
    np.add.at(steps, np.flatnonzero(found), 1)
    np.add.at(steps, np.flatnonzero(found) + size, -1)
    return np.cumsum(steps)[:-1] > 0


def longest_run(inside: Iterable[bool]) -> tuple[int, int]:
    """The first longest stretch of what is true: where it begins, and the place after its end."""
    flags = np.asarray(list(inside), np.int8)
    edges = np.flatnonzero(np.diff(flags, prepend=0, append=0))
    begins, ends = edges[::2], edges[1::2]
    if not len(begins):
        return 0, 0
    best = int(np.argmax(ends - begins))
    return int(begins[best]), int(ends[best])


def _run_hashes(tokens: npt.NDArray[np.integer], size: int) -> Hashes:
    """A hash of each run of N tokens: sum of mix(token) * base^place modulo 2^64, (T - N + 1,)."""
    count = len(tokens) - size + 1
    if count < 1:
        return np.zeros(0, np.uint64)
    mixed = _mixed(tokens)
    total = mixed[:count].copy()
    for place in range(1, size):
        total *= _BASE
        total += mixed[place : place + count]
    return total


def _mixed(tokens: npt.NDArray[np.integer]) -> Hashes:
    """Each id as 64 bits that look drawn (splitmix64: Steele, Lea and Flood 2014)."""
    found: Hashes = (tokens.astype(np.uint64) + np.uint64(1)) * _BASE
    found = (found ^ (found >> np.uint64(30))) * _MIX[0]
    found = (found ^ (found >> np.uint64(27))) * _MIX[1]
    return found ^ (found >> np.uint64(31))
