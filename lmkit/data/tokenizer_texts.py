"""The texts that a tokenizer is trained on: what a task reads of each row."""

from collections.abc import Iterator

from lmkit.data.rows import Source, column
from lmkit.data.text_columns import TextColumns


def texts_to_learn(train: Source, columns: TextColumns) -> Iterator[str]:
    """The texts of each row, or its words.

    Raises:
        DataError: a row has none; it is named.
    """
    for row in train.rows():
        texts = [text for text in columns.read(row.values) if text.strip()]
        if not texts:
            column(row, columns.texts[0])  # says what is missing
        yield from (text.encode("utf-8", "replace").decode() for text in texts)
