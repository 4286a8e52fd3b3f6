"""Tokenized documents, and how they are cut into pieces that are numbered through."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class Documents(Protocol):
    """A tokenized corpus, as far as layouts need it. D documents, N tokens."""

    @property
    def tokens(self) -> npt.NDArray[Any]:
        """(N,) ids: every document followed by its end token, no start token."""

    @property
    def offsets(self) -> npt.NDArray[Any]:
        """(D+1,): document d is `tokens[offsets[d]:offsets[d + 1]]`."""

    @property
    def bytes(self) -> npt.NDArray[Any]:
        """(D,) UTF-8 bytes of the text of each document."""


class Pieces:
    """Documents cut into pieces of at most `size`, numbered through; two numbers a document.

    A piece after the first begins `stride` after the one before it and ends `size` after its own
    begin, so that with `stride` below `size` pieces overlap. D documents, P pieces.

    Args:
        totals: (D,) the length of each document.
        size: The length of a piece.
        stride: How far pieces lie apart, at most `size`; left out, `size`.
        keep_empty: Whether a document without any length has one empty piece, or none.
    """

    def __init__(
        self, totals: Ints, size: int, stride: int | None = None, *, keep_empty: bool = False
    ) -> None:
        self._totals = totals
        self._size = size
        self._stride = stride or size
        later = -(-np.maximum(totals - size, 0) // self._stride)
        counts = later + (np.ones_like(later) if keep_empty else (totals > 0))
        self._ends = np.cumsum(counts, dtype=np.int64)  # (D,) pieces up to and with each document

    def __len__(self) -> int:
        """Pieces of all documents together."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, index: int) -> tuple[int, int, int]:
        """Piece `index`: its document, and the range [begin, end) of that document."""
        if not 0 <= index < len(self):
            raise IndexError(f"piece {index} of {len(self)}")
        document = int(np.searchsorted(self._ends, index, side="right"))
        number = index - (int(self._ends[document - 1]) if document else 0)
        begin = number * self._stride
        return document, begin, int(min(begin + self._size, self._totals[document]))

    def between(self, first: int, last: int) -> tuple[Ints, Ints, Ints]:
        """Pieces [first, last), as far as there are any: their documents, begins and ends."""
        indices = np.arange(first, min(last, len(self)), dtype=np.int64)
        documents = np.searchsorted(self._ends, indices, side="right")
        before = np.where(documents > 0, self._ends[documents - 1], 0)  # pieces of other documents
        begins = (indices - before) * self._stride
        return documents, begins, np.minimum(begins + self._size, self._totals[documents])

    def lengths(self) -> Ints:
        """The length of every piece, (P,)."""
        counts = np.diff(self._ends, prepend=0)
        documents = np.repeat(np.arange(len(counts)), counts)  # (P,)
        numbers = np.arange(len(self)) - np.repeat(self._ends - counts, counts)
        rest = self._totals[documents] - numbers * self._stride
        lengths: Ints = np.minimum(rest, self._size)
        return lengths

    def cut(self) -> int:
        """Documents in more than one piece."""
        return int((self._totals > self._size).sum())
