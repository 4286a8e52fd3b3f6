"""Training layouts: a tokenized corpus cut into examples, without loss.

`joined` lays all documents in one stream and cuts it into blocks, so that no place is padding but
at the very end. `none` keeps each document by itself and cuts only what is longer than a block.
`isolated` has a file of its own.

Examples are keyed (epoch, index) and are a function of that key. Labels are aligned to the logits:
`labels[t]` is what the model shall predict at position t. Shape letters: N tokens of the corpus, D
documents, T block size, L tokens of one example (at most T).
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from lmkit.data.masking import Masker
from lmkit.data.pieces import Documents, Pieces
from lmkit.labels import IGNORED

Packing = Literal["joined", "none"]
Ints = npt.NDArray[np.int64]

_CHUNK = 1 << 20  # documents looked at together


class CausalBlocks:
    """Inputs and next tokens for a left-to-right model.

    joined: the stream is one end token, then every document followed by its end token; block i
    reads T tokens from i * T on and predicts the T after the first of them. So every token of the
    corpus is a label exactly once an epoch. none: the same with each document's own stream, which
    starts with the start token; where there is none, a document's first token is not predicted.

    The last block of a stream is shorter; padding is left to the batch.
    """

    def __init__(
        self,
        corpus: Documents,
        *,
        block_size: int,
        packing: Packing,
        start_id: int | None,
        end_id: int,
        pad_id: int,
    ) -> None:
        self._corpus = corpus
        self.pad_values = {"input_ids": pad_id, "labels": IGNORED}
        """What a shorter example is filled up with, for `pad_batch`."""
        if packing == "joined":
            # The corpus is one document whose start token is the end token.
            self._first: int | None = end_id
            self._offsets = np.array([0, len(corpus.tokens)], dtype=np.int64)  # (2,)
        else:
            self._first = start_id
            self._offsets = corpus.offsets  # (D+1,)
        self._alone = packing == "none"
        unpredicted = 0 if self._first is not None else 1
        self._pieces = Pieces(np.diff(self._offsets) - unpredicted, block_size)
        self._block_size = block_size
        self._input_only = unpredicted * (len(self._offsets) - 1)

    def __len__(self) -> int:
        """Blocks an epoch."""
        return len(self._pieces)

    @property
    def lengths(self) -> Ints:
        """Tokens of each block, (blocks,)."""
        return self._pieces.lengths()

    def ledger(self) -> dict[str, int]:
        """What becomes of the corpus in an epoch; see `corpus_ledger`."""
        predicted = int(self.lengths.sum())
        return corpus_ledger(
            self._corpus,
            kept=predicted + self._input_only,
            padded=len(self) * self._block_size - predicted,
            cut=self._pieces.cut() if self._alone else _crossing(self._corpus, self._block_size),
        )

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Ints]:
        """`input_ids` and `labels`, each (L,), of block `index`; all epochs see the same blocks."""
        document, begin, end = self._pieces[key[1]]
        stream = causal_stream(self._corpus, self._offsets, document, self._first, begin, end + 1)
        return {"input_ids": stream[:-1], "labels": stream[1:].copy()}


class MaskedBlocks:
    """[CLS], at most T - 2 tokens, [SEP]; some of the tokens hidden, and those alone are labels.

    joined: the stream is every document followed by its end token. none: each document's own. The
    last end token of a stream is the [SEP] of its last block; nothing else is left out.
    """

    def __init__(
        self, corpus: Documents, masker: Masker, *, block_size: int, packing: Packing
    ) -> None:
        self._corpus = corpus
        self._masker = masker
        self.pad_values = masker.pad_values
        """What a shorter example is filled up with, for `pad_batch`."""
        joined = np.array([0, len(corpus.tokens)], dtype=np.int64)  # (2,)
        self._alone = packing == "none"
        self._offsets = corpus.offsets if self._alone else joined
        self._pieces = Pieces(np.diff(self._offsets) - 1, block_size - 2)
        self._block_size = block_size

    def __len__(self) -> int:
        """Blocks an epoch."""
        return len(self._pieces)

    @property
    def lengths(self) -> Ints:
        """Tokens of each block, [CLS] and [SEP] included, (blocks,)."""
        return self._pieces.lengths() + 2

    def ledger(self) -> dict[str, int]:
        """What becomes of the corpus in an epoch; see `corpus_ledger`."""
        read, closing = int(self.lengths.sum()), len(self._offsets) - 1
        content = self._block_size - 2
        return corpus_ledger(
            self._corpus,
            kept=read - 2 * len(self) + closing,
            padded=len(self) * self._block_size - read,
            cut=self._pieces.cut() if self._alone else _crossing(self._corpus, content, closing),
        )

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Ints]:
        """`input_ids` and `labels`, each (L,); masks are a function of seed, epoch and index."""
        epoch, index = key
        document, begin, end = self._pieces[index]
        place = int(self._offsets[document]) + begin
        content = np.array(self._corpus.tokens[place : place + end - begin], dtype=np.int64)
        return self._masker.training(content, epoch=epoch, place=place)


def corpus_ledger(corpus: Documents, *, kept: int, padded: int, cut: int) -> dict[str, int]:
    """Where the tokens of a corpus go in an epoch.

    Returns:
        `documents`, `cut` (documents that are in more than one block), `bytes` (UTF-8), `tokens`
        (end tokens included), `kept` (tokens that a block holds), `dropped` (the others) and
        `padded` (places of the blocks that hold none; with `packing: none` a batch fills up only to
        its longest block).
    """
    tokens = len(corpus.tokens)
    return {
        "documents": len(corpus.offsets) - 1,
        "cut": cut,
        "bytes": int(corpus.bytes.sum()),
        "tokens": tokens,
        "kept": kept,
        "dropped": tokens - kept,
        "padded": padded,
    }


def _crossing(corpus: Documents, size: int, left_out: int = 0) -> int:
    """Documents of one stream that begin in one block of `size` tokens and end in another.

    The last `left_out` tokens of the stream are in no block.
    """
    total, offsets = len(corpus.tokens) - left_out, corpus.offsets
    found = 0
    for first in range(0, len(offsets) - 1, _CHUNK):
        edges = np.minimum(offsets[first : first + _CHUNK + 1], total)
        found += int((edges[:-1] // size < (edges[1:] - 1) // size).sum())
    return found


def causal_stream(
    corpus: Documents, offsets: Ints, document: int, first: int | None, begin: int, end: int
) -> Ints:
    """Tokens [begin, end) of a document's stream: `first`, if there is one, then its tokens."""
    start = int(offsets[document])
    if first is None:
        return np.array(corpus.tokens[start + begin : start + end], dtype=np.int64)
    stream = np.empty(end - begin, dtype=np.int64)
    if begin == 0:
        stream[0] = first
        stream[1:] = corpus.tokens[start : start + end - 1]
    else:
        stream[:] = corpus.tokens[start + begin - 1 : start + end - 1]
    return stream
