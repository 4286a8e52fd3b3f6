"""Source and target texts as token ids in flat arrays.

Shape letters: N pairs, I and J token ids of all sources and of all targets together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lmkit.data.encoded import CHUNK, chunks
from lmkit.data.references import alternatives, pack
from lmkit.data.rows import Row, column
from lmkit.errors import DataError

Ids = NDArray[np.uint32]


@dataclass(frozen=True)
class PairLimits:
    """The columns of a pair, and how much of each is read."""

    source_column: str
    target_column: str
    source_length: int
    """Tokens, special ones included."""
    target_length: int
    """Tokens, the end token included."""
    prefix: str = ""
    """Put before every source."""


@dataclass(frozen=True)
class EncodedPairs:
    """N sources with their targets."""

    sources: Ids
    """The token ids of one source after the other, (I,)."""
    source_offsets: NDArray[np.int64]
    """Where each source begins, and the end of the last, (N + 1,)."""
    targets: Ids
    """The token ids of one target after the other, each with its end token, (J,)."""
    target_offsets: NDArray[np.int64]
    """As `source_offsets`."""
    references: list[list[str]] | None
    """The target texts of each pair, where generated ones will be held against them; else None."""
    cut_sources: int
    """Sources that lost tokens to the limit."""
    cut_targets: int
    """Targets that lost tokens to the limit."""

    @property
    def reference_counts(self) -> set[int]:
        """How many target texts the pairs have that are held against generated ones."""
        return set(map(len, self.references or ()))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each pair, source and target together, (N,)."""
        return np.diff(self.source_offsets) + np.diff(self.target_offsets)

    def __len__(self) -> int:
        return len(self.source_offsets) - 1

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """`input_ids` and `labels` of the pair for (epoch, index), the same in every epoch.

        `references` are the target texts as `pack` makes bytes of them.
        """
        index = key[1]
        start, end = self.source_offsets[index : index + 2]
        first, last = self.target_offsets[index : index + 2]
        pair = {
            "input_ids": self.sources[start:end],
            "labels": self.targets[first:last].astype(np.int64),
        }
        if self.references is not None:
            pair["references"] = pack(self.references[index])
        return pair


def encode_pairs(
    rows: Iterable[Row],
    tokenizer: PreTrainedTokenizerBase,
    limits: PairLimits,
    *,
    end_id: int,
    keep_references: bool,
) -> EncodedPairs:
    """Read and encode all rows; of several targets to a source, the first.

    Args:
        rows: Read once.
        tokenizer: Adds the special tokens it was made to add.
        limits: Columns and lengths.
        end_id: Ends every target; added where the tokenizer does not.
        keep_references: Hold the target texts too, all of them.

    Raises:
        DataError: one side of a pair is missing, or the tokenizer makes nothing of a source.
    """
    parts: dict[str, list[Ids]] = {"source": [], "target": []}
    references: list[list[str]] = []
    cut_sources = cut_targets = 0
    for chunk in chunks(rows, CHUNK):
        sources, cut = encode_sources(chunk, tokenizer, limits)
        cut_sources += cut
        texts = [alternatives(row, limits.target_column) for row in chunk]
        firsts = [several[0] for several in texts]
        targets, cut = _encode_targets(firsts, tokenizer, limits.target_length, end_id)
        cut_targets += cut
        parts["source"] += sources
        parts["target"] += targets
        references += texts if keep_references else []
    return EncodedPairs(
        *_flat(parts["source"]), *_flat(parts["target"]),
        references if keep_references else None, cut_sources, cut_targets,
    )  # fmt: skip


def encode_sources(
    rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: PairLimits
) -> tuple[list[Ids], int]:
    """The token ids of each row's source, and how many were cut; special tokens stay.

    Raises:
        DataError: a source is missing, or the tokenizer makes nothing of it.
    """
    texts = [limits.prefix + column(row, limits.source_column) for row in rows]
    found, cut = _encoded(texts, tokenizer, limits.source_length)
    for row, ids in zip(rows, found, strict=True):
        if not ids:
            raise DataError(
                f"{row.origin}: the tokenizer makes no token of column "
                f"`{limits.source_column}`; leave the row out"
            )
    return [np.asarray(ids, dtype=np.uint32) for ids in found], cut


def _encode_targets(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, length: int, end_id: int
) -> tuple[list[Ids], int]:
    """The token ids of each target, each with an end, and how many were cut.

    The end is the last token, or (mBART, whose targets end with their language) the last but one.
    """
    whole = tokenizer(text_target=list(texts[:1]), verbose=False)["input_ids"]
    ended = bool(whole) and end_id in whole[0][-2:]
    found, cut = _encoded(texts, tokenizer, length if ended else length - 1, target=True)
    return [np.asarray(ids if ended else [*ids, end_id], dtype=np.uint32) for ids in found], cut


def _encoded(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, length: int, *, target: bool = False
) -> tuple[list[list[int]], int]:
    """The token ids of each text, at most `length`, and how many were cut."""
    name = "text_target" if target else "text"
    quiet: dict[str, Any] = {"return_attention_mask": False, "return_token_type_ids": False}
    found = tokenizer(**{name: list(texts)}, verbose=False, **quiet)["input_ids"]
    long = [index for index, ids in enumerate(found) if len(ids) > length]
    if long:
        shortened = tokenizer(
            **{name: [texts[index] for index in long]}, truncation=True, max_length=length, **quiet
        )["input_ids"]
        for index, ids in zip(long, shortened, strict=True):
            found[index] = ids
    return found, len(long)


def _flat(parts: Sequence[Ids]) -> tuple[Ids, NDArray[np.int64]]:
    """One array of all ids, and where each part begins and the last ends."""
    offsets = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    return np.concatenate([np.zeros(0, np.uint32), *parts]), offsets
