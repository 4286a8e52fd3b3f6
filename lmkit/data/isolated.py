"""The training layout `isolated`: several documents in one block, each read by itself.

A block holds whole pieces of documents as `packing_plan` put them together; what a piece holds is
what an example of `packing: none` holds, start token and masks included. `segments` numbers the
documents of a block from 1 on, so that a model can be kept from looking across
(`models.isolation`); padding is left to the batch and is segment 0. Shape letters: T block size, K
pieces of a block, L tokens of one block (at most T).
"""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from lmkit.data.masking import Masker
from lmkit.data.packing import corpus_ledger
from lmkit.data.packing_plan import PackingPlan
from lmkit.data.pieces import Documents
from lmkit.labels import IGNORED, SEGMENTS

Ints = npt.NDArray[np.int64]
Block = tuple[Ints, Ints, Ints]


class IsolatedBlocks(ABC):
    """Blocks of a plan; items are keyed (epoch, index)."""

    pad_values: dict[str, int]
    """What a block is filled up with, for `pad_batch`."""

    def __init__(self, corpus: Documents, plan: PackingPlan) -> None:
        self._corpus, self._plan = corpus, plan

    def __len__(self) -> int:
        """Blocks an epoch."""
        return len(self._plan)

    @property
    def lengths(self) -> Ints:
        """Places that each block's pieces take, (blocks,)."""
        return self._plan.lengths

    def ledger(self) -> dict[str, int]:
        """What becomes of the corpus in an epoch; see `corpus_ledger`."""
        plan = self._plan
        read = int(plan.lengths.sum()) - plan.cut.around * plan.pieces
        unread = plan.cut.unread * (len(self._corpus.offsets) - 1)
        return corpus_ledger(
            self._corpus, kept=read + unread, padded=plan.padded, cut=plan.cut_documents
        )

    def _block(self, index: int) -> Block:
        """Of the K pieces: the place among all tokens, that in the document, the tokens read."""
        documents, begins = self._plan.block(index)
        starts = np.asarray(self._corpus.offsets[documents], dtype=np.int64)
        totals = self._corpus.offsets[documents + 1] - starts - self._plan.cut.unread
        return starts + begins, begins, np.minimum(self._plan.cut.size, totals - begins)

    @abstractmethod
    def __getitem__(self, key: tuple[int, int]) -> dict[str, Ints]:
        """`input_ids`, `labels` and `segments`, each (L,)."""


class IsolatedCausalBlocks(IsolatedBlocks):
    """Inputs and next tokens of several documents; every token is a label exactly once an epoch.

    Each document starts after the start token; where there is none, its first token is not
    predicted. All epochs see the same blocks.
    """

    def __init__(
        self, corpus: Documents, plan: PackingPlan, *, start_id: int | None, pad_id: int
    ) -> None:
        super().__init__(corpus, plan)
        self._start_id = start_id
        self.pad_values = {"input_ids": pad_id, "labels": IGNORED, SEGMENTS: 0}

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Ints]:
        """`input_ids`, `labels` and `segments`, each (L,)."""
        firsts, begins, sizes = self._block(key[1])
        edges = np.cumsum(sizes) - sizes  # (K,) where each piece begins in the block
        # Label p of a piece is token `first + p`, one further where the first is not predicted;
        # its input is the token before that, or the start token.
        skipped = self._plan.cut.unread
        places = np.repeat(firsts + skipped - edges, sizes) + np.arange(sizes.sum())  # (L,)
        labels = np.array(self._corpus.tokens[places], dtype=np.int64)
        inputs = np.array(self._corpus.tokens[places - 1], dtype=np.int64)
        if self._start_id is not None:
            inputs[edges[begins == 0]] = self._start_id
        return {"input_ids": inputs, "labels": labels, SEGMENTS: _segments(sizes)}


class IsolatedMaskedBlocks(IsolatedBlocks):
    """[CLS] tokens [SEP] of several documents; some of the tokens hidden, and those are labels.

    The masks of a piece are those of `packing: none`.
    """

    def __init__(self, corpus: Documents, plan: PackingPlan, masker: Masker) -> None:
        super().__init__(corpus, plan)
        self._masker = masker
        self.pad_values = masker.pad_values | {SEGMENTS: 0}

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Ints]:
        """`input_ids`, `labels` and `segments`, each (L,); each epoch has other masks."""
        epoch, index = key
        firsts, _, sizes = self._block(index)
        tokens = self._corpus.tokens
        pieces = [
            self._masker.training(
                np.array(tokens[place : place + size], dtype=np.int64), epoch=epoch, place=place
            )
            for place, size in zip(firsts.tolist(), sizes.tolist(), strict=True)
        ]
        joined = {
            name: np.concatenate([piece[name] for piece in pieces])
            for name in ("input_ids", "labels")
        }
        return {**joined, SEGMENTS: _segments(sizes + self._plan.cut.around)}


def _segments(sizes: Ints) -> Ints:
    """(L,) the number of each token's piece, from 1 on."""
    return np.repeat(np.arange(1, len(sizes) + 1), sizes)
