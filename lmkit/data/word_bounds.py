"""Where the words of a text stand, for labels that belong to words whatever the tokenizer.

A word is a run of letters, digits and `_` with the marks that belong to them; in scripts that do
not part words by spaces (Chinese, Japanese, Thai, ...) each letter; and every other character but
white space. So a span may begin or end beside a hyphen, an apostrophe or a full stop.
"""

import re
import unicodedata

# Letters of scripts without spaces between words: Thai and Lao, Burmese, Khmer, kana, Han.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x31F0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9D), (0x20000, 0x3FFFF),
)  # fmt: skip
_JOINERS = {0x200C, 0x200D}  # zero-width: inside words of Persian and Hindi, and inside emoji
_WORD = re.compile("a[am]*|[cpm]m*")


class _Kinds(dict[int, str]):
    """The kind of each character, found when first met.

    `a`: of a word, `c`: a word of its own, `m`: belongs to what stands before, `p`: other, or a
    space.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kind = "p"
        if character.isspace():
            kind = " "
        elif code in _JOINERS or unicodedata.category(character).startswith("M"):
            kind = "m"
        elif character.isalnum() or character == "_":
            kind = "c" if any(low <= code <= high for low, high in _UNSPACED) else "a"
        self[code] = kind
        return kind


_KINDS = _Kinds()


def word_bounds(text: str) -> tuple[list[int], list[int]]:
    """Where each word begins and ends, in characters; no two touch one another's characters."""
    found = [match.span() for match in _WORD.finditer(text.translate(_KINDS))]
    return [begin for begin, _ in found], [end for _, end in found]
