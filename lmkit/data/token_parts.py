"""The tokens of a split that is tokenized part by part, in one row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from lmkit.data.mixture import parts_of
from lmkit.data.rows import Source
from lmkit.data.stream import beginning
from lmkit.data.token_cache import tokenize_corpus

Integers = npt.NDArray[Any]


class TokenParts:
    """Flat arrays one after another, read by slices; nothing is copied before it is asked for."""

    def __init__(self, parts: Sequence[Integers]) -> None:
        self._parts = list(parts)
        self._begins = np.cumsum([0, *map(len, self._parts)])  # (K+1,)

    def __len__(self) -> int:
        return int(self._begins[-1])

    def __getitem__(self, part: slice) -> Integers:
        """The ids of a slice without a step."""
        start, stop, step = part.indices(len(self))
        assert step == 1, part
        pieces = [
            ids[max(start - begin, 0) : max(stop - begin, 0)]
            for ids, begin in zip(self._parts, self._begins, strict=False)
        ]
        return np.concatenate([np.asarray(piece, dtype=np.int64) for piece in pieces])


def tokens_of(
    source: Source, tokenizer: PreTrainedTokenizerBase, *, text_column: str
) -> TokenParts:
    """The token ids of a split, from the cache; those of a mixture part after part.

    Of a stream those of its first shard.

    Raises:
        LmkitError: as `tokenize_corpus`.
    """
    return TokenParts(
        [
            tokenize_corpus(part, tokenizer, text_column=text_column).tokens
            for part in parts_of(beginning(source))
        ]
    )
