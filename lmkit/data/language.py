"""The language of a text, told offline by py3langid (Lui and Baldwin 2012, langid.py)."""

from collections.abc import Iterable

from lmkit.data.clean_libraries import library

SEEN = 1000
"""Characters at the beginning of a text that are looked at: more change the answer seldom, and the
time grows with them."""


class LanguageTeller:
    """Tells whether texts are in one of some languages; a sentence or more is told well."""

    def __init__(self, languages: Iterable[str]) -> None:
        self._languages = frozenset(languages)
        self._classify = library("py3langid").classify

    def keeps(self, text: str) -> bool:
        """Whether the likeliest of all languages that are known is one of ours."""
        return self._classify(text[:SEEN])[0] in self._languages
