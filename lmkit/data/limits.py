"""Using only the beginning of a split: so many rows, or so many tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from lmkit.data.fingerprint import combined
from lmkit.data.rows import Row, Source


@dataclass(frozen=True)
class FirstRows:
    """The first `limit` rows of `source`."""

    name: str
    source: Source
    limit: int

    def rows(self) -> Iterator[Row]:
        """At most `limit` rows."""
        return islice(self.source.rows(), self.limit)

    def fingerprint(self) -> str:
        """That of the source, with the limit."""
        return combined([self.source.fingerprint(), ["first", self.limit]])

    def describe(self) -> list[dict[str, Any]]:
        """The source's files, with the part of them that is read."""
        return with_part(self.source, f"the first {self.limit} documents")


@dataclass(frozen=True)
class FirstTokens:
    """The documents of `source` up to its token number `limit`.

    Where that is, only a tokenizer knows: whoever tokenizes the rows asks for `limit` and stops
    there (`token_writer`). Whoever reads text, as the training of a tokenizer, reads all of it.
    """

    name: str
    source: Source
    limit: int
    """Tokens, end tokens included."""

    def rows(self) -> Iterator[Row]:
        """Every row of the source."""
        return self.source.rows()

    def fingerprint(self) -> str:
        """That of the source, with the limit."""
        return combined([self.source.fingerprint(), ["first tokens", self.limit]])

    def describe(self) -> list[dict[str, Any]]:
        """The source's files, with the part of them that is read."""
        return with_part(self.source, f"the first {self.limit} tokens")


def token_limit(source: Source) -> int | None:
    """The tokens that a source is limited to; None where it is not."""
    return source.limit if isinstance(source, FirstTokens) else None


def with_part(source: Source, part: str) -> list[dict[str, Any]]:
    """The source's description, where each file says which part of it is read."""
    return [
        {**file, "part": f"{part}, of {file['part']}" if "part" in file else part}
        for file in source.describe()
    ]


class Tokenized(NamedTuple):
    """Some documents, tokenized: those of a batch."""

    flat: list[int]
    """Their ids one after another, each document with its end token."""
    ends: list[int]
    """(D,) where each document ends, counted from the begin of the corpus."""
    sizes: list[int]
    """(D,) UTF-8 bytes of each text."""


def cut_at(limit: int, batch: Tokenized, end_id: int) -> tuple[Tokenized, bool]:
    """As much of a batch as a limit leaves, and whether it is reached.

    The last document is cut so that its end token is token number `limit`; of its bytes as large a
    share is told as of its tokens. Where there is room for an end token only, it is left out.
    """
    flat, ends, sizes = batch
    if not ends or ends[-1] < limit:
        return batch, False
    number = next(k for k, end in enumerate(ends) if end >= limit)
    first = ends[-1] - len(flat)  # of the batch
    start = ends[number - 1] if number else first
    room, tokens = limit - start - 1, ends[number] - start - 1
    if room < 1:
        return Tokenized(flat[: start - first], ends[:number], sizes[:number]), True
    kept = [*flat[: limit - first - 1], end_id]
    size = round(sizes[number] * room / tokens)
    return Tokenized(kept, [*ends[:number], limit], [*sizes[:number], size]), True
