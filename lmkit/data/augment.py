"""Changed copies of a text: a function of the text, the seed, the epoch and the row, nothing else.

So a resumed run reads what it would have read, whatever the number of processes or loader workers.
"""

import random
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from lmkit.recipe.augmenting import AugmentSection

_WORD = re.compile(r"\S+")
_LETTERS = re.compile(r"[^\W\d_]+")
_SHORT = 4  # letters from which on a word is given a typo
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


class Replacement(NamedTuple):
    """A word of a text and what may stand in its place."""

    start: int
    """Of the word, in characters of the text."""
    end: int
    words: tuple[str, ...]


class Augmenter:
    """Makes the changes that a recipe asks for.

    Args:
        section: what to change, and how much.
        seed: of the draws.
    """

    def __init__(self, section: AugmentSection, seed: int) -> None:
        self._section = section
        self._seed = seed
        self._keep = frozenset(word.casefold() for word in section.keep)

    def draw(self, epoch: int, index: int) -> random.Random | None:
        """What decides about a row in an epoch; None where it is read as it is."""
        drawn = random.Random(f"{self._seed}/{epoch}/{index}")
        return drawn if drawn.random() < self._section.share else None

    def change(
        self, text: str, drawn: random.Random, replacements: Sequence[Replacement] = ()
    ) -> str:
        """A changed copy; at least one word of it is left.

        Args:
            text: as it is.
            drawn: from `draw`.
            replacements: what a masked model proposed for this text.
        """
        text = replaced(text, replacements, drawn)
        section = self._section
        words = [_Word(m.group(), is_kept(m.group(), self._keep)) for m in _WORD.finditer(text)]
        gaps = _WORD.split(text)  # what stands before, between and after the words
        if section.typos:
            words = [
                w if w.kept or drawn.random() >= section.typos else w.slip(drawn) for w in words
            ]
        if section.case:
            words = [
                w if w.kept or drawn.random() >= section.case else w.recase(drawn) for w in words
            ]
        if section.word_swap:
            _swap(words, section.word_swap, drawn)
        if section.word_dropout:
            return _drop(words, gaps, section.word_dropout, drawn)
        return "".join(gap + word.text for gap, word in zip(gaps, words, strict=False)) + gaps[-1]


class _Word(NamedTuple):
    text: str
    kept: bool

    def slip(self, drawn: random.Random) -> "_Word":
        """With one slip of the keyboard."""
        return self._replace(text=typo(self.text, drawn))

    def recase(self, drawn: random.Random) -> "_Word":
        """Written otherwise."""
        made = drawn.choice((str.lower, str.upper, str.capitalize))(self.text)
        return self._replace(text=made)


def replaced(text: str, replacements: Sequence[Replacement], drawn: random.Random) -> str:
    """Half of the words that may be replaced, each by one of those proposed for it."""
    parts, end = [], 0
    for start, stop, words in replacements:
        if drawn.random() < 0.5:
            parts += [text[end:start], drawn.choice(words)]
            end = stop
    return "".join([*parts, text[end:]])


def typo(word: str, drawn: random.Random) -> str:
    """A word with one slip: a letter struck beside, twice, left out, or before its neighbor.

    The first letter and what is no letter stay; so does a word of fewer than four letters.
    """
    places = [
        at
        for run in _LETTERS.finditer(word)
        if len(run.group()) >= _SHORT
        for at in range(run.start() + 1, run.end())
    ]
    if not places:
        return word
    at = drawn.choice(places)
    kind = drawn.choice(("beside", "twice", "missing", "before"))
    letter = word[at]
    if kind == "beside":
        return word[:at] + _beside(letter, drawn) + word[at + 1 :]
    if kind == "twice":
        return word[:at] + letter + word[at:]
    if kind == "missing" or at + 1 >= len(word):
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at + 1] + letter + word[at + 2 :]


def is_kept(word: str, keep: Collection[str]) -> bool:
    """Whether a word, or a part of it as in `don't`, is to stay."""
    bare = word.casefold().replace("\u2019", "'")
    letters = _LETTERS.findall(bare)
    return "n't" in bare or any(part in keep for part in letters) or bare in keep


def _beside(letter: str, drawn: random.Random) -> str:
    """A letter of the keyboard next to this one; the letter itself where it has none there."""
    low = letter.lower()
    for row in _ROWS:
        if low in row:
            at = row.index(low)
            found = drawn.choice([row[i] for i in (at - 1, at + 1) if 0 <= i < len(row)])
            return found.upper() if letter.isupper() else found
    return letter


def _swap(words: list[_Word], share: float, drawn: random.Random) -> None:
    """Words change places with the next one, none twice; a kept one stays where it is."""
    at = 0
    while at + 1 < len(words):
        if not (words[at].kept or words[at + 1].kept) and drawn.random() < share:
            words[at], words[at + 1] = words[at + 1], words[at]
            at += 1
        at += 1


def _drop(words: list[_Word], gaps: list[str], share: float, drawn: random.Random) -> str:
    """The text without some of its words, each with the white space before it."""
    left = [at for at, word in enumerate(words) if word.kept or drawn.random() >= share]
    if not left:
        left = [drawn.randrange(len(words))] if words else []
    return "".join(gaps[at] + words[at].text for at in left).lstrip() + gaps[-1]
