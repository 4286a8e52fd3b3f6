"""Several sources as one: joined one after another, or mixed by weight.

Each part is read, tokenized and cached by itself, so that another weight tokenizes nothing again.
Shape letters: K parts, N examples of a part, T tokens of all its examples.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from lmkit.data.fingerprint import combined
from lmkit.data.rows import Row, Source
from lmkit.recipe.mixture import MixturePart


@dataclass(frozen=True)
class Joined:
    """The rows of several sources, one source after the other."""

    name: str
    parts: tuple[Source, ...]

    def rows(self) -> Iterator[Row]:
        """Every row of every part."""
        for part in self.parts:
            yield from part.rows()

    def fingerprint(self) -> str:
        """That of the parts, in order."""
        return combined(["joined", [part.fingerprint() for part in self.parts]])

    def describe(self) -> list[dict[str, Any]]:
        """The files of all parts."""
        return [file for part in self.parts for file in part.describe()]


@dataclass(frozen=True)
class Mixture(Joined):
    """The parts of a training split, and how much of an epoch each of them makes."""

    entries: tuple[MixturePart, ...]
    """What the recipe says of each part."""

    def fingerprint(self) -> str:
        """That of the parts with their weights."""
        asked = [[entry.weight, entry.repeat] for entry in self.entries]
        return combined(["mixture", super().fingerprint(), asked])

    def unmixed(self) -> Joined:
        """The same rows; the weights are no part of the fingerprint."""
        return Joined(self.name, self.parts)

    def with_parts(self, change: Callable[[Source], Source]) -> "Mixture":
        """The same mixture of changed parts."""
        return replace(self, parts=tuple(change(part) for part in self.parts))


def text_of(source: Source) -> Source:
    """What is read of a source where weights do not matter, as in training a tokenizer."""
    return source.unmixed() if isinstance(source, Mixture) else source


def parts_of(source: Source) -> tuple[Source, ...]:
    """The sources that are tokenized by themselves: the parts of a mixture, else the source."""
    return source.parts if isinstance(source, Mixture) else (source,)


def epoch_sizes(
    entries: Sequence[MixturePart], examples: Sequence[int], tokens: Sequence[int]
) -> list[int]:
    """How many examples of each part an epoch holds, at least all of them.

    With weights w the shares of the tokens are w / sum(w): part k is passed over
    p_k = (w_k / T_k) / min_j (w_j / T_j) times, which is the shortest epoch that sees every part
    whole. The examples, p_k N_k, are made whole numbers by the largest remainder, so that each is
    off by less than one example.

    Args:
        entries: (K,) weights, or how often each part is repeated.
        examples: (K,) N, above 0.
        tokens: (K,) T, above 0.
    """
    if any(entry.weight is None for entry in entries):
        return [count * (entry.repeat or 1) for count, entry in zip(examples, entries, strict=True)]
    # a weight is taken as the decimal that was written, so that 0.1 and 0.2 are exactly 1 to 2
    rates = [
        Fraction(repr(entry.weight)) / total for entry, total in zip(entries, tokens, strict=True)
    ]
    slowest = min(rates)
    exact = [rate / slowest * count for rate, count in zip(rates, examples, strict=True)]
    return largest_remainder(exact)


def largest_remainder(shares: Sequence[Fraction]) -> list[int]:
    """Whole numbers, each the share rounded up or down, whose sum is that of the shares, rounded.

    Those with the largest fractions are rounded up (Hamilton's method); of equal ones the first.
    """
    whole = [share.numerator // share.denominator for share in shares]
    missing = round(sum(shares, Fraction(0))) - sum(whole)
    by_fraction = sorted(range(len(shares)), key=lambda k: (whole[k] - shares[k], k))
    for k in by_fraction[:missing]:
        whole[k] += 1
    return whole
