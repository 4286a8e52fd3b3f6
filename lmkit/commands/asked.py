"""What `lmkit predict` is asked: rows in their order, those that cannot be read among them.

For each row that is there something is answered, so that line N of the output is row N of the
input: a row that cannot be read stands in its place with what is wrong with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from lmkit.data.file_source import READERS, FileSource
from lmkit.data.files import find_files
from lmkit.data.formats import DataFile, Kind
from lmkit.data.refusals import Refusals, noting
from lmkit.data.rows import Row
from lmkit.data.text import Reading
from lmkit.errors import DataError

STANDARD_INPUT = "-"
WINDOW = 2048
"""Rows in memory at a time; those of similar length share a batch."""
WINDOW_CHARACTERS = 4_000_000
"""Characters from which on a window of long texts is no longer filled up."""


@dataclass(frozen=True)
class Asked:
    """A row to answer for."""

    row: Row
    """What it holds; no column where it could not be read."""
    error: DataError | None = None
    """Why there is no answer for it."""

    @property
    def size(self) -> int:
        """Characters of its texts."""
        return sum(len(value) for value in self.row.values.values() if isinstance(value, str))


def from_texts(rows: Sequence[dict[str, Any]]) -> Iterator[Asked]:
    """The rows that texts given as arguments stand for."""
    for number, values in enumerate(rows, start=1):
        yield Asked(Row(values, f"text {number}"))


def from_files(spec: str, column: str, kind: Kind | None = None) -> Iterator[list[Asked]]:
    """The rows of files, or of standard input, in windows.

    Args:
        spec: a file, a folder, a glob, or `-`.
        column: the column of the text.
        kind: the format; left out, that of each file's name, and of standard input a text a line.

    Raises:
        DataError: nothing is there, a file as a whole cannot be read, or none holds a row.
    """
    if spec == STANDARD_INPUT:
        files: list[DataFile] = [_StandardInput(Path("/dev/stdin"), kind or "text", "")]
    else:
        files = find_files(spec, "--input", kind)
    return _read(files, Reading("line", "strict", column))


def windows(asked: Iterator[Asked]) -> Iterator[list[Asked]]:
    """The rows in lists that memory holds easily."""
    window: list[Asked] = []
    size = 0
    for item in asked:
        window.append(item)
        size += item.size
        if len(window) >= WINDOW or size >= WINDOW_CHARACTERS:
            yield window
            window, size = [], 0
    if window:
        yield window


class _StandardInput(DataFile):
    """Standard input, named so in messages."""

    def __str__(self) -> str:
        return "standard input"


class _InOrder(Refusals):
    """Rows that a reader passes over, until the row after them is there."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.passed: list[Asked] = []
        self._parts = kind == "conll"  # a line is a part of a row, which comes without it
        self._mended: Asked | None = None

    def add(self, error: DataError, origin: str) -> None:
        """Note one error.

        A line that is not UTF-8 is refused, and handed on with marks in the place of the bytes: it
        is told once, when its row comes.

        Raises:
            DataError: a whole window of rows in a row cannot be read.
        """
        self.count += 1
        if len(self.passed) >= WINDOW:
            raise DataError(
                f"{error}\nthe {WINDOW:,} rows before it cannot be read either; is the file of "
                "another format?"
            )
        if self._parts:
            self._mended = self._mended or Asked(Row({}, origin), error)
        elif str(error).startswith(origin):
            self.passed.append(Asked(Row({}, origin), error))
            self._mended = None
        else:
            _, _, what = str(error).partition(": ")
            self._mended = Asked(Row({}, origin), DataError(f"{origin}: {what}"))

    def before(self, row: Row) -> Iterator[Asked]:
        """What was passed over since the row before, and the row itself."""
        yield from self.drain()
        if self._mended is None:
            yield Asked(row)
        else:
            yield replace(self._mended, row=Row({}, row.origin))
            self._mended = None

    def drain(self) -> list[Asked]:
        """What was passed over; it is told once."""
        found, self.passed = self.passed, []
        return found


def _read(files: list[DataFile], reading: Reading) -> Iterator[list[Asked]]:
    """The windows of all files."""
    rows = chain.from_iterable(_rows(file, reading) for file in files)
    kept = 0
    for window in windows(rows):
        kept += len(window)
        yield window
    if not kept:
        raise DataError(f"--input: {FileSource('input', files, reading).nothing(0)}")


def _rows(file: DataFile, reading: Reading) -> Iterator[Asked]:
    """Every row of a file; one whose text is blank too, for no answer may be missing."""
    refusals = _InOrder(file.kind)
    for row in noting(refusals, READERS[file.kind](file, reading)):
        yield from refusals.before(row)
    yield from refusals.drain()
