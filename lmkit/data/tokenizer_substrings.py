"""The frequent substrings of counted words, as arrays: the seeds of a Unigram vocabulary.

Shape letters: W words, P positions (the characters of all words), K substrings.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAX_PIECE = 16  # characters of a substring, as in SentencePiece

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Positions:
    """The characters of all words, numbered offset by offset.

    Words are sorted by falling length, then by text; character `offset` of word `w` has the number
    `starts[offset] + w`. So the words that reach an offset are a prefix of all words, and one
    operation on a slice advances them together.
    """

    def __init__(self, words: Mapping[str, int]) -> None:
        """Lay out at least one word; none may be empty."""
        ordered = sorted(words, key=lambda word: (-len(word), word))
        self.counts: Floats = np.array([words[word] for word in ordered], dtype=np.float64)  # (W,)
        self.lengths: Ints = np.array([len(word) for word in ordered], dtype=np.int64)  # (W,)
        self.longest = len(ordered[0])
        self.reach = [int((self.lengths > offset).sum()) for offset in range(self.longest + 1)]
        """How many words have a character at each offset; 0 at the last."""
        self.starts: Ints = np.concatenate([[0], np.cumsum(self.reach)])
        text = "".join(
            word[offset] for offset in range(self.longest) for word in ordered[: self.reach[offset]]
        )
        self.codes: Ints = np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.int64)

    def span(self, offset: int, words: int) -> slice:
        """The positions of the first `words` words at `offset`."""
        start = int(self.starts[offset])
        return slice(start, start + words)

    def locate(self, positions: Ints) -> tuple[Ints, Ints]:
        """The offset and the word of each position."""
        offsets = np.searchsorted(self.starts[: self.longest], positions, side="right") - 1
        return offsets, positions - self.starts[offsets]

    def text(self, position: int, length: int) -> str:
        """The substring of `length` characters that begins at a position."""
        offset, word = (int(found[0]) for found in self.locate(np.array([position])))
        return "".join(chr(int(self.codes[self.starts[offset + i] + word])) for i in range(length))


@dataclass(frozen=True)
class Substrings:
    """K substrings; the single characters come first."""

    ids: list[npt.NDArray[np.int32]]
    """For each length up to MAX_PIECE, which begins at a position, K where none does: (P,)."""
    first: Ints
    """A position where each occurs, (K,)."""
    lengths: Ints
    """Characters, (K,)."""
    counts: Floats
    """How often each occurs in the text, (K,)."""


def frequent_substrings(positions: Positions, most: int) -> Substrings:
    """Every character, and the `most` substrings that cover the most text: length times count.

    Substrings of up to MAX_PIECE characters that occur at least twice. One of length n is named by
    that of length n - 1 and its last character; where either shorter part is rare, so is the whole.
    """
    offsets, words = positions.locate(np.arange(len(positions.codes)))
    weight = positions.counts[words]
    left = positions.lengths[words] - offsets  # characters from here to the end of the word, (P,)
    following = positions.starts[offsets + 1] + words  # only meant where left > 1
    alphabet, first, name = np.unique(positions.codes, return_index=True, return_inverse=True)
    found = [_Length(first, _totals(name, weight), _small(np.arange(len(name))), _small(name))]
    character, last = name, np.arange(len(name))
    names = name
    for length in range(2, MAX_PIECE + 1):
        here = found[-1].places
        longer = left[here] >= length
        here, last = here[longer], last[longer]
        frequent = names[following[here]] >= 0
        here, last = here[frequent], following[last[frequent]]
        key = names[here] * len(alphabet) + character[last]
        _, first, name = np.unique(key, return_index=True, return_inverse=True)
        count = _totals(name, weight[here])
        often = count >= 2
        renamed = np.where(often, np.cumsum(often) - 1, -1)[name]
        stays = renamed >= 0
        found.append(
            _Length(here[first[often]], count[often], _small(here[stays]), _small(renamed[stays]))
        )
        last = last[stays]
        names = np.full(len(positions.codes), -1)
        names[found[-1].places] = found[-1].names
    return _choose(found, most, len(positions.codes))


@dataclass(frozen=True)
class _Length:
    """The substrings of one length: n of them, at m places."""

    first: Ints  # (n,)
    counts: Floats  # (n,)
    places: npt.NDArray[np.int32]  # (m,)
    names: npt.NDArray[np.int32]  # (m,), which substring is at each place


def _small(numbers: Ints) -> npt.NDArray[np.int32]:
    return numbers.astype(np.int32)


def _totals(names: Ints, weights: Floats) -> Floats:
    return np.bincount(names, weights=weights).astype(np.float64)


def _choose(found: list[_Length], most: int, size: int) -> Substrings:
    """All of the first length, and of the others the `most` with the largest length times count."""
    counts = np.concatenate([of.counts for of in found])
    lengths = np.concatenate([np.full(len(of.counts), n) for n, of in enumerate(found, 1)])
    first = np.concatenate([of.first for of in found])
    covered = np.where(lengths == 1, np.inf, lengths * counts)
    chosen = np.zeros(len(counts), dtype=np.bool_)
    chosen[np.argsort(-covered, kind="stable")[: len(found[0].counts) + most]] = True
    total = int(chosen.sum())
    numbers = np.where(chosen, np.cumsum(chosen) - 1, total)
    ids, before = [], 0
    for of in found:
        at = np.full(size, total, dtype=np.int32)
        at[of.places] = numbers[before + of.names]
        ids.append(at)
        before += len(of.counts)
    return Substrings(ids, first[chosen], lengths[chosen], counts[chosen])
