"""A corpus as token ids on disk, made once and mapped into memory by every run.

Format 1 is a folder `tokens/<key>/` of the cache:

- `tokens.bin`: the ids of all documents one after another, each followed by the end token; raw,
  little-endian, unsigned, 16 bits where the tokenizer's largest id fits, else 32.
- `offsets.npy`: (D+1,) int64; document d is `tokens[offsets[d]:offsets[d + 1]]`, end included.
- `bytes.npy`: (D,) int64; the UTF-8 bytes of each document's text.
- `meta.json`: format, dtype, what the key was made of, the ledger, size and SHA-256 of each file.

The key is a SHA-256 of the content: of the documents, of the tokenizer and of what else decides the
ids. Paths and times are no part of it. No start token is stored, so that every layout can be made.

Until an entry is whole its finished shards lie in `shards/<key>/` (see shards.py); a run that was
killed goes on after them.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from lmkit.data.cache import cache_dir, entry, read_manifest
from lmkit.data.fingerprint import expected_bytes, require_unchanged
from lmkit.data.rows import Source
from lmkit.data.shards import ShardStore
from lmkit.data.stream import STREAM, Shard
from lmkit.data.token_joiner import Written, join_shards
from lmkit.data.token_writer import write_shards
from lmkit.data.tokenizer import end_token_id, tokenizer_fingerprint
from lmkit.errors import LmkitError, TokenizerError
from lmkit.vocabulary import id_count

logger = logging.getLogger(__name__)

FORMAT = 1
_PARTS = {
    "data": ("source",),
    "tokenizer": ("tokenizer", "end_token"),
    "options": ("text_column",),
}  # of the content that makes a key, for messages

Integers = npt.NDArray[Any]


@dataclass(frozen=True)
class Ledger:
    """What went in and what came out. `dropped` is always 0, and that is checked, not assumed."""

    documents: int
    bytes: int
    """UTF-8 bytes of the text."""
    tokens: int
    """Tokens that the tokenizer gave, and one end token a document."""
    kept: int
    """Tokens found in the file afterwards."""
    dropped: int
    """`tokens - kept`."""

    def line(self) -> str:
        """The ledger for people."""
        return (
            f"{self.documents:,} documents, {self.bytes:,} bytes, {self.tokens:,} tokens, "
            f"{self.kept:,} kept, {self.dropped:,} dropped"
        )


@dataclass(frozen=True, eq=False)
class TokenCorpus:
    """A tokenized split, mapped from the cache: `pieces.Documents`, and how it came about."""

    tokens: Integers
    offsets: Integers
    bytes: Integers
    ledger: Ledger
    hit: bool
    """Whether it was in the cache."""
    key: str
    """The SHA-256 that names it."""
    seconds: float
    """How long it took to find or to make."""
    folder: Path
    """Where it is."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its place, so that worker processes map the same file."""
        return open_corpus, (self.folder, self.hit, self.seconds)


@dataclass(frozen=True)
class Identity:
    """What decides the ids of a split: the key of its entry, and what that is made of."""

    source: Source
    tokenizer: PreTrainedTokenizerBase
    text_column: str
    dtype: str
    """Of the ids on disk."""
    content: dict[str, Any]
    key: str

    def shards(self, place: str | Path | None = None) -> ShardStore:
        """Its shards, in the cache or elsewhere."""
        return ShardStore(cache_dir() / "shards" if place is None else place, self.key)


def identify(
    source: Source,
    tokenizer: PreTrainedTokenizerBase,
    *,
    text_column: str,
    vocab_limit: int | None = None,
) -> Identity:
    """The key of a split and its parts; arguments and errors are those of `tokenize_corpus`."""
    largest = id_count(tokenizer) - 1
    if vocab_limit is not None and largest >= vocab_limit:
        raise TokenizerError(
            f"the tokenizer's largest id is {largest}, but the model's vocabulary has "
            f"{vocab_limit} entries (ids 0 to {vocab_limit - 1}); use the model's own tokenizer or "
            f"a model with a `vocab_size` of at least {largest + 1}"
        )
    content = {
        "source": source.fingerprint(),
        "tokenizer": tokenizer_fingerprint(tokenizer),
        "end_token": end_token_id(tokenizer),
        "text_column": text_column,
    }
    key = hashlib.sha256(json.dumps({"format": FORMAT, **content}).encode()).hexdigest()
    dtype = "<u2" if largest < 1 << 16 else "<u4"
    return Identity(source, tokenizer, text_column, dtype, content, key)


def open_corpus(folder: Path, hit: bool = True, seconds: float = 0.0) -> TokenCorpus:
    """Map a whole entry of the token cache."""
    meta = read_manifest(folder)
    return TokenCorpus(
        tokens=np.memmap(folder / "tokens.bin", dtype=meta["dtype"], mode="r"),
        offsets=np.load(folder / "offsets.npy", mmap_mode="r"),
        bytes=np.load(folder / "bytes.npy", mmap_mode="r"),
        ledger=Ledger(**meta["ledger"]),
        hit=hit,
        key=folder.name,
        seconds=seconds,
        folder=folder,
    )


def tokenize_corpus(
    source: Source,
    tokenizer: PreTrainedTokenizerBase,
    *,
    text_column: str,
    vocab_limit: int | None = None,
) -> TokenCorpus:
    """The tokens of a split, from the cache where they are there.

    Args:
        source: The documents, one a row.
        tokenizer: Gives the ids and the end token.
        text_column: The column that holds the text.
        vocab_limit: Entries of the model's vocabulary, if a model is known.

    Raises:
        DataError: No document, or none with text; a text that is not valid Unicode; or a file that
            changes while it is read.
        TokenizerError: No end token; an id of the tokenizer is not below `vocab_limit`; or the
            tokenizer fails on a text.
        CacheError: The cache cannot be written, or its disk has no room.
    """
    started = time.perf_counter()
    identity = identify(source, tokenizer, text_column=text_column, vocab_limit=vocab_limit)
    return prepare_corpus(identity, started)


def prepare_corpus(identity: Identity, started: float | None = None) -> TokenCorpus:
    """The tokens of a split from the cache, made now where they are absent or damaged.

    Args:
        identity: The split.
        started: `time.perf_counter()` of the beginning, for the line that is told; left out, now.

    Raises:
        LmkitError: as `tokenize_corpus`.
    """
    begun = time.perf_counter() if started is None else started
    return find_or_make(identity, lambda folder: _make(identity, folder), begun)


def find_or_make(
    identity: Identity, make: Callable[[Path], Written], started: float
) -> TokenCorpus:
    """The entry of a split; where it is absent, `make` fills its folder.

    Args:
        identity: The split.
        make: Fills a folder with the files of format 1, but for the manifest.
        started: `time.perf_counter()` of the beginning, for the line that is told.
    """

    def write(folder: Path) -> dict[str, Any]:
        documents, size, tokens = make(folder)
        kept = (folder / "tokens.bin").stat().st_size // np.dtype(identity.dtype).itemsize
        ledger = Ledger(documents, size, tokens, kept, tokens - kept)
        assert ledger.dropped == 0, ledger
        return {
            "format": FORMAT, "dtype": identity.dtype, "split": identity.source.name,
            "content": identity.content, "ledger": asdict(ledger),
        }  # fmt: skip

    streamed = isinstance(identity.source, Shard)
    folder = cache_dir() / (STREAM if streamed else "tokens") / identity.key
    near = _nearest(folder.parent, identity)
    made = entry(folder, write)
    if streamed:
        os.utime(folder)  # what was not used for longest is removed first
    corpus = open_corpus(made.folder, made.hit, time.perf_counter() - started)
    if not made.hit:
        identity.shards().remove()
    ledger, seconds = corpus.ledger, corpus.seconds
    speed = "" if made.hit else f" ({ledger.tokens / seconds:,.0f} tokens/s)"
    state = "hit" if made.hit else "miss"
    reason = made.reason + (near if made.reason == "not in the cache" else "")
    logger.info(
        f"{identity.source.name}: token cache {state} ({reason}) {identity.key[:12]}: "
        f"{ledger.documents:,} documents, {ledger.tokens:,} tokens, {seconds:.2f} s{speed}"
    )
    return corpus


def _make(identity: Identity, folder: Path) -> Written:
    """Make the missing shards of a split and lay all of them into `folder`."""
    source, store = identity.source, identity.shards()
    size = expected_bytes(source)

    def forecast(text: int, made: int) -> int:
        return made if size is None or not text else max(made, round(made * size / text))

    try:
        count, reason = write_shards(
            store, source, identity.tokenizer, text_column=identity.text_column,
            dtype=identity.dtype, forecast=forecast,
        )  # fmt: skip
        require_unchanged(source)
        written = join_shards(folder, store, count, name=source.name, dtype=identity.dtype)
    except (LmkitError, OSError):
        store.remove()  # of other content, or in the way on a full disk
        raise
    if reason:
        logger.info("%s: encoded by tokenizers, not tiktoken: %s", source.name, reason)
    return written


def _nearest(folder: Path, identity: Identity) -> str:
    """What the nearest earlier entry of this split differs in, as the end of a reason."""
    best: tuple[int, float, str] | None = None
    for path in folder.glob("[!.]*/meta.json"):  # a name with a dot is half made
        try:
            made = path.stat().st_mtime
            meta = json.loads(path.read_text(encoding="utf-8"))
            split, then = meta["split"], meta["content"]
        except (OSError, ValueError, KeyError):
            continue  # damaged, or just put away by another process
        if split != identity.source.name or path.parent.name == identity.key:
            continue
        other = [
            part
            for part, names in _PARTS.items()
            if any(then.get(name) != identity.content[name] for name in names)
        ]
        told = f": the nearest entry, {path.parent.name[:12]}, has other {' and '.join(other)}"
        if len(other) == len(_PARTS):
            told = ": nothing like it there"
        best = max(best or (-9, 0.0, ""), (-len(other), made, told))
    return best[2] if best else ""
