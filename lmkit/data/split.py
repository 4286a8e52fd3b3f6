"""Splitting validation data off a training corpus.

Where there are many documents, each one's own content decides: a document whose hash, as a share
of all hashes, lies below `validation_share` is validation. So it stays where it is when the corpus
grows, and equal documents are on the same side.

Labels that are classes are held out in equal shares (strata.py); test data is taken from the other
end of the hashes, so that asking for it moves no document into or out of validation.

Two corners are settled so that neither side is empty:

- Text with fewer than 20 documents (often one file) is cut inside each document: its last
  `validation_share` of the characters, from the nearest paragraph, line or word on, is validation.
  Held-out paragraphs from all over a text would be told by their neighbors.
- Rows of which none, or all, fall below the share: the threshold moves to the nearest row.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lmkit.data.fingerprint import combined
from lmkit.data.limits import with_part
from lmkit.data.rows import Row, Source
from lmkit.data.rows import column as text_of
from lmkit.data.strata import even_out, labeled_places, place
from lmkit.errors import DataError

logger = logging.getLogger(__name__)

MANY = 20
"""From this many documents on, whole documents are held out."""

KEPT_CHARACTERS = 1 << 24
"""Of held-out rows that a pass over the training side keeps, so that they are not read again."""

_HASHES = 2**64
_BOUNDARIES = (  # what is cut at, and the least distance in characters that it is looked for in
    (re.compile(r"\n[ \t]*\r?\n\s*"), 0),
    (re.compile(r"\n"), 0),
    (re.compile(r"\s+"), 80),
)


@dataclass
class _Kept:
    """The held-out rows, once a whole pass has met all of them and they are few."""

    rows: list[Row] | None = None


@dataclass(frozen=True)
class HashPart:
    """The rows of `source` below the threshold (`held_out`), or the others."""

    name: str
    source: Source
    text_column: str | None
    threshold: int
    held_out: bool
    moved: frozenset[int] = frozenset()
    """The hashes that are on the other side than the threshold says."""
    from_top: bool = False
    """Whether hashes are counted down from the greatest."""
    kept: _Kept | None = field(default=None, compare=False, repr=False)
    """Shared by both sides; None where nothing is kept: the shards of a stream are without end."""

    def rows(self) -> Iterator[Row]:
        """The rows of this side, in the order of the source."""
        if self.held_out and self.kept is not None and self.kept.rows is not None:
            yield from self.kept.rows
            return
        met: list[Row] = []
        size = 0
        for row in self.source.rows():
            value = place(row, self.text_column, self.from_top)
            below = (value < self.threshold) != (value in self.moved)
            if below and self.kept is not None and size <= KEPT_CHARACTERS:
                met.append(row)
                size += len(str(row.values.get(self.text_column or "", row.values)))
            if below == self.held_out:
                yield row
        if self.kept is not None and size <= KEPT_CHARACTERS:
            self.kept.rows = met

    def fingerprint(self) -> str:
        """That of the source, with the side and the threshold."""
        rule: list[Any] = ["hash", self.text_column, self.threshold, self.held_out]
        if self.moved or self.from_top:
            rule += [sorted(self.moved), self.from_top]
        return combined([self.source.fingerprint(), rule])

    def describe(self) -> list[dict[str, Any]]:
        """The source's files, with the part of them that is read."""
        share = self.threshold / _HASHES if self.held_out else 1 - self.threshold / _HASHES
        return with_part(self.source, f"{share:.4g} of the documents, by a hash of the content")


@dataclass(frozen=True)
class TailPart:
    """The last `share` of each document of `source` (`held_out`), or what comes before it."""

    name: str
    source: Source
    text_column: str
    share: float
    held_out: bool

    def rows(self) -> Iterator[Row]:
        """One side of each document. One too short to cut belongs to what comes before."""
        for row in self.source.rows():
            text = row.values.get(self.text_column)
            at = tail_start(text, self.share) if isinstance(text, str) else None
            if at is None:
                if not self.held_out:
                    yield row
            elif self.held_out:
                origin = f"{row.origin} (from character {at})"
                yield Row({**row.values, self.text_column: text[at:]}, origin)  # type: ignore[index]  # `at` is None unless it is text
            else:
                yield Row({**row.values, self.text_column: text[:at]}, row.origin)  # type: ignore[index]

    def fingerprint(self) -> str:
        """That of the source, with the side and the share."""
        rule = ["tail", self.text_column, self.share, self.held_out]
        return combined([self.source.fingerprint(), rule])

    def describe(self) -> list[dict[str, Any]]:
        """The source's files, with the part of them that is read."""
        if self.held_out:
            return with_part(self.source, f"the last {self.share:.4g} of each document")
        return with_part(self.source, f"the first {1 - self.share:.4g} of each document")


@dataclass(frozen=True)
class Share:
    """How much of a source is held out, and what for."""

    share: float
    """Of all documents that there ever were, in (0, 1)."""
    name: str = "validation"
    """The split that is held out: `validation` or `test`."""
    rest: float = 1.0
    """What an earlier split left of all documents."""
    strata: str | None = None
    """The column of the labels of which each is to have its share; None: none is looked at."""

    @property
    def from_top(self) -> bool:
        """Test data is taken from the other end than validation data."""
        return self.name == "test"


def hold_out(
    source: Source, share: float | Share, *, text_column: str | None, is_corpus: bool
) -> tuple[Source, Source]:
    """Training and held-out data from one source; neither is empty, no row is in both.

    Args:
        source: All of it.
        share: How much is held out; a number is that of validation, in (0, 1).
        text_column: The column whose content decides; None for all columns.
        is_corpus: Whether the rows are running text, which may be cut inside a document.

    Raises:
        DataError: there is too little to have something on both sides.
    """
    wanted = share if isinstance(share, Share) else Share(share)
    threshold = threshold_of(wanted.share)
    if wanted.strata is not None:
        places, labels = labeled_places(source, text_column, wanted.strata, wanted.from_top)
        if moved := even_out(places, labels, threshold, wanted.share / wanted.rest):
            logger.info(
                "%s: %d texts moved across the threshold, so that each label has its share",
                wanted.name, len(moved),
            )  # fmt: skip
            _tell(wanted)
            return hash_parts(source, threshold, text_column, wanted, moved)
    rows = 0
    lowest, highest = _HASHES, -1
    for row in source.rows():
        value = place(row, text_column, wanted.from_top)
        rows, lowest, highest = rows + 1, min(lowest, value), max(highest, value)
        if rows >= MANY and lowest < threshold <= highest:
            break
    if is_corpus and text_column is not None and rows < MANY:
        if wanted.from_top:
            raise DataError(
                f"{_named(source)}: {rows} documents are too few to split off a test (from {MANY} "
                "on); set data.test"
            )
        return _cut_tails(source, wanted.share, text_column, rows)
    if lowest == highest:
        raise DataError(
            f"{_named(source)}: {'one row' if rows == 1 else f'{rows} equal rows'} cannot be "
            f"split into training and {wanted.name} data; give more, or set data.{wanted.name}"
        )
    if not lowest < threshold <= highest:
        threshold = lowest + 1 if threshold <= lowest else highest
        logger.info(
            "%s: of %d rows none fell on one side of %s_share %g; the nearest was moved",
            _named(source), rows, wanted.name, wanted.share,
        )  # fmt: skip
    _tell(wanted)
    return hash_parts(source, threshold, text_column, wanted)


def _tell(wanted: Share) -> None:
    """What is held out, in a line."""
    logger.info("%s: %g of the documents, by a hash of the content", wanted.name, wanted.share)


def threshold_of(share: float) -> int:
    """The hash below which a document is validation data."""
    return round(share * _HASHES)


def hash_parts(
    source: Source,
    threshold: int,
    text_column: str | None,
    wanted: Share | None = None,
    moved: frozenset[int] = frozenset(),
) -> tuple[Source, Source]:
    """The training and the held-out side of a source, by a hash of the content.

    Without `wanted` it is one shard of a stream, of which no row is kept in memory.
    """
    name, top = ("validation", False) if wanted is None else (wanted.name, wanted.from_top)
    kept = None if wanted is None else _Kept()
    sides = ((source.name, False), (name, True))
    train, held = (
        HashPart(side, source, text_column, threshold, held_out, moved, top, kept)
        for side, held_out in sides
    )
    return train, held


def tail_start(text: str, share: float) -> int | None:
    """Where the last `share` of `text` begins; None where it cannot be cut into two texts.

    It is the paragraph, else the line, else the word that begins nearest to that place, looked for
    within half a `share` of the text on either side (a word at least within 80 characters).
    """
    aim = len(text) * (1 - share)
    reach = len(text) * min(share, 1 - share) / 2
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    for boundary, least in _BOUNDARIES:
        low, high = int(aim - max(reach, least)), int(aim + max(reach, least)) + 1
        starts = [match.end() for match in boundary.finditer(text, max(0, low), high)]
        if cuts := [at for at in starts if first < at < last]:
            return min(cuts, key=lambda at: abs(at - aim))
    return None


def _cut_tails(source: Source, share: float, column: str, rows: int) -> tuple[Source, Source]:
    """Both sides of a corpus of few documents.

    Raises:
        DataError: a row has no text in `column`, or there is too little of it.
    """
    train = TailPart(source.name, source, column, share, held_out=False)
    validation = TailPart("validation", source, column, share, held_out=True)
    if next(validation.rows(), None) is None:
        for row in source.rows():
            text_of(row, column)  # no text at all has another cure
        raise DataError(
            f"{_named(source)}: too little text to hold out validation data "
            f"({share:g} of it); give more, or set data.validation"
        )
    logger.info(
        "validation: the last %g of each document, for there are %d (from %d on, whole documents "
        "are held out)", share, rows, MANY,
    )  # fmt: skip
    return train, validation


def _named(source: Source) -> str:
    """The file a message is about, or how many there are."""
    files = source.describe()
    return str(files[0]["path"]) if len(files) == 1 else f"{len(files)} files"
