"""Signs in one text that its bytes were damaged, misread, or are no text at all.

Mojibake is UTF-8 that was read as Latin-1 or Windows-1252 and written again: `é` (0xC3 0xA9) has
become `Ã©`. Looked for are the pairs that hardly any language writes: Ã or Â before what stands for
a continuation byte, `â€` and its like before one (curly quotes, dashes, signs), `ðŸ` (emoji).
"""

import re

from lmkit.data.doctor.findings import Severity

MANY_ODD = 0.1
"""The share of characters that are control characters or U+FFFD from which on a text is binary."""
LONG_CODE = 256
"""Characters without a space, all of Base64's alphabet, that are taken for encoded bytes."""

# what Windows-1252 makes of the bytes 0x80 to 0x9f, beside the characters of Latin-1
_WINDOWS = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_AFTER = f"[\x80-\xbf{_WINDOWS}]"
_MOJIBAKE = re.compile(f"[ÃÂ]{_AFTER}|â[€‚„]{_AFTER}|ðŸ")
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0e-\x1f\x7f-\x9f]")  # tab, line ends, form feed are text
_ODD = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufffd]")
_ANY = re.compile(rf"{_ODD.pattern}|\ufeff|\r|[ÃÂ]{_AFTER}|â[€‚„]|ðŸ")
_CODE = re.compile(rf"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{{{LONG_CODE},}}={{0,2}}(?![A-Za-z0-9+/=])")

SIGNS: dict[str, tuple[Severity, str, str]] = {
    "replacement_character": (
        "warning",
        "hold U+FFFD, which stands for bytes that could not be read",
        "take the text from its source again, in its own encoding; what is lost cannot be mended",
    ),
    "mojibake": (
        "warning",
        "look like UTF-8 that was read as Windows-1252 (as in `Ã©` for `é`)",
        "read the source as UTF-8, or mend the text with a library (ftfy)",
    ),
    "nul": (
        "warning",
        "hold NUL characters",
        "remove them; UTF-16 that was read as single bytes has one in each character",
    ),
    "control_character": (
        "warning",
        "hold control characters other than tab, line end and form feed",
        "remove them, or take the text from its source again",
    ),
    "inner_bom": (
        "warning",
        "hold a byte-order mark (U+FEFF) inside",
        "remove it; it stays where files were joined",
    ),
    "mixed_line_ends": (
        "note",
        r"mix the line ends \r\n, \n and \r",
        r"write all line ends as \n: the tokenizer learns each kind apart",
    ),
    "binary": (
        "warning",
        f"look like binary data: {MANY_ODD:.0%} or more of the characters are no text",
        "leave the rows out",
    ),
    "encoded_bytes": (
        "note",
        f"hold {LONG_CODE} or more characters in a row that look like Base64 or hexadecimal",
        "leave such rows out unless the model shall learn to write them",
    ),
}
"""Kind of sign: its severity, what is said of the rows that have it, and the cure."""


def text_signs(text: str) -> list[str]:
    """The kinds of `SIGNS` that a text shows, in their order."""
    found = set()
    if len(text) >= LONG_CODE and _is_code(text):
        found.add("encoded_bytes")
    if _ANY.search(text):
        found |= _rare_signs(text)
    return [kind for kind in SIGNS if kind in found]


def _rare_signs(text: str) -> set[str]:
    """The signs that need a character few texts have."""
    here = {
        "replacement_character": "\ufffd" in text,
        "mojibake": _MOJIBAKE.search(text) is not None,
        "nul": "\0" in text,
        "control_character": _CONTROL.search(text) is not None,
        "inner_bom": "\ufeff" in text,
        "mixed_line_ends": "\r" in text and _mixes_line_ends(text),
        "binary": len(_ODD.findall(text)) >= MANY_ODD * len(text),
    }
    return {kind for kind, found in here.items() if found}


def _mixes_line_ends(text: str) -> bool:
    """Whether the text has line ends of more than one kind."""
    both = text.count("\r\n")
    kinds = (both, text.count("\n") - both, text.count("\r") - both)
    return sum(count > 0 for count in kinds) > 1


def _is_code(text: str) -> bool:
    """Whether a long run is not just one character again and again, as in a ruled line."""
    return any(len(set(run.group())) > 8 for run in _CODE.finditer(text))
