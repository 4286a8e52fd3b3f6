"""Rows of text as token ids in flat arrays, so that memory is that of the numbers alone.

Shape letters: N texts, I token ids of all texts together.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lmkit.data.rows import Row, column
from lmkit.errors import DataError

ItemT = TypeVar("ItemT")

CHUNK = 1024  # texts given to the tokenizer at once


@dataclass(frozen=True)
class EncodedTexts:
    """N texts, each with what is to be told of it."""

    ids: NDArray[np.uint32]
    """The token ids of one text after the other, (I,)."""
    offsets: NDArray[np.int64]
    """Where each text begins, and the end of the last, (N + 1,)."""
    labels: NDArray[Any]
    """Class ids, int64 (N,); several numbers a text, (N, C); or numbers on a scale, float (N,)."""
    cut: int
    """Texts that lost tokens to the limit."""
    types: NDArray[np.uint8] | None = None
    """Of pairs: 0 for the tokens of the first text, 1 for those of the second, (I,)."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, (N,)."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """`input_ids` and `labels` of the example for (epoch, index), the same in every epoch.

        A class id is an int, several numbers are an array, a number on a scale is a float.
        """
        index = key[1]
        part = slice(self.offsets[index], self.offsets[index + 1])
        label = self.labels[index]
        found = {"input_ids": self.ids[part], "labels": label.item() if label.ndim == 0 else label}
        if self.types is not None:
            found["token_type_ids"] = self.types[part]
        return found


def encode_labeled(
    rows: Iterable[Row],
    tokenizer: PreTrainedTokenizerBase,
    *,
    text_column: str,
    max_length: int,
    label_id: Callable[[Row], Any],
    pair_column: str | None = None,
) -> EncodedTexts:
    """Read and encode all rows, holding no text but that of a chunk.

    Args:
        rows: Read once.
        tokenizer: Adds the special tokens it was made to add.
        text_column: The column of the text.
        max_length: Tokens a text may have, special ones included.
        label_id: The class id of a row, or its numbers.
        pair_column: The column of a second text, read after the first.

    Raises:
        DataError: a text is missing, or `label_id` refuses a row.
    """
    parts, lengths, labels, cut = [np.zeros(0, np.uint32)], [0], [], 0
    types = [np.zeros(0, np.uint8)]
    for chunk in chunks(rows, CHUNK):
        labels += [label_id(row) for row in chunk]
        if pair_column is None:
            encoded, shortened = encode(
                chunk, tokenizer, text_column=text_column, max_length=max_length
            )
        else:
            encoded, types_found, shortened = encode_pairs(
                chunk, tokenizer, (text_column, pair_column), max_length
            )
            types += types_found
        cut += shortened
        lengths += [len(ids) for ids in encoded]
        parts.append(np.concatenate(encoded))
    return EncodedTexts(
        ids=np.concatenate(parts),
        offsets=np.cumsum(lengths, dtype=np.int64),
        labels=np.array(labels),
        cut=cut,
        types=None if pair_column is None else np.concatenate(types),
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
    found, cut = _encode(tokenizer, [texts], max_length, return_token_type_ids=False)
    _some_tokens(rows, found["input_ids"], text_column)
    return [np.asarray(ids, dtype=np.uint32) for ids in found["input_ids"]], cut


def encode_pairs(
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    columns: tuple[str, str],
    max_length: int,
) -> tuple[list[NDArray[np.uint32]], list[NDArray[np.uint8]], int]:
    """The token ids of each row's two texts, which text each is of (0, 1), and how many were cut.

    The longer text is cut first. Where the tokenizer puts nothing between two texts, as one of a
    decoder does, a line end stands between them.

    Raises:
        DataError: a text is missing, or the tokenizer makes nothing of both.
    """
    sides = [[column(row, name) for row in rows] for name in columns]
    alone = tokenizer.num_special_tokens_to_add(pair=False)
    if tokenizer.num_special_tokens_to_add(pair=True) == alone:
        sides[1] = [f"\n{text}" for text in sides[1]]
    found, cut = _encode(tokenizer, sides, max_length, return_token_type_ids=True)
    _some_tokens(rows, found["input_ids"], columns[0])
    return (
        [np.asarray(ids, dtype=np.uint32) for ids in found["input_ids"]],
        [np.asarray(ids, dtype=np.uint8) for ids in found["token_type_ids"]],
        cut,
    )


def encode_inputs(
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    columns: Sequence[str],
    max_length: int,
) -> tuple[list[dict[str, Any]], int]:
    """The inputs of each row's text or pair, without labels, and how many were cut.

    Raises:
        DataError: as `encode` and `encode_pairs`.
    """
    if len(columns) == 1:
        encoded, cut = encode(rows, tokenizer, text_column=columns[0], max_length=max_length)
        return [{"input_ids": ids} for ids in encoded], cut
    first, second = columns
    pairs, types, cut = encode_pairs(rows, tokenizer, (first, second), max_length)
    both = zip(pairs, types, strict=True)
    return [{"input_ids": ids, "token_type_ids": of} for ids, of in both], cut


def _encode(
    tokenizer: PreTrainedTokenizerBase,
    sides: Sequence[Sequence[str]],
    max_length: int,
    **options: Any,
) -> tuple[dict[str, list[list[int]]], int]:
    """What the tokenizer makes of texts or pairs, the long ones cut; and how many those are."""
    options["return_attention_mask"] = False
    found = dict(tokenizer(*sides, verbose=False, **options))
    long = [index for index, ids in enumerate(found["input_ids"]) if len(ids) > max_length]
    if long:
        chosen = [[side[index] for index in long] for side in sides]
        shortened = tokenizer(*chosen, truncation=True, max_length=max_length, **options)
        for key, values in found.items():
            for index, ids in zip(long, shortened[key], strict=True):
                values[index] = ids
    return found, len(long)


def _some_tokens(rows: Sequence[Row], found: Sequence[list[int]], text_column: str) -> None:
    """See that every text has a token."""
    for row, ids in zip(rows, found, strict=True):
        if not ids:
            raise DataError(
                f"{row.origin}: the tokenizer makes no token of column `{text_column}`; leave the "
                "row out"
            )


def chunks(items: Iterable[ItemT], size: int) -> Iterator[list[ItemT]]:
    """The items in lists of `size`, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
