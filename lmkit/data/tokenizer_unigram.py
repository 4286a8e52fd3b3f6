"""Learn the pieces of a Unigram tokenizer from counted words, the same bits every time.

The model of Kudo 2018 (Subword Regularization, arXiv:1804.10959, section 3.2), as SentencePiece
trains it: frequent substrings as seeds, then expectation-maximization with pruning. Why not the
trainer of `tokenizers`: it sums over a hash map, whose order differs in each process, and so
scores, ids and, at near ties, pieces differ from one training to the next. Here the sorted words
give every sum its order. (It is faster too, for all words advance together, one character at a
time; on 11 MB of source 12 s against 228 s, with 1.4 % fewer tokens.)

Shape letters: W words, P positions (the characters of all words), K pieces.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import torch

from lmkit.data.tokenizer_substrings import MAX_PIECE, Positions, Substrings, frequent_substrings

MAX_WORD = 32  # longer words are learned from in parts, so that products stay within float64
MAX_POSITIONS = 2_000_000  # the commonest words up to this many characters: bounds memory and time
COVERAGE = (
    0.9995  # the share of the text whose characters get a piece; the rest is spelled in bytes
)
SEEDS_PER_PIECE = 10
SHRINK = 0.75  # the share of the pieces that one pruning keeps
EM_STEPS = 2  # before each pruning
DECIMALS = 6
_TILT = 8.0  # nats added per character: of no effect on a word, and the products stay near 1

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def learn_unigram(words: Mapping[str, int], size: int) -> list[tuple[str, float]]:
    """At most `size` pieces with their log probabilities, ordered by (-score, piece).

    Args:
        words: How often each word occurs.
        size: Pieces wanted, single characters included; fewer where the words hold fewer.
    """
    parts = _parts(words, size)
    if not parts:
        return []
    lattice = _Lattice(parts, seeds=size * SEEDS_PER_PIECE)
    scores = _scores(lattice.pieces.counts)
    while True:
        for _ in range(EM_STEPS):
            counts = lattice.expected(scores)
            kept = (counts >= 0.5) | lattice.is_character
            lattice.keep(kept)
            counts = counts[kept]
            scores = _scores(counts)
        if len(scores) <= size:
            break
        loss = counts * (scores - lattice.alternatives(scores))
        loss[lattice.is_character] = np.inf
        chosen = np.zeros(len(scores), dtype=np.bool_)
        chosen[np.argsort(-loss, kind="stable")[: max(size, int(len(scores) * SHRINK))]] = True
        lattice.keep(chosen)
        scores = scores[chosen]
    rounded = [round(float(score), DECIMALS) for score in scores]
    pieces = zip(lattice.texts(), rounded, strict=True)
    return sorted(pieces, key=lambda piece: (-piece[1], piece[0]))


def _scores(counts: Floats) -> Floats:
    """Log probabilities of pieces from their expected counts.

    digamma(count) - digamma(total) instead of logarithms favors common pieces, a sparse prior
    (Liang and Klein 2007), as SentencePiece has it.
    """
    floored = torch.from_numpy(np.maximum(counts, 0.5))
    total = torch.tensor(float(counts.sum()), dtype=torch.float64)
    scores: Floats = (torch.digamma(floored) - torch.digamma(total)).numpy()
    return scores


def _parts(words: Mapping[str, int], size: int) -> dict[str, int]:
    """What is learned from: the commonest words, cut at rare characters and at MAX_WORD."""
    alphabet = _alphabet(words, size)
    parts: dict[str, int] = {}
    room = MAX_POSITIONS
    for word, count in sorted(words.items(), key=lambda item: (-item[1], item[0])):
        known = "".join(c if c in alphabet else "\0" for c in word)
        for part in (
            p[i : i + MAX_WORD] for p in known.split("\0") for i in range(0, len(p), MAX_WORD)
        ):
            room -= len(part) if part not in parts else 0
            if room < 0:
                return parts
            parts[part] = parts.get(part, 0) + count
    return parts


def _alphabet(words: Mapping[str, int], size: int) -> set[str]:
    """The commonest characters up to COVERAGE of the text, at most half of `size`."""
    counts: dict[str, int] = {}
    for word, count in words.items():
        for character in word:
            counts[character] = counts.get(character, 0) + count
    alphabet: set[str] = set()
    wanted = COVERAGE * sum(counts.values())
    for character, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if wanted <= 0 or len(alphabet) >= max(size // 2, 1):
            break
        if character != "\0":
            alphabet.add(character)
        wanted -= count
    return alphabet


class _Lattice:
    """Every way to cut every word into the pieces there are."""

    def __init__(self, words: Mapping[str, int], *, seeds: int) -> None:
        self.positions = Positions(words)
        self.pieces: Substrings = frequent_substrings(self.positions, seeds)

    @property
    def is_character(self) -> npt.NDArray[np.bool_]:
        """Which pieces are single characters: those are never pruned, (K,)."""
        single: npt.NDArray[np.bool_] = self.pieces.lengths == 1
        return single

    def texts(self) -> Iterator[str]:
        """The text of each piece."""
        for first, length in zip(self.pieces.first.tolist(), self.pieces.lengths, strict=True):
            yield self.positions.text(first, int(length))

    def keep(self, chosen: npt.NDArray[np.bool_]) -> None:
        """Drop the pieces that are not `chosen` (K,), and number the others anew."""
        left = int(chosen.sum())
        renumbered = np.where(
            np.append(chosen, False), np.cumsum(np.append(chosen, False)) - 1, left
        )
        renumbered = renumbered.astype(np.int32)
        pieces = self.pieces
        self.pieces = Substrings(
            ids=[renumbered[ids] for ids in pieces.ids],
            first=pieces.first[chosen],
            lengths=pieces.lengths[chosen],
            counts=pieces.counts[chosen],
        )

    def expected(self, scores: Floats) -> Floats:
        """How often each piece is expected in the text under `scores` (K,): the E-step, (K,).

        Forward and backward sums over all cuts of a word. `before[t]` and `after[t]` hold, for each
        word that reaches offset t, the weight of all ways to cut its first t characters and its
        others; `after` begins with count / weight of the whole word.
        """
        weights = np.append(np.exp(scores + _TILT * self.pieces.lengths), 0.0)
        at, longest, ids = self.positions, self.positions.longest, self.pieces.ids
        before = [np.ones(at.reach[0])]
        for end in range(1, longest + 1):
            total = np.zeros(at.reach[end - 1])
            for length in range(1, min(MAX_PIECE, end) + 1):
                edges = ids[length - 1][at.span(end - length, len(total))]
                total += before[end - length][: len(total)] * weights[edges]
            before.append(total)
        whole = [before[end][at.reach[end] :] for end in range(longest, 0, -1)]
        share = at.counts / np.concatenate(whole)  # (W,)
        after = {longest: share[: at.reach[longest - 1]]}
        expected = np.zeros(len(weights))
        for start in range(longest - 1, -1, -1):
            total = share[: at.reach[start - 1] if start else at.reach[0]].copy()
            total[: at.reach[start]] = 0.0
            for length in range(1, min(MAX_PIECE, longest - start) + 1):
                words = at.reach[start + length - 1]
                edges = ids[length - 1][at.span(start, words)]
                flow = weights[edges] * after[start + length][:words]
                total[:words] += flow
                flow *= before[start][:words]
                expected += np.bincount(edges, weights=flow, minlength=len(weights))
            after[start] = total
        return expected[:-1]

    def alternatives(self, scores: Floats) -> Floats:
        """The best score of each piece when it is put together from others, (K,)."""
        padded = np.append(scores, -np.inf)
        offsets, words = self.positions.locate(self.pieces.first)
        found = np.full(len(scores), -np.inf)
        for size in range(2, MAX_PIECE + 1):
            who = np.flatnonzero(self.pieces.lengths == size)
            best = [np.zeros(len(who))]
            for end in range(1, size + 1):
                options = []
                for length in range(1, min(end, size - 1) + 1):
                    where = self.positions.starts[offsets[who] + end - length] + words[who]
                    edges = self.pieces.ids[length - 1][where]
                    options.append(best[end - length] + padded[edges])
                best.append(np.maximum.reduce(options))
            found[who] = best[size]
        return found
