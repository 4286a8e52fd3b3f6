"""From the texts of a split to token ids on disk, on all cores, in memory that stays flat.

One thread reads documents and cuts them into batches of about a megabyte; as many as there are
cores encode (both libraries let go of Python's lock). What comes back in order becomes shards of
`SHARD_BYTES` of text, each written when it is full; what an earlier run has finished is passed
over. The result is the same for any number of threads and for either library.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from lmkit.data.encoder import Documents, Encoder, plain
from lmkit.data.limits import Tokenized, cut_at, token_limit
from lmkit.data.room import require_room
from lmkit.data.rows import Source, column
from lmkit.data.shards import ALL, Shard, ShardStore, Share
from lmkit.errors import DataError

SHARD_BYTES = 1 << 25  # of text; the document that reaches it is the shard's last
_BATCH_CHARACTERS = 1 << 20
_BATCH_DOCUMENTS = 4096
_BATCH_TOKENS = 1 << 17  # that a batch gives at least, but for short ones
_AHEAD = 2  # batches a thread that are read before they are encoded

Arrays = tuple[npt.NDArray[Any], npt.NDArray[np.int64]]


class DisagreementError(Exception):
    """A sample that `tiktoken` read otherwise than `tokenizers`; where it stands."""


class _Batch(NamedTuple):
    shard: int
    documents: Documents


def _batches(source: Source, text_column: str) -> Iterator[_Batch]:
    """The documents in order, about a megabyte at a time, no batch in two shards."""
    shard = in_shard = characters = 0
    batch = Documents([], [], [])
    for row in source.rows():
        text = column(row, text_column)
        size = _utf8_bytes(text, row.origin, text_column)
        batch.texts.append(text)
        batch.origins.append(row.origin)
        batch.sizes.append(size)
        characters += len(text)
        in_shard += size
        full = in_shard >= SHARD_BYTES
        if full or characters >= _BATCH_CHARACTERS or len(batch.texts) >= _BATCH_DOCUMENTS:
            yield _Batch(shard, batch)
            batch, characters = Documents([], [], []), 0
        if full:
            shard, in_shard = shard + 1, 0
    if batch.texts:
        yield _Batch(shard, batch)


Waiting = deque[tuple[_Batch, "Future[Arrays]"]]


def _utf8_bytes(text: str, origin: str, text_column: str) -> int:
    """How many bytes a text takes.

    Raises:
        DataError: it is not valid Unicode.
    """
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise DataError(
            f"{origin}: character {error.start} of column `{text_column}` is "
            f"U+{ord(text[error.start]):04X}, half of a surrogate pair, which is no character; "
            "correct the escape sequence or leave the row out"
        ) from error


def write_shards(
    store: ShardStore,
    source: Source,
    tokenizer: PreTrainedTokenizerBase,
    *,
    text_column: str,
    dtype: str,
    share: Share = ALL,
    forecast: Callable[[int, int], int] | None = None,
    threads: int | None = None,
) -> tuple[int, str]:
    """Make the shards of a corpus that are not there yet.

    Args:
        store: Where they are and go.
        source: The documents, one a row.
        tokenizer: Gives the ids and the end token.
        text_column: The column that holds the text.
        dtype: Of the ids: `<u2` or `<u4`.
        share: Which of them to make; all documents are read, but no more than that.
        forecast: From text and token bytes so far, the bytes that all shards will take.
        threads: How many encode; left out, one a core.

    A source with a token limit is not read much beyond it, and has the shards up to it.

    Returns:
        How many shards the corpus has, and why `tiktoken` was not used ("" where it was).

    Raises:
        DataError: No document, or a text that is not valid Unicode.
        TokenizerError: No end token, or the tokenizer fails on a text.
        CacheError: The disk has no room for what is to come.
    """
    make = _Making(store, forecast, share, threads or os.cpu_count() or 1, token_limit(source))
    with plain(tokenizer):
        if store.only_tokenizers:
            count = make.shards(source, Encoder(tokenizer, dtype), text_column, fast=False)
            return count, "it was found to read this corpus otherwise"
        try:
            count = make.shards(source, Encoder(tokenizer, dtype), text_column, fast=True)
        except DisagreementError as error:
            store.forbid_tiktoken()
            count = make.shards(source, Encoder(tokenizer, dtype), text_column, fast=False)
            return count, f"it reads {error} otherwise"
        return count, make.reason


class _Making:
    """The shards that are being made."""

    def __init__(
        self,
        store: ShardStore,
        forecast: Callable[[int, int], int] | None,
        share: Share,
        threads: int,
        limit: int | None,
    ) -> None:
        self._store = store
        self._forecast = forecast
        self._share = share
        self._threads = threads
        self._limit = limit
        self.reason = ""

    def shards(self, source: Source, encoder: Encoder, text_column: str, *, fast: bool) -> int:
        """Make those of the share, and count all; where there is but one batch, by `tokenizers`."""
        self._bytes = self._text = self._tokens = 0
        count, skipped = 0, -1
        making = _Building(-1, [], [])
        waiting: Waiting = deque()
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="lmkit-encode")
        try:
            batches = _batches(source, text_column)
            head = list(islice(batches, 2))
            if fast and len(head) == 2:
                self.reason = encoder.quicken()
            for batch in chain(head, batches):
                begins = batch.shard == count
                if begins and self._limit is not None:  # is there room for another?
                    making = self._take(making, waiting, encoder, keep=0)
                if self._full:
                    break
                count += begins
                if begins and not self._to_make(batch, encoder):
                    skipped = batch.shard
                if batch.shard == skipped:
                    continue
                waiting.append((batch, pool.submit(encoder.encode, batch.documents)))
                making = self._take(making, waiting, encoder, keep=self._ahead())
            making = self._take(making, waiting, encoder, keep=0)
            self._finish(making, encoder)
        finally:
            pool.shutdown(cancel_futures=True)
        if not count:
            raise DataError(f"{source.name}: no text in 0 documents; give files or rows with text")
        return count

    def _ahead(self) -> int:
        """How many batches may wait; close to a limit fewer, so that little is read in vain."""
        most = _AHEAD * self._threads
        if self._limit is None:
            return most
        return min(most, (self._limit - self._tokens) // _BATCH_TOKENS)

    @property
    def _full(self) -> bool:
        """Whether the limit leaves no room for a token and an end token."""
        return self._limit is not None and self._limit - self._tokens < 2

    def _to_make(self, batch: _Batch, encoder: Encoder) -> bool:
        """Whether the shard that a batch begins is of the share, and no earlier run finished it.

        Raises:
            DisagreementError: the two ways to encode differ.
        """
        if not self._share.has(batch.shard) or self._there(batch.shard):
            return False
        if not encoder.agrees(batch.documents):
            raise DisagreementError(batch.documents.origins[0])
        return True

    def _there(self, number: int) -> bool:
        """Whether an earlier run has finished a shard."""
        shard = self._store.read(number)
        if shard is not None:
            self._count(shard)
            self._tokens += len(shard.tokens)
        return shard is not None

    def _take(
        self, building: "_Building", waiting: Waiting, encoder: Encoder, *, keep: int
    ) -> "_Building":
        """Add batches to their shards until `keep` are left, or the limit is reached.

        A shard is finished once a batch of the next one comes.
        """
        while len(waiting) > keep and not self._full:
            batch, encoded = waiting.popleft()
            if batch.shard != building.number:
                self._finish(building, encoder)
                building = _Building(batch.shard, [], [])
            found = Tokenized(*encoded.result(), batch.documents.sizes)
            if self._limit is not None:
                found = cut_at(self._limit - self._tokens, found, encoder.end)
            self._tokens += len(found.ids)
            building.parts.append((found.ids, found.lengths))
            building.sizes.extend(found.sizes)
        return building

    def _finish(self, building: "_Building", encoder: Encoder) -> None:
        """Write a full shard, if there is room for it and for what the end will take."""
        if not building.parts:
            return
        shard = Shard(
            np.concatenate([tokens for tokens, _ in building.parts]),
            np.concatenate([lengths for _, lengths in building.parts]),
            np.array(building.sizes, dtype=np.int64),
        )
        self._count(shard)
        if self._store.local is not None:
            # the shards lie beside the corpus until that is whole
            ahead = self._forecast(self._text, self._bytes) if self._forecast else self._bytes
            require_room(self._store.local, shard.nbytes + 2 * ahead - self._bytes)
        self._store.write(building.number, shard, encoder.engine)

    def _count(self, shard: Shard) -> None:
        self._bytes += shard.nbytes
        self._text += int(shard.sizes.sum())


class _Building(NamedTuple):
    """A shard that is not full yet."""

    number: int
    parts: list[Arrays]
    sizes: list[int]
