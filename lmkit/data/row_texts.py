"""The texts of rows as documents of their own, so that the data of every task has tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lmkit.data.fingerprint import combined
from lmkit.data.rows import Row, Source
from lmkit.data.text_columns import TextColumns
from lmkit.recipe.base import TaskOptions

TEXT = "text"
"""The column of a text that stands alone."""


@dataclass(frozen=True)
class RowTexts:
    """Each text of each row as a row of its own, blank ones left out."""

    source: Source
    columns: TextColumns

    @property
    def name(self) -> str:
        """That of the split."""
        return self.source.name

    def rows(self) -> Iterator[Row]:
        """The texts in the order of the rows; what is no valid Unicode is replaced."""
        for row in self.source.rows():
            for text in texts_of(row, self.columns):
                yield Row({TEXT: text.encode("utf-8", "replace").decode()}, row.origin)

    def fingerprint(self) -> str:
        """That of the split, and of where its texts stand."""
        return combined(["texts", self.source.fingerprint(), self.columns])

    def describe(self) -> list[dict[str, Any]]:
        """The files of the split."""
        return self.source.describe()


def texts_of(row: Row, columns: TextColumns) -> list[str]:
    """The texts of a row that are not blank."""
    return [text for text in columns.read(row.values) if text.strip()]


def documents_of(source: Source, options: TaskOptions) -> tuple[Source, str]:
    """The texts of a split as documents, and the column that they stand in.

    Where the task reads nothing but one column of text, they are the split itself: its tokens may
    lie in the cache already.
    """
    columns = TextColumns.of(options)
    own = getattr(options, "text_column", None)
    if isinstance(own, str) and columns == TextColumns((own,)):
        return source, own
    return RowTexts(source, columns), TEXT
