"""Using only the beginning of a split: so many rows, or so many tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

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

    ids: npt.NDArray[Any]
    """Of one document after another, each with its end token."""
    lengths: npt.NDArray[np.int64]
    """(D,) tokens of each, end included."""
    sizes: list[int]
    """(D,) UTF-8 bytes of each text."""


def cut_at(room: int, batch: Tokenized, end_id: int) -> Tokenized:
    """As much of a batch as fits into `room` tokens, two at least.

    The last document is cut so that its end token is the last that fits; of its bytes as large a
    share is told as of its tokens. Where there is room for an end token only, it is left out.
    """
    ids, lengths, sizes = batch
    if len(ids) <= room:
        return batch
    ends = np.cumsum(lengths)  # (D,)
    number = int(np.searchsorted(ends, room))  # the document that is cut
    start = int(ends[number] - lengths[number])
    left = room - start - 1  # tokens of its text
    if left < 1:
        return Tokenized(ids[:start], lengths[:number], sizes[:number])
    kept = ids[:room].copy()
    kept[-1] = end_id
    size = round(sizes[number] * left / (int(lengths[number]) - 1))
    return Tokenized(kept, np.append(lengths[:number], left + 1), [*sizes[:number], size])
