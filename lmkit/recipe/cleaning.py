"""What is done to the text before anything else reads it: the section `data.clean`.

The codes of languages are those of the libraries beneath; a test keeps them in step.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from lmkit.recipe.base import Section

TRANSFORMS = ("html", "unicode", "replace", "lowercase", "stop_words", "whitespace")
"""The keys that change texts, in the order in which they do."""
# Of stopwordsiso, but for those that do not part words by spaces (ja, th, zh).
StopWordsLanguage = Literal[
    "af", "ar", "bg", "bn", "br", "ca", "cs", "da", "de", "el", "en", "eo", "es", "et", "eu", "fa",
    "fi", "fr", "ga", "gl", "gu", "ha", "he", "hi", "hr", "hu", "hy", "id", "it", "ko", "ku", "la",
    "lt", "lv", "mr", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "so", "st", "sv", "sw",
    "tl", "tr", "uk", "ur", "vi", "yo", "zu",
]  # fmt: skip
# Of py3langid, but for `zxx`, which says that a text is in no language.
LanguageCode = Literal[
    "ace", "af", "am", "an", "ar", "ary", "arz", "as", "az", "ba", "bcl", "be", "bg", "bn", "br",
    "bs", "ca", "crh", "cs", "cy", "da", "de", "dz", "el", "en", "eo", "es", "et", "eu", "ext",
    "fa", "fi", "fo", "fr", "fuv", "fy", "ga", "gcf", "gcr", "gd", "gl", "gom", "grc", "gu", "gug",
    "guw", "ha", "hbo", "he", "hi", "hr", "ht", "hu", "hy", "id", "ig", "is", "it", "ja", "jv",
    "ka", "kab", "kik", "kk", "km", "kn", "ko", "ku", "ky", "la", "lb", "lg", "lij", "ln", "lo",
    "lt", "ltg", "lv", "mg", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no",
    "nso", "oc", "om", "or", "pa", "pcm", "pl", "ps", "pt", "qu", "ro", "ru", "rw", "sa", "sdh",
    "se", "si", "sk", "sl", "sn", "so", "sq", "sr", "st", "sv", "sw", "ta", "te", "tg", "th", "tk",
    "tl", "tr", "tt", "ug", "uk", "ur", "uz", "uzs", "vec", "vi", "vo", "wa", "wuu", "xh", "yo",
    "yue", "zh", "zu",
]  # fmt: skip


def _compiles(pattern: str) -> str:
    """Refuse what is no regular expression."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is not a regular expression of Python: {error}") from None
    return pattern


Pattern = Annotated[str, Field(min_length=1), AfterValidator(_compiles)]


class CleanSection(Section):
    """Transforms of every text, in the order of their keys, and then filters of training documents.

    `validation` and `test` are transformed alike, but filters leave them whole, for what is
    measured would change with them. `lmkit eval` and `lmkit predict` transform what they are given
    as the run did; `lmkit generate` takes a prompt as it is typed. Where a row has several texts (a
    pair, choices, messages) each is transformed, and filters look at all of them together. A row
    that loses all of a text is left out. Rows with offsets into their texts (`ner`, `qa`) are only
    filtered. Everything is read once for the counts, which the cache keeps.
    """

    html: Literal["entities", "tags"] | None = None
    """`entities`: `&amp;` and others become characters; `tags`: markup is removed first."""
    unicode: Literal["NFC", "NFKC", "NFD", "NFKD"] | None = None
    """The Unicode normal form; NFKC also makes one of wide, small and ligated letters."""
    replace: dict[Pattern, str] = Field(default_factory=dict)
    """Regular expressions and what takes the place of their matches (`\\1`: a group), in order."""
    lowercase: bool = False
    """Lower-case everything, what `replace` put in too."""
    stop_words: StopWordsLanguage | None = None
    """Remove this language's commonest words: scikit-learn's 318 for `en`, else stopwordsiso's."""
    whitespace: Literal["lines", "all"] | None = None
    """Make one space of a run of them; `lines` keeps lines and single blank lines, `all` none."""
    drop: list[Pattern] = Field(default_factory=list)
    """Regular expressions; a training document in which one is found is left out."""
    min_length: int | None = Field(default=None, ge=1)
    """The fewest characters that a training document may have, after the transforms."""
    max_length: int | None = Field(default=None, ge=1)
    """The most characters that a training document may have, after the transforms."""
    language: Annotated[list[LanguageCode], Field(min_length=1)] | None = None
    """Keep training documents in these languages, as py3langid tells by their beginning."""
    drop_leaks: bool = False
    """Leave out training documents that `validation` or `test` hold too (near ones if `near`)."""
    duplicates: Literal["exact", "near"] | None = None
    """Keep the first of equal training documents, or of nearly equal ones (MinHash LSH)."""
    near_threshold: float = Field(default=0.8, ge=0.5, le=1.0)
    """The Jaccard similarity of n-grams from which documents are near duplicates."""
    near_units: Literal["words", "characters"] = "words"
    """What n-grams are made of; `characters` for scripts that do not part words by spaces."""
    near_ngram: int = Field(default=5, ge=1)
    """The words (or characters) of an n-gram."""

    @property
    def is_active(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.model_dump(exclude_defaults=True))

    @property
    def transforms(self) -> list[str]:
        """The keys that change texts, of those that are given."""
        return [key for key in TRANSFORMS if getattr(self, key)]

    @model_validator(mode="after")
    def _fit_together(self) -> "CleanSection":
        for pattern, text in self.replace.items():
            try:
                re.sub(pattern, text, "")
            except (re.error, IndexError) as error:
                raise ValueError(
                    f"data.clean.replace: {text!r} cannot take the place of {pattern!r}: {error}"
                ) from None
        if self.min_length and self.max_length and self.min_length > self.max_length:
            raise ValueError(
                f"data.clean.max_length: {self.max_length} is below data.clean.min_length, "
                f"{self.min_length}"
            )
        if self.duplicates != "near":
            for key in ("near_threshold", "near_units", "near_ngram"):
                if getattr(self, key) != type(self).model_fields[key].default:
                    raise ValueError(f"data.clean.{key}: only with `data.clean.duplicates: near`")
        return self
