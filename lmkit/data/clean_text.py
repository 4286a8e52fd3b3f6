"""The transforms of `data.clean`, of one text at a time, in an order that is fixed.

`html`, `unicode`, `replace`, `lowercase`, `stop_words`, `whitespace`: entities may stand for any
character, so they come first; patterns see the letters as they were written; white space comes
last and closes the gaps that the others leave.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from lmkit.data.clean_libraries import check_libraries, library
from lmkit.data.markup import strip_tags
from lmkit.recipe.cleaning import TRANSFORMS, CleanSection

Transform = Callable[[str], str]

_PLANE = 0x10000  # all scripts of the lists are below; sets of higher characters are slow
_BLANK_LINES = re.compile(r"\n{3,}")


class TextCleaner:
    """The transforms that a recipe asks for.

    Attributes:
        steps: Their keys and what they do, in order.
    """

    def __init__(self, section: CleanSection) -> None:
        self._section = section
        self._stop_words: frozenset[str] = frozenset()
        if section.stop_words is not None:
            self._stop_words = stop_words(section.stop_words)
        self.steps: list[tuple[str, Transform]] = list(self._steps())

    def __call__(self, text: str) -> str:
        """The text after all of them."""
        for _, transform in self.steps:
            text = transform(text)
        return text

    def identity(self) -> list[Any]:
        """All that decides what becomes of a text, as JSON knows it."""
        options = self._section.model_dump(include=set(TRANSFORMS), exclude_defaults=True)
        if "replace" in options:
            options["replace"] = list(options["replace"].items())  # their order counts
        words = sorted(self._stop_words)
        return [options, words, unicodedata.unidata_version] if self.steps else []

    def _steps(self) -> Iterator[tuple[str, Transform]]:
        section = self._section
        if section.html is not None:
            yield "html", _unescape if section.html == "entities" else _plain
        if section.unicode is not None:
            yield "unicode", partial(_normalize, section.unicode)
        if section.replace:
            pairs = [(re.compile(pattern), text) for pattern, text in section.replace.items()]
            yield "replace", partial(_replace, pairs)
        if section.lowercase:
            yield "lowercase", str.lower
        if section.stop_words is not None:
            yield "stop_words", partial(_remove_words, self._stop_words)
        if section.whitespace is not None:
            yield "whitespace", _collapse_lines if section.whitespace == "lines" else _collapse


def cleaner(section: CleanSection | None) -> TextCleaner | None:
    """The transforms of a run, for texts that come to its model; None where it has none.

    Raises:
        MissingExtraError: a library that they need is not installed.
    """
    if section is None or not section.is_active:
        return None
    check_libraries(section, filters=False)
    made = TextCleaner(section)
    return made if made.steps else None


def stop_words(language: str) -> frozenset[str]:
    """The stop words of a language, in lower case.

    English ones are scikit-learn's: of stopwordsiso's 1,298 too many carry the meaning of a text
    (`new`, `important`, `problem`). Neither list is made for every use: see Nothman, Qin and
    Yurchak 2018, "Stop word lists in free open-source software packages".
    """
    if language == "en":
        return frozenset(library("sklearn.feature_extraction.text").ENGLISH_STOP_WORDS)
    return frozenset(word.lower() for word in library("stopwordsiso").stopwords(language))


def _unescape(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _plain(text: str) -> str:
    return _unescape(strip_tags(text))


def _normalize(form: Any, text: str) -> str:
    return text if text.isascii() else unicodedata.normalize(form, text)


def _replace(pairs: list[tuple[re.Pattern[str], str]], text: str) -> str:
    for pattern, replacement in pairs:
        text = pattern.sub(replacement, text)
    return text


def _collapse(text: str) -> str:
    """One space for each run of white space, and none at the ends."""
    return " ".join(text.split())


def _collapse_lines(text: str) -> str:
    """The same within lines, which end with a line feed; one blank line for each run of them."""
    lines = "\n".join([" ".join(line.split()) for line in text.splitlines()])
    return _BLANK_LINES.sub("\n\n", lines).strip("\n")


def _remove_words(words: frozenset[str], text: str) -> str:
    """The text without those words, whatever their case, each with the blank that follows it."""
    pieces = _word().split(text)  # between, word, blank, between, word, blank, ..., between
    for at in range(1, len(pieces), 3):
        if pieces[at].lower().replace("’", "'") in words:
            pieces[at] = pieces[at + 1] = ""
    return "".join(pieces)


@cache
def _word() -> re.Pattern[str]:
    r"""A word, apostrophes within it included, and a blank after it.

    To `\w` the marks that many scripts write vowels with are no part of a word; here they are.
    """
    codes = range(_PLANE)
    marks = "".join(chr(code) for code in codes if unicodedata.category(chr(code)) in ("Mn", "Mc"))
    run = rf"\w+(?:[{marks}]\w*)*"
    return re.compile(rf"({run}(?:['’]{run})*)([ \t]?)")
