"""A few rows of a split to look at, drawn by their content: the same ones at every look."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from lmkit.data.doctor.copies import content_of, hash64
from lmkit.data.refusals import keeping_refusals
from lmkit.data.rows import Row, Source

CUT = " (from character"
"""What follows the place of a row in the place of a part of its text (split.TailPart)."""


class Shown(NamedTuple):
    """A row as it is stored and as a task gets it; None where the task never sees it."""

    before: Row
    after: Row | None


@runtime_checkable
class Changes(Protocol):
    """A source that changes or drops rows, and can tell how, as cleaning does."""

    def changes(self) -> Iterator[tuple[Row, Row | None]]:
        """Each row as it is stored and as it is given on, None where it is dropped."""


def draw(source: Source, count: int, text_column: str | None) -> list[Shown]:
    """`count` rows whose contents have the smallest hashes, in the order of the source.

    Of rows with one content the first is drawn. Memory is that of the rows drawn.
    """
    heap: list[tuple[int, int, Shown]] = []  # the largest hash on top, negated
    held: set[int] = set()
    with keeping_refusals():
        pairs = (pair for part in getattr(source, "parts", (source,)) for pair in _pairs(part))
        for number, (before, after) in enumerate(pairs):
            value = hash64(content_of(before, text_column))
            if value in held or (len(heap) == count and value >= -heap[0][0]):
                continue
            held.add(value)
            heapq.heappush(heap, (-value, -number, Shown(before, after)))
            if len(heap) > count:
                held.remove(-heapq.heappop(heap)[0])
    return [shown for _, _, shown in sorted(heap, key=lambda item: -item[1])]


def _pairs(source: Source) -> Iterator[tuple[Row, Row | None]]:
    """Rows before and after: the same where nothing changes them.

    A split may be a part of a source that changes rows: then its rows are found again, by their
    places, among those of that source; a row that is dropped belongs to every part.
    """
    changing: object = source
    while changing is not None and not isinstance(changing, Changes):
        changing = getattr(changing, "source", None)
    if changing is None:
        for row in source.rows():
            yield row, row
        return
    given = source.rows()
    own = next(given, None)
    for before, after in changing.changes():
        if after is None:
            yield before, None
        elif own is not None and own.origin.partition(CUT)[0] == before.origin:
            yield before, own
            own = next(given, None)
