"""Rows that hold several texts each (pairs, triples, answers to choose from), in flat arrays.

Shape letters: N rows, S texts of all rows together, I token ids of all texts together, B rows of a
batch, R texts of a batch, T tokens of its longest text.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmkit.data.collate import pad_batch
from lmkit.labels import IGNORED

logger = logging.getLogger(__name__)

_OF_TEXTS = ("texts", "types", "input_ids")


@dataclass(frozen=True)
class EncodedGroups:
    """N rows, each of one text or more."""

    ids: NDArray[np.uint32]
    """The token ids of one text after the other, (I,)."""
    types: NDArray[np.uint8] | None
    """To which part of its text each token belongs (0 or 1), (I,); None where texts have one."""
    offsets: NDArray[np.int64]
    """Where each text begins, and the end of the last, (S + 1,)."""
    groups: NDArray[np.int64]
    """The first text of each row, and the end of the last, (N + 1,)."""
    fields: dict[str, NDArray[Any]]
    """What else is known of each row, by name: (N, ...)."""
    cut: int
    """Texts that lost tokens to the limit."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row, over all of its texts, (N,)."""
        return np.diff(self.offsets[self.groups])

    def padded(self, rows: Sequence[int]) -> int:
        """The places that the texts of some rows take in one batch: R * T."""
        sizes = [np.diff(self.offsets[self.groups[i] : self.groups[i + 1] + 1]) for i in rows]
        return sum(map(len, sizes)) * int(max(map(np.max, sizes)))

    @property
    def texts(self) -> int:
        """S."""
        return len(self.offsets) - 1

    def __len__(self) -> int:
        return len(self.groups) - 1

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """`texts`, their `types` and the fields of the row for (epoch, index)."""
        index = key[1]
        first, end = int(self.groups[index]), int(self.groups[index + 1])
        bounds = [(int(self.offsets[i]), int(self.offsets[i + 1])) for i in range(first, end)]
        found: dict[str, Any] = {"texts": [self.ids[a:b] for a, b in bounds]}
        if self.types is not None:
            found["types"] = [self.types[a:b] for a, b in bounds]
        return found | {name: values[index] for name, values in self.fields.items()}


class GroupWriter:
    """Takes encoded rows one after the other."""

    def __init__(self) -> None:
        self._ids = [np.zeros(0, np.uint32)]
        self._types = [np.zeros(0, np.uint8)]
        self._lengths, self._sizes = [0], [0]
        self._fields: dict[str, list[Any]] = {}

    def add(
        self,
        texts: Sequence[Sequence[int] | NDArray[Any]],
        types: Sequence[Sequence[int]] | None = None,
        **fields: Any,
    ) -> None:
        """One row; every row has types or none has, and all have the same fields."""
        self._ids.append(np.concatenate([np.asarray(ids, np.uint32) for ids in texts]))
        if types is not None:
            self._types.append(np.concatenate([np.asarray(part, np.uint8) for part in types]))
        self._lengths += [len(ids) for ids in texts]
        self._sizes.append(len(texts))
        for name, value in fields.items():
            self._fields.setdefault(name, []).append(value)

    def finish(self, cut: int) -> EncodedGroups:
        """All rows; `cut` of their texts lost tokens."""
        ids, types = np.concatenate(self._ids), np.concatenate(self._types)
        return EncodedGroups(
            ids=ids,
            types=types if len(types) == len(ids) and len(ids) else None,
            offsets=np.cumsum(self._lengths, dtype=np.int64),
            groups=np.cumsum(self._sizes, dtype=np.int64),
            fields={name: _stacked(values) for name, values in self._fields.items()},
            cut=cut,
        )


def _stacked(values: list[Any]) -> NDArray[Any]:
    """One array; lists, which may be of unlike lengths, stay lists in it."""
    if not isinstance(values[0], list):
        return np.asarray(values)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def pad_groups(
    features: Sequence[Mapping[str, Any]], *, pad_id: int, pad_values: Mapping[str, int]
) -> dict[str, torch.Tensor]:
    """The texts of B rows as one batch of R sequences, row after row.

    Args:
        features: B rows, as `EncodedGroups` gives them.
        pad_id: What texts are filled up with; the mask hides it.
        pad_values: What fields that are sequences are filled up with.

    Returns:
        `input_ids`, `attention_mask` where there is padding, `token_type_ids` where there are
        types: (R, T); `sizes`: the texts of each row, (B,); the fields, (B, ...).
    """
    parts: list[dict[str, Any]] = []
    for feature in features:
        types = feature.get("types", [None] * len(feature["texts"]))
        for ids, part in zip(feature["texts"], types, strict=True):
            parts.append({"input_ids": ids} | ({} if part is None else {"token_type_ids": part}))
    filler = {"input_ids": pad_id, "token_type_ids": 0}
    fields = [
        {name: value for name, value in feature.items() if name not in _OF_TEXTS}
        | {"sizes": len(feature["texts"])}
        for feature in features
    ]
    batch = pad_batch(parts, pad_values=filler, attention_mask=True)
    if bool(batch["attention_mask"].all()):
        del batch["attention_mask"]  # attention without a mask is faster, and equal
    return {**batch, **pad_batch(fields, pad_values=pad_values)}


def counted_tokens(batch: Mapping[str, torch.Tensor]) -> int:
    """Tokens of the texts of those rows that have a label, padding left out."""
    counted = (batch["labels"] != IGNORED).repeat_interleave(batch["sizes"])  # (R,)
    if "attention_mask" in batch:
        return int(batch["attention_mask"][counted].sum())
    return int(batch["input_ids"][counted].numel())


def tell_cut(examples: EncodedGroups, split: str, limit: int) -> None:
    """Say how many texts of a split lost tokens to the limit, if any did."""
    if examples.cut:
        share = 100 * examples.cut / examples.texts
        logger.info("%.3g %% of the %s texts are cut at %d tokens", share, split, limit)
