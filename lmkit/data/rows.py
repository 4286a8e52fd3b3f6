"""What every reader yields and every task reads: rows, sources of rows, and a run's splits."""

import hashlib
import json
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from lmkit.data.refusals import note_blank
from lmkit.errors import DataError, NoRowsError
from lmkit.recipe.nearest import did_you_mean

logger = logging.getLogger(__name__)


class Row(NamedTuple):
    """One document or example, and where it stands."""

    values: dict[str, Any]
    """Column names and what they hold."""
    origin: str
    """`FILE` for a whole text file, else `FILE:LINE` or `FILE:row N`: for messages only."""


class Source(Protocol):
    """The rows of one split, read anew at each pass, in an order that never changes."""

    @property
    def name(self) -> str:
        """The split: `train`, `validation` or `test`."""

    def rows(self) -> Iterator[Row]:
        """Every row, streamed: memory does not grow with the corpus.

        Raises:
            DataError: something cannot be read, or there is no row at all; the place is named.
        """

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the content and of how it is read; not of paths or times."""

    def describe(self) -> list[dict[str, Any]]:
        """One entry a file: `path`, `bytes`, `sha256`, and `part` where only a part is read."""


class Splits(NamedTuple):
    """The data of a run."""

    train: Source
    validation: Source | None
    test: Source | None


class RowSource(ABC):
    """What every source of outside data does alike: rows without text are left out and counted.

    Attributes:
        name: The split.
        blank: Rows without text that the last whole pass left out; None before the first one.
    """

    def __init__(self, name: str, text_column: str | None) -> None:
        self.name = name
        self.blank: int | None = None
        self._text_column = text_column

    def rows(self) -> Iterator[Row]:
        """Every row whose text is not blank (every row, where the task has no text column).

        Raises:
            DataError: something cannot be read, or no row is left.
        """
        kept = blank = 0
        first = ""
        for row in self.read():
            text = row.values.get(self._text_column) if self._text_column is not None else None
            if isinstance(text, str) and not text.strip():
                blank, first = blank + 1, first or row.origin
                note_blank(row.origin)
                continue
            kept += 1
            yield row
        if not kept:
            raise NoRowsError(self.nothing(blank))
        if blank and self.blank is None:
            logger.warning(
                "%s data: %d of %d documents are blank and left out (the first: %s)",
                self.name, blank, kept + blank, first,
            )  # fmt: skip
        self.blank = blank

    @abstractmethod
    def read(self) -> Iterator[Row]:
        """Every row as it is stored."""

    @abstractmethod
    def nothing(self, blank: int) -> str:
        """What a message says where no row is left of `blank` ones."""

    @abstractmethod
    def fingerprint(self) -> str:
        """As in `Source`."""

    @abstractmethod
    def describe(self) -> list[dict[str, Any]]:
        """As in `Source`."""


def column(row: Row, name: str) -> str:
    """The text in column `name`.

    Raises:
        DataError: there is no such column (those found and the nearest are named), or it holds
            no text: null, blank or not a string.
    """
    value = _value(row, name)
    if not isinstance(value, str):
        raise DataError(
            f"{row.origin}: column `{name}` holds {_kind(value)}, not text; choose a column of "
            f"text ({_listed([key for key, item in row.values.items() if isinstance(item, str)])})"
        )
    return value


def label(row: Row, name: str) -> str:
    """The label in column `name`; whole numbers and booleans are written out as text.

    Raises:
        DataError: as `column`, and for a number with a fraction or a nested value.
    """
    value = _value(row, name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, (str, int)):
        raise DataError(
            f"{row.origin}: column `{name}` holds {_kind(value)}; a label is text or a whole number"
        )
    return str(value)


def several(row: Row, name: str, separator: str | None) -> list[str]:
    """The labels in column `name`, each once: of a list, a JSON list, or a text of several.

    Args:
        row: a list may be empty; so may a text that a separator parts.
        name: the column.
        separator: what stands between the labels of a text; None: a text is a JSON list.

    Raises:
        DataError: as `column`, and for what is no list of texts or whole numbers.
    """
    value = row.values.get(name)
    if isinstance(value, str) and separator is not None:
        value = [part.strip() for part in value.split(separator) if part.strip()]
    elif isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise DataError(
                f"{row.origin}: column `{name}` is no JSON list ({error}): {value[:40]!r}"
            ) from error
    if not isinstance(value, list):
        found = _value(row, name)
        raise DataError(
            f"{row.origin}: column `{name}` holds {_kind(found)}, not a list of labels; write a "
            'list (["a", "b"]), or name what stands between the labels with task.label_separator'
        )
    return list(dict.fromkeys(label(Row({name: item}, row.origin), name) for item in value))


def number(row: Row, name: str, cure: str) -> float:
    """The number in column `name`, which may be written as text.

    Args:
        row: one.
        name: the column.
        cure: what a message says of numbers there.

    Raises:
        DataError: as `column`, and for what is no number or not finite.
    """
    value = _value(row, name)
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        told = repr(value) if isinstance(value, str | float) else _kind(value)
        raise DataError(f"{row.origin}: column `{name}` holds {told}, not a number; {cure}")
    return found


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a value, however deep: of messages what they say and who says it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


def digest(row: Row, text_column: str | None) -> int:
    """The row's content as a number in [0, 2**64): the first 8 bytes of a SHA-256.

    It is taken of the text where the row has a text column (so that equal texts go together
    whatever stands beside them), else of all values as canonical JSON.
    """
    text = row.values.get(text_column) if text_column is not None else None
    if not isinstance(text, str):
        text = json.dumps(row.values, sort_keys=True, ensure_ascii=False, default=str)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _value(row: Row, name: str) -> Any:
    """What column `name` holds, once it is there and neither null nor blank."""
    if name not in row.values:
        found = [str(key) for key in row.values]
        raise DataError(
            f"{row.origin}: no column `{name}`; the columns are {_listed(found)}"
            f"{did_you_mean(name, found)}"
        )
    value = row.values[name]
    if value is None or (isinstance(value, str) and not value.strip()):
        state = "null" if value is None else "blank"
        raise DataError(
            f"{row.origin}: column `{name}` is {state}; fill it in or leave the row out"
        )
    return value


def _kind(value: Any) -> str:
    """`the number 3`, `a list`: what was found, for a message."""
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"


def _listed(names: list[str]) -> str:
    """The names in backquotes, or `none`."""
    return ", ".join(f"`{name}`" for name in names) or "none"
