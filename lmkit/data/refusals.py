"""Rows that cannot be used: an error for a run, a list for whoever wants to see them all.

A reader hands each error that concerns one row, or one file of several, to `refuse`. As a rule that
raises it. Inside `keeping_refusals` it is noted and the reader goes on behind the bad row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import TypeVar

from lmkit.errors import DataError

RowT = TypeVar("RowT")

MOST = 1000
"""Errors and places that are kept; further ones are counted."""


@dataclass
class Refusals:
    """What a pass over some rows could not use."""

    errors: list[DataError] = field(default_factory=list)
    """The first of them, in the order of the rows."""
    origins: list[str] = field(default_factory=list)
    """Where each of those stands."""
    count: int = 0
    """All of them."""
    blank: list[str] = field(default_factory=list)
    """Where the first rows without text stand; they are left out of a run."""
    blank_count: int = 0
    """All of those."""

    def add(self, error: DataError, origin: str) -> None:
        """Note one error."""
        self.count += 1
        if len(self.errors) < MOST:
            self.errors.append(error)
            self.origins.append(origin)


_kept: ContextVar[Refusals | None] = ContextVar("refusals", default=None)


@contextmanager
def keeping_refusals() -> Iterator[Refusals]:
    """Rows that cannot be read inside are passed over and noted."""
    refusals = Refusals()
    token = _kept.set(refusals)
    try:
        yield refusals
    finally:
        _kept.reset(token)


def noting(refusals: Refusals, rows: Iterator[RowT]) -> Iterator[RowT]:
    """The rows of a reader; what it cannot use it notes and passes over.

    Unlike `keeping_refusals` this concerns no reader but this one, whoever else reads between two
    of its rows, and in whatever thread.
    """
    context = copy_context()
    context.run(_kept.set, refusals)
    while (row := context.run(next, rows, None)) is not None:
        yield row


def refuse(error: DataError, origin: str | None = None) -> None:
    """A row or a file cannot be used: raise, or note it where refusals are kept.

    Args:
        error: What is wrong.
        origin: Where; left out, what stands before the first `: ` of the message.

    Raises:
        DataError: the one given.
    """
    refusals = _kept.get()
    if refusals is None:
        raise error
    refusals.add(error, origin or str(error).partition(": ")[0])


def note_blank(origin: str) -> None:
    """A row without text is left out; its place matters only where refusals are kept."""
    refusals = _kept.get()
    if refusals is not None:
        refusals.blank_count += 1
        if len(refusals.blank) < MOST:
            refusals.blank.append(origin)
