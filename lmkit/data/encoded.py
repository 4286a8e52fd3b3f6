"""Rows of text as token ids in flat arrays, so that memory is that of the numbers alone.

Shape letters: N texts, I token ids of all texts together.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lmkit.data.rows import Row, column
from lmkit.errors import DataError

CHUNK = 1024  # texts given to the tokenizer at once


@dataclass(frozen=True)
class EncodedTexts:
    """N texts, each with one label."""

    ids: NDArray[np.uint32]
    """The token ids of one text after the other, (I,)."""
    offsets: NDArray[np.int64]
    """Where each text begins, and the end of the last, (N + 1,)."""
    labels: NDArray[np.int64]
    """Class ids, (N,)."""
    cut: int
    """Texts that lost tokens to the limit."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, (N,)."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """`input_ids` and `labels` of the example for (epoch, index), the same in every epoch."""
        index = key[1]
        ids = self.ids[self.offsets[index] : self.offsets[index + 1]]
        return {"input_ids": ids, "labels": int(self.labels[index])}


def encode_labeled(
    rows: Iterable[Row],
    tokenizer: PreTrainedTokenizerBase,
    *,
    text_column: str,
    max_length: int,
    label_id: Callable[[Row], int],
) -> EncodedTexts:
    """Read and encode all rows, holding no text but that of a chunk.

    Args:
        rows: Read once.
        tokenizer: Adds the special tokens it was made to add.
        text_column: The column of the text.
        max_length: Tokens a text may have, special ones included.
        label_id: The class id of a row.

    Raises:
        DataError: a text is missing, or `label_id` refuses a row.
    """
    parts, lengths, labels, cut = [np.zeros(0, np.uint32)], [0], [], 0
    for chunk in chunks(rows, CHUNK):
        labels += [label_id(row) for row in chunk]
        encoded, shortened = encode(
            chunk, tokenizer, text_column=text_column, max_length=max_length
        )
        cut += shortened
        lengths += [len(ids) for ids in encoded]
        parts.append(np.concatenate(encoded))
    return EncodedTexts(
        ids=np.concatenate(parts),
        offsets=np.cumsum(lengths, dtype=np.int64),
        labels=np.array(labels, dtype=np.int64),
        cut=cut,
    )


def encode(
    rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, *, text_column: str, max_length: int
) -> tuple[list[NDArray[np.uint32]], int]:
    """The token ids of each row's text, cut at `max_length`, and how many texts were cut.

    Special tokens stay when a text is cut.

    Raises:
        DataError: a text is missing, or the tokenizer makes nothing of it.
    """
    texts = [column(row, text_column) for row in rows]
    quiet: dict[str, Any] = {"return_attention_mask": False, "return_token_type_ids": False}
    found = tokenizer(texts, verbose=False, **quiet)["input_ids"]
    long = [index for index, ids in enumerate(found) if len(ids) > max_length]
    if long:
        shortened = tokenizer(
            [texts[index] for index in long], truncation=True, max_length=max_length, **quiet
        )["input_ids"]
        for index, ids in zip(long, shortened, strict=True):
            found[index] = ids
    for row, ids in zip(rows, found, strict=True):
        if not ids:
            raise DataError(
                f"{row.origin}: the tokenizer makes no token of column `{text_column}`; leave the "
                "row out"
            )
    return [np.asarray(ids, dtype=np.uint32) for ids in found], len(long)


def chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """The rows in lists of `size`, the last one shorter."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk
