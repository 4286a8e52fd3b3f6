"""Rows of which a word can be swapped, and their twins: the same rows with it swapped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lmkit.data.fingerprint import combined
from lmkit.data.rows import Row, Source
from lmkit.data.swaps import Swaps, moved
from lmkit.data.text_columns import TextColumns


@dataclass(frozen=True)
class Affected:
    """The rows of a split in which words can be swapped; as they are, or swapped."""

    source: Source
    swaps: Swaps
    columns: TextColumns
    """Where the texts of a row stand."""
    is_swapped: bool
    spans: str | None = None
    """The column of spans of the text, in rows that have any: their places move with it."""

    @property
    def name(self) -> str:
        """That of the split."""
        return self.source.name

    def pairs(self) -> Iterator[tuple[Row, Row, int]]:
        """Each row, its twin, and the way: 1 or -1, and 0 where words went both ways."""
        for row in self.source.rows():
            made, ways = self._twin(row)
            if ways:
                yield row, row._replace(values=made), sum(ways)

    def _twin(self, row: Row) -> tuple[dict[str, Any], set[int]]:
        """The values of a twin, and the ways that words went."""
        ways: set[int] = set()

        def change(text: str, after: str = "") -> str:
            made, found = self.swaps.swapped(text, after)
            ways.update(found)
            return made

        words = row.values.get(self.columns.words) if self.columns.words is not None else None
        if isinstance(words, list):
            texts = [*map(str, words), ""]
            made = [change(text, f" {after}") for text, after in pairwise(texts)]
            return {**row.values, str(self.columns.words): made}, ways
        values = self.columns.changed(row.values, change)
        spans = row.values.get(self.spans) if self.spans is not None else None
        if isinstance(spans, list):
            values[str(self.spans)] = self._moved(row, spans)
        return values, ways

    def _moved(self, row: Row, spans: Sequence[Any]) -> list[Any]:
        """Spans of a text where they lie in its twin."""
        edits = self.swaps.edits(str(row.values.get(self.columns.texts[0])))
        return [
            {**span, **{end: moved(span[end], edits) for end in ("start", "end")}} for span in spans
        ]

    def rows(self) -> Iterator[Row]:
        """The rows, or their twins."""
        return (twin if self.is_swapped else row for row, twin, _ in self.pairs())

    def fingerprint(self) -> str:
        """That of the split, and of what is exchanged."""
        found = [list(pair) for pair in self.swaps.listed()]
        parts = [self.source.fingerprint(), found, self.columns, self.spans, self.is_swapped]
        return combined(["affected", *parts])

    def describe(self) -> list[dict[str, Any]]:
        """The files of the split."""
        return self.source.describe()
