"""A few rows of a split to look at, drawn by their content: the same ones at every look."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from lmkit.data.doctor.copies import content_of, hash64
from lmkit.data.refusals import keeping_refusals
from lmkit.data.rows import Row, Source


class Shown(NamedTuple):
    """A row as it is stored and as a task gets it; None where the task never sees it."""

    before: Row
    after: Row | None


@runtime_checkable
class Changes(Protocol):
    """A source that changes or drops rows, and can tell how: what cleaning is to implement."""

    def changes(self) -> Iterator[tuple[Row, Row | None]]:
        """Each row as it is stored and as it is given on, None where it is dropped."""


def draw(source: Source, count: int, text_column: str | None) -> list[Shown]:
    """`count` rows whose contents have the smallest hashes, in the order of the source.

    Of rows with one content the first is drawn. Memory is that of the rows drawn.
    """
    heap: list[tuple[int, int, Shown]] = []  # the largest hash on top, negated
    held: set[int] = set()
    with keeping_refusals():
        for number, (before, after) in enumerate(_pairs(source)):
            value = hash64(content_of(before, text_column))
            if value in held or (len(heap) == count and value >= -heap[0][0]):
                continue
            held.add(value)
            heapq.heappush(heap, (-value, -number, Shown(before, after)))
            if len(heap) > count:
                held.remove(-heapq.heappop(heap)[0])
    return [shown for _, _, shown in sorted(heap, key=lambda item: -item[1])]


def _pairs(source: Source) -> Iterator[tuple[Row, Row | None]]:
    """Rows before and after: the same where nothing changes them."""
    if isinstance(source, Changes):
        yield from source.changes()
        return
    for row in source.rows():
        yield row, row
