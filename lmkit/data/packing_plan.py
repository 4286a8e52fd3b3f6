"""Which pieces of documents share a block: planned once, kept in the cache beside the tokens.

Format 1 is a folder `packing/<key>/` of the cache; integers are little-endian, and those of pieces
are unsigned with 32 bits where all of them fit, else signed with 64:

- `documents.bin`, `begins.bin`: (P,) the document of each piece, and where in it the piece begins,
  block after block and in a block in the order of the corpus.
- `ends.bin`: (B,) int64; block b holds the pieces from `ends[b - 1]` to `ends[b]`.
- `lengths.bin`: (B,) int64; the places that its pieces take.
- `meta.json`: what the key was made of, counts, size and SHA-256 of each file.

The tokens do not depend on it, nor it on the tokenizer but through the lengths of the documents.
Blocks are filled inside fixed windows of documents, so memory does not grow with the corpus. Shape
letters: D documents, P pieces, B blocks.
"""

import hashlib
import json
import logging
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lmkit.data.best_fit import best_fit, stable_order
from lmkit.data.cache import cache_dir, entry, read_manifest
from lmkit.data.pieces import Pieces
from lmkit.data.stream import STREAM
from lmkit.data.token_cache import TokenCorpus

logger = logging.getLogger(__name__)

FORMAT = 1  # raised when the same documents would be packed otherwise
WINDOW_DOCUMENTS = 1 << 16
WINDOW_PIECES = 1 << 17  # of long documents, a window holds fewer

Integers = npt.NDArray[Any]


@dataclass(frozen=True)
class Cut:
    """How documents become pieces."""

    capacity: int
    """Places of a block."""
    around: int
    """Places that a piece takes beside its tokens ([CLS] and [SEP])."""
    unread: int
    """Tokens of each document that take no place: an end token that is the [SEP], or a first token
    that nothing predicts."""

    @property
    def size(self) -> int:
        """Tokens a piece holds at most."""
        return self.capacity - self.around


@dataclass(frozen=True, eq=False)
class PackingPlan:
    """The blocks of a corpus, mapped from the cache."""

    documents: Integers
    begins: Integers
    ends: Integers
    lengths: Integers
    cut: Cut
    cut_documents: int
    """Documents that are in more than one block."""
    folder: Path

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def pieces(self) -> int:
        """P."""
        return len(self.documents)

    @property
    def padded(self) -> int:
        """Places that no piece takes, over all blocks."""
        return len(self) * self.cut.capacity - int(self.lengths.sum())

    def block(self, index: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The documents of a block's pieces, and where each piece begins in its document."""
        if not 0 <= index < len(self):
            raise IndexError(f"block {index} of {len(self)}")
        places = slice(int(self.ends[index - 1]) if index else 0, int(self.ends[index]))
        return self.documents[places].astype(np.int64), self.begins[places].astype(np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its place, so that worker processes map the same files."""
        return open_plan, (self.folder,)


def open_plan(folder: Path) -> PackingPlan:
    """Map a whole entry of the cache."""
    meta = read_manifest(folder)
    cut = Cut(**meta["content"]["cut"])
    return PackingPlan(
        documents=_mapped(folder / "documents.bin", meta["dtype"]),
        begins=_mapped(folder / "begins.bin", meta["dtype"]),
        ends=_mapped(folder / "ends.bin", "<i8"),
        lengths=_mapped(folder / "lengths.bin", "<i8"),
        cut=cut, cut_documents=meta["cut_documents"], folder=folder,
    )  # fmt: skip


def plan_packing(corpus: TokenCorpus, cut: Cut) -> PackingPlan:
    """The blocks of a corpus, from the cache where they are there.

    Raises:
        CacheError: the cache cannot be written.
    """
    started = time.perf_counter()
    windows = {"documents": WINDOW_DOCUMENTS, "pieces": WINDOW_PIECES}
    content = {"corpus": corpus.key, "cut": asdict(cut), "windows": windows}
    key = hashlib.sha256(json.dumps({"format": FORMAT, **content}).encode()).hexdigest()

    def write(folder: Path) -> dict[str, Any]:
        return {"format": FORMAT, "content": content, **write_plan(folder, corpus.offsets, cut)}

    beside = corpus.folder.parent.name  # of a shard of a stream: removed as that is
    made = entry(cache_dir() / (STREAM if beside == STREAM else "packing") / key, write)
    plan = open_plan(made.folder)
    logger.info(
        f"packing: cache {'hit' if made.hit else 'miss'} ({made.reason}) {key[:12]}: "
        f"{plan.pieces:,} pieces in {len(plan):,} blocks, {time.perf_counter() - started:.2f} s"
    )
    return plan


def write_plan(folder: Path, offsets: Integers, cut: Cut) -> dict[str, Any]:
    """Pack window by window into the files of an entry.

    Args:
        folder: An empty one.
        offsets: (D+1,) where documents begin among the tokens, and the end of the last.
        cut: How they become pieces.

    Returns:
        What the manifest shall say: `dtype` and `cut_documents`.
    """
    cut_documents = pieces = 0
    with ExitStack() as opened:
        documents, begins, ends, lengths = (
            opened.enter_context((folder / f"{name}.bin").open("wb"))
            for name in ("documents", "begins", "ends", "lengths")
        )
        dtype = "<u4" if max(len(offsets), int(offsets[-1])) < 1 << 32 else "<i8"
        for first in range(0, len(offsets) - 1, WINDOW_DOCUMENTS):
            totals = np.diff(offsets[first : first + WINDOW_DOCUMENTS + 1]) - cut.unread
            cut_documents += int((totals > cut.size).sum())
            window = Pieces(totals, cut.size)
            for begin in range(0, len(window), WINDOW_PIECES):
                owners, starts, stops = window.between(begin, begin + WINDOW_PIECES)
                places = stops - starts + cut.around
                blocks = best_fit(places, cut.capacity)
                count = int(blocks.max()) + 1
                order = stable_order(blocks, count)
                documents.write((first + owners[order]).astype(dtype).data)
                begins.write(starts[order].astype(dtype).data)
                held = np.bincount(blocks, minlength=count)
                ends.write((pieces + np.cumsum(held)).astype("<i8").data)
                lengths.write(np.bincount(blocks, weights=places).astype("<i8").data)
                pieces += len(blocks)
    return {"dtype": dtype, "cut_documents": cut_documents}


def _mapped(file: Path, dtype: str) -> Integers:
    """A file as an array; an empty one cannot be mapped."""
    if not file.stat().st_size:
        return np.zeros(0, dtype=dtype)
    return np.memmap(file, dtype=dtype, mode="r")
