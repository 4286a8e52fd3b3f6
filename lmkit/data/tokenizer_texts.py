"""The texts that a tokenizer is trained on: what a task reads of each row."""

from collections.abc import Iterator
from typing import NamedTuple

from lmkit.data.references import alternatives
from lmkit.data.rows import Source, texts_in
from lmkit.recipe.base import TaskOptions


class TextColumns(NamedTuple):
    """What of a row is text to a task."""

    texts: tuple[str, ...]
    """The columns of text; none where the task names none, and every text in a row is read."""
    words: str | None
    """The column of a list of words, which a row may hold instead."""

    @classmethod
    def of(cls, options: TaskOptions) -> "TextColumns":
        """Those that the options of a task name."""
        names = ("text_column", "text_pair_column", "source_column", "target_column")
        found = (getattr(options, name, None) for name in names)
        return cls(tuple(filter(None, found)), getattr(options, "tokens_column", None))


def texts_to_learn(train: Source, columns: TextColumns) -> Iterator[str]:
    """The texts of each row, or its words."""
    for row in train.rows():
        words = row.values.get(columns.words) if columns.words is not None else None
        if isinstance(words, list):  # the task tells what is wrong with them
            yield " ".join(map(str, words)).encode("utf-8", "replace").decode()
        elif columns.texts:
            yield from (text for name in columns.texts for text in alternatives(row, name))
        else:
            yield from texts_in(row.values)
