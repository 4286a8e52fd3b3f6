"""The embedded set as named entities: what kind of token a part of the source is.

The types are those of the `tokenize` module whose extent or type has to be told from what stands
around: comments and strings, which hold whole sentences and may hold keywords and numbers that are
none; numbers, of several words where they have a point; keywords. Names and operators, the most of
any source, are outside.
"""

import io
import keyword
import tokenize
from collections.abc import Iterable, Iterator
from typing import Any

from lmkit.data.rows import Row

MOST = 1_000
"""Characters of a piece; the longer ones are left out, so that an epoch is short."""
_OPENING = {"FSTRING_START", "TSTRING_START"}  # since Python 3.12 these are tokens of their own
_CLOSING = {"FSTRING_END", "TSTRING_END"}


def entity_rows(pieces: Iterable[Row]) -> Iterator[Row]:
    """Pieces of source with the spans of their tokens; one without any is left out."""
    for row in pieces:
        text = row.values["text"]
        if len(text) <= MOST and (spans := token_spans(text)):
            yield Row({"text": text, "spans": spans, "path": row.values["path"]}, row.origin)


def token_spans(source: str) -> list[dict[str, Any]]:
    """`start`, `end` (characters) and `label` of every comment, keyword, number and string.

    A string is one with its prefix and quotes; of an f-string all is part of it. None where the
    source cannot be tokenized.
    """
    lines = [0]
    for line in io.StringIO(source):
        lines.append(lines[-1] + len(line))
    spans: list[dict[str, Any]] = []
    depth = begin = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            kind = tokenize.tok_name[token.type]
            start = lines[token.start[0] - 1] + token.start[1]
            end = lines[min(token.end[0], len(lines)) - 1] + token.end[1]
            if kind in _OPENING:
                begin = begin if depth else start
                depth += 1
            elif kind in _CLOSING:
                depth -= 1
                if not depth:
                    spans.append({"start": begin, "end": end, "label": "string"})
            elif not depth and (label := _label(kind, token.string)) is not None:
                spans.append({"start": start, "end": end, "label": label})
    except (tokenize.TokenError, SyntaxError):
        return []
    return spans


def _label(kind: str, text: str) -> str | None:
    """The type of a token; None for those that are outside."""
    if kind == "NAME":
        return "keyword" if keyword.iskeyword(text) else None
    return kind.lower() if kind in ("COMMENT", "NUMBER", "STRING") else None
