"""Texts with words put in the place of others: `he` for `she`, a man's name for a woman's.

A text and its swapped twin differ in whom they speak of, so a model that tells them apart goes by
that (Lu et al. 2020, Gender Bias in Neural NLP, arXiv:1807.11714; Zhao et al. 2018,
arXiv:1804.06876).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from lmkit.data.rows import Source, column
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
"""Words for men and for women. Of several partners of a word the first is taken, but see ALONE."""
ALONE = {"her": "him", "his": "hers"}
"""What becomes of a word that no noun follows: `saw her.`, `a friend of his` against `her book`."""
AFTER = frozenset((
    "a", "about", "after", "again", "against", "all", "along", "also", "although", "always",
    "am", "an", "and", "any", "are", "around", "as", "at", "away", "be", "because", "before",
    "behind", "both", "but", "by", "could", "did", "do", "does", "down", "during", "each",
    "either", "else", "even", "ever", "everything", "for", "from", "had", "has", "have", "he",
    "here", "how", "i", "if", "in", "instead", "into", "is", "it", "just", "like", "me", "must",
    "my", "never", "no", "nor", "not", "nothing", "now", "of", "off", "often", "on", "onto",
    "or", "our", "out", "over", "shall", "she", "should", "since", "so",
    "some", "something", "soon", "than", "that", "the", "their", "them", "then",
    "there", "these", "they", "this", "those", "though", "through", "till", "to", "today",
    "together", "tomorrow", "tonight", "too", "toward", "towards", "twice", "under", "unless",
    "until", "up", "upon", "us", "was", "we", "were", "what", "when", "where",
    "whether", "which", "while", "who", "whom", "why", "with", "within", "without", "would",
    "yesterday", "yet", "you",
))  # fmt: skip
"""Words that seldom begin what somebody has: before them, as before a mark or the end, no noun
follows. A guess by the next word alone: `told her stories` is taken for `her stories`."""
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

_NEXT = re.compile(r"""[ \t\n]+["'(\u201c\u2018]?([^\W\d_]+|\d+)""")
FROM, TO = "from", "to"
"""The columns of a file of swaps."""


class Edit(NamedTuple):
    """A word that is exchanged."""

    start: int
    end: int
    """Its place in the text, in characters, the end not included."""
    made: str
    """What stands there afterwards."""
    way: int
    """1: the second of a pair for the first; -1: the other way round."""


class Swaps:
    """Pairs of words, each put in the place of the other; as written, and in lower or upper case.

    A pair of names, which begin with a capital, is found only so.
    """

    def __init__(
        self, pairs: Iterable[Sequence[str]], alone: Mapping[str, str] | None = None
    ) -> None:
        """Take pairs (a, b); of a word in several the first counts.

        Args:
            pairs: of words.
            alone: what a word of them becomes where no noun follows.
        """
        self._partner: dict[str, tuple[str, int]] = {}
        for one, other in pairs:
            for word, partner, way in ((one, other, 1), (other, one, -1)):
                for form, made in _forms(word, partner):
                    self._partner.setdefault(form, (made, way))
        self._alone = dict(
            form for word, partner in (alone or {}).items() for form in _forms(word, partner)
        )
        longest_first = sorted(self._partner, key=lambda word: (-len(word), word))
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    def listed(self) -> list[tuple[str, str]]:
        """What is exchanged for what; what becomes of a word without a noun comes last."""
        return [(word, made) for word, (made, _) in self._partner.items()] + [*self._alone.items()]

    def edits(self, text: str, after: str = "") -> list[Edit]:
        """The words of a text that are exchanged, in their order.

        Args:
            text: is looked through.
            after: what follows it, where it is a part of a sentence.
        """
        found = []
        for match in self._pattern.finditer(text):
            word = match.group()
            made, way = self._partner[word]
            if word in self._alone and _is_alone(text[match.end() :] + after):
                made = self._alone[word]
            found.append(Edit(match.start(), match.end(), made, way))
        return found

    def swapped(self, text: str, after: str = "") -> tuple[str, set[int]]:
        """The text with the words of each pair exchanged, and which ways: 1 is a to b, -1 b to a.

        No way means that the text holds no such word. The arguments are those of `edits`.
        """
        made, end = [], 0
        edits = self.edits(text, after)
        for edit in edits:
            made += [text[end : edit.start], edit.made]
            end = edit.end
        return "".join([*made, text[end:]]), {edit.way for edit in edits}


def _forms(word: str, partner: str) -> list[tuple[str, str]]:
    """A word and its partner as written, with a capital, and in capitals."""
    forms = [(word, partner)]
    if word.islower():
        forms += [(word.capitalize(), partner.capitalize())]
    return forms + ([(word.upper(), partner.upper())] if len(word) > 1 else [])


def _is_alone(rest: str) -> bool:
    """Whether what follows a word begins with no noun phrase, as far as its first word tells."""
    following = _NEXT.match(rest)
    return following is None or following[1].lower() in AFTER


def moved(place: int, edits: Iterable[Edit]) -> int:
    """Where a place of a text lies after edits; one within a word goes to the word's end."""
    shift = 0
    for edit in edits:
        if edit.start >= place:
            break
        shift += len(edit.made) - (min(edit.end, place) - edit.start)
    return place + shift


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
