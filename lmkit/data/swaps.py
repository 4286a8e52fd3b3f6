"""Texts with words put in the place of others: `he` for `she`, a man's name for a woman's.

A text and its swapped twin differ in whom they speak of, so a model that tells them apart goes by
that (Lu et al. 2020, Gender Bias in Neural NLP, arXiv:1807.11714; Zhao et al. 2018,
arXiv:1804.06876).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lmkit.data.fingerprint import combined
from lmkit.data.rows import Row, Source, column
from lmkit.errors import DataError

GENDER = (
    ("he", "she"), ("his", "her"), ("himself", "herself"), ("man", "woman"), ("men", "women"),
    ("boy", "girl"), ("boys", "girls"), ("father", "mother"), ("fathers", "mothers"),
    ("son", "daughter"), ("sons", "daughters"), ("brother", "sister"), ("brothers", "sisters"),
    ("husband", "wife"), ("husbands", "wives"), ("uncle", "aunt"), ("uncles", "aunts"),
    ("nephew", "niece"), ("nephews", "nieces"), ("grandfather", "grandmother"),
    ("grandson", "granddaughter"), ("boyfriend", "girlfriend"), ("gentleman", "lady"),
    ("gentlemen", "ladies"), ("male", "female"), ("males", "females"), ("king", "queen"),
    ("prince", "princess"), ("actor", "actress"), ("waiter", "waitress"), ("dad", "mom"),
    ("sir", "madam"), ("mr", "mrs"), ("him", "her"), ("his", "hers"),
)  # fmt: skip
"""Words for men and for women. Of several partners of a word the first is taken: `her` becomes
`his`, also where it stands for `him`."""
NAMES = (
    ("James", "Mary"), ("Robert", "Patricia"), ("John", "Jennifer"), ("Michael", "Linda"),
    ("David", "Elizabeth"), ("William", "Barbara"), ("Richard", "Susan"), ("Joseph", "Jessica"),
    ("Thomas", "Karen"), ("Christopher", "Sarah"), ("Charles", "Lisa"), ("Daniel", "Nancy"),
    ("Matthew", "Sandra"), ("Anthony", "Ashley"), ("Mark", "Emily"), ("Steven", "Kimberly"),
    ("Donald", "Betty"), ("Andrew", "Margaret"), ("Joshua", "Donna"), ("Paul", "Michelle"),
)  # fmt: skip
"""The commonest first names of men and women in the United States in the order of their ranks, as
the Social Security Administration tells them of a century of births."""
BUILT_IN = {"gender": GENDER, "names": NAMES}

FROM, TO = "from", "to"
"""The columns of a file of swaps."""


class Swaps:
    """Pairs of words, each put in the place of the other; as written, and in lower or upper case.

    A pair of names, which begin with a capital, is found only so.
    """

    def __init__(self, pairs: Iterable[Sequence[str]]) -> None:
        """Take pairs (a, b); of a word in several the first counts."""
        self._partner: dict[str, tuple[str, int]] = {}
        for one, other in pairs:
            for word, partner, way in ((one, other, 1), (other, one, -1)):
                forms = [(word, partner)]
                if word.islower():
                    forms += [(word.capitalize(), partner.capitalize())]
                forms += [(word.upper(), partner.upper())] if len(word) > 1 else []
                for form, made in forms:
                    self._partner.setdefault(form, (made, way))
        longest_first = sorted(self._partner, key=lambda word: (-len(word), word))
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    def listed(self) -> list[tuple[str, str]]:
        """What is exchanged for what."""
        return [(word, made) for word, (made, _) in self._partner.items()]

    def swapped(self, text: str) -> tuple[str, set[int]]:
        """The text with the words of each pair exchanged, and which ways: 1 is a to b, -1 b to a.

        No way means that the text holds no such word.
        """
        ways: set[int] = set()

        def exchange(match: re.Match[str]) -> str:
            made, way = self._partner[match.group()]
            ways.add(way)
            return made

        return self._pattern.sub(exchange, text), ways


def read_swaps(source: Source) -> Swaps:
    """The pairs of a file.

    Raises:
        DataError: a row lacks a word, or both are the same.
    """
    pairs = []
    for row in source.rows():
        one, other = column(row, FROM).strip(), column(row, TO).strip()
        if one == other:
            raise DataError(f"{row.origin}: `{FROM}` and `{TO}` are equal; leave the row out")
        pairs.append((one, other))
    return Swaps(pairs)


@dataclass(frozen=True)
class Affected:
    """The rows of a split in which words can be swapped; as they are, or swapped."""

    source: Source
    swaps: Swaps
    columns: tuple[str, ...]
    """The columns of the texts."""
    is_swapped: bool

    @property
    def name(self) -> str:
        """That of the split."""
        return self.source.name

    def pairs(self) -> Iterator[tuple[Row, Row, int]]:
        """Each row, its twin, and the way: 1 or -1, and 0 where words went both ways."""
        for row in self.source.rows():
            made: dict[str, Any] = dict(row.values)
            ways: set[int] = set()
            for name in self.columns:
                made[name], found = self.swaps.swapped(column(row, name))
                ways |= found
            if ways:
                yield row, row._replace(values=made), sum(ways)

    def rows(self) -> Iterator[Row]:
        """The rows, or their twins."""
        return (twin if self.is_swapped else row for row, twin, _ in self.pairs())

    def fingerprint(self) -> str:
        """That of the split, and of what is exchanged."""
        found = [list(pair) for pair in self.swaps.listed()]
        return combined(["affected", self.source.fingerprint(), found, self.is_swapped])

    def describe(self) -> list[dict[str, Any]]:
        """The files of the split."""
        return self.source.describe()
