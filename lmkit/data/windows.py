"""Evaluation layouts: each document by itself, each of its tokens scored exactly once.

A document longer than the context is read through windows that overlap, so that every token is
predicted from a fair share of what stands before it. Shape letters: D documents, T block size, S
stride, L tokens of one window (at most T).
"""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lmkit.data.masking import Masker
from lmkit.data.packing import causal_stream
from lmkit.data.pieces import Documents, Pieces
from lmkit.errors import UsageError
from lmkit.labels import IGNORED

Ints = npt.NDArray[np.int64]

_CHUNK = 1 << 22  # tokens read at a time when the whole corpus is counted


class CausalWindows:
    """Sliding windows for a left-to-right model.

    A document's stream is the start token (where the tokenizer has one; else its first token is not
    predicted), its tokens and the end token. Its first window predicts up to T tokens; each later
    one starts S tokens further and predicts only what those before it have not. So a token at
    position p of the stream is predicted from at least min(p, T - S + 1) tokens before it. Every
    document has a window, even where nothing of it is predicted.

    Args:
        corpus: The documents, each with its end token.
        block_size: T, the tokens a window holds.
        stride: S, from 1 to T; left out, half of T.
        start_id: The token that a document starts after, or None.
        pad_id: What shorter windows of a batch are filled up with.

    Raises:
        UsageError: The stride is not from 1 to T.
    """

    def __init__(
        self,
        corpus: Documents,
        *,
        block_size: int,
        start_id: int | None,
        pad_id: int,
        stride: int | None = None,
    ) -> None:
        if stride is None:
            stride = max(block_size // 2, 1)
        if not 1 <= stride <= block_size:
            raise UsageError(
                f"a stride of {stride} with a block size of {block_size}: the stride may be "
                f"1 to {block_size}; a longer one would leave tokens unread"
            )
        self._corpus = corpus
        self._block_size, self._stride, self._start_id = block_size, stride, start_id
        self.pad_values = {"input_ids": pad_id, "labels": IGNORED}
        """What a shorter window is filled up with, for `pad_batch`."""
        predictions = np.diff(corpus.offsets) - (0 if start_id is not None else 1)  # (D,)
        self._pieces = Pieces(predictions, block_size, stride, keep_empty=True)

    def __len__(self) -> int:
        """Windows of all documents together."""
        return len(self._pieces)

    @property
    def lengths(self) -> Ints:
        """Tokens of each window, (windows,)."""
        return np.maximum(self._pieces.lengths(), 1)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """Window `index` (the epoch has no part in it).

        Returns:
            `input_ids` and `labels`, each (L,), labels aligned to the logits and ignored where
            another window predicts; `document`, its number; `bytes`, the UTF-8 bytes of its text
            on its first window, else 0.
        """
        document, begin, end = self._pieces[key[1]]
        if begin == end:  # a first token with nothing before or after it
            inputs = causal_stream(
                self._corpus, self._corpus.offsets, document, self._start_id, 0, 1
            )
            labels = np.full(1, IGNORED, dtype=np.int64)
        else:
            stream = causal_stream(
                self._corpus, self._corpus.offsets, document, self._start_id, begin, end + 1
            )
            inputs, labels = stream[:-1], stream[1:].copy()
            if begin:
                labels[: self._block_size - self._stride] = IGNORED
        size = 0 if begin else int(self._corpus.bytes[document])
        return {"input_ids": inputs, "labels": labels, "document": document, "bytes": size}


class MaskedWindows:
    """Each document cut into consecutive pieces [CLS] ... [SEP] for a masked model.

    Which tokens are hidden is a function of the seed, the document and the position alone, so that
    a loss can be compared between runs, batch sizes and models that share a tokenizer.
    """

    def __init__(self, corpus: Documents, masker: Masker, *, block_size: int) -> None:
        self._corpus = corpus
        self._masker = masker
        self._content = block_size - 2
        self.pad_values = masker.pad_values
        """What a shorter window is filled up with, for `pad_batch`."""
        # The document's end token is the closing [SEP].
        self._pieces = Pieces(np.diff(corpus.offsets) - 1, self._content, keep_empty=True)

    def __len__(self) -> int:
        """Windows of all documents together."""
        return len(self._pieces)

    @property
    def lengths(self) -> Ints:
        """Tokens of each window, [CLS] and [SEP] included, (windows,)."""
        return self._pieces.lengths() + 2

    @cached_property
    def maskable(self) -> int:
        """Tokens of the corpus that may be hidden: all but the special ones."""
        tokens = self._corpus.tokens
        chunks = (tokens[start : start + _CHUNK] for start in range(0, len(tokens), _CHUNK))
        return sum(int(self._masker.maskable[chunk].sum()) for chunk in chunks)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """Window `index` (the epoch has no part in it).

        Returns:
            `input_ids` and `labels`, each (L,), labels ignored where nothing is hidden; `document`,
            its number; `bytes`, the UTF-8 bytes of its text on its first window, else 0.
        """
        document, begin, end = self._pieces[key[1]]
        start = int(self._corpus.offsets[document])
        content = np.array(self._corpus.tokens[start + begin : start + end], dtype=np.int64)
        example = self._masker.scoring(content, document=document, piece=begin // self._content)
        size = 0 if begin else int(self._corpus.bytes[document])
        return {**example, "document": document, "bytes": size}
