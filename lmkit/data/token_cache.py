"""A corpus as token ids on disk, made once and mapped into memory by every run.

Format 1 is a folder `tokens/<key>/` of the cache:

- `tokens.bin`: the ids of all documents one after another, each followed by the end token; raw,
  little-endian, unsigned, 16 bits where the tokenizer's largest id fits, else 32.
- `offsets.npy`: (D+1,) int64; document d is `tokens[offsets[d]:offsets[d + 1]]`, end included.
- `bytes.npy`: (D,) int64; the UTF-8 bytes of each document's text.
- `meta.json`: format, dtype, what the key was made of, the ledger, size and SHA-256 of each file.

The key is a SHA-256 of the content: of the documents, of the tokenizer and of what else decides the
ids. Paths and times are no part of it. No start token is stored, so that every layout can be made.
"""

import hashlib
import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from lmkit.data.cache import cache_dir, entry, read_manifest
from lmkit.data.rows import Source
from lmkit.data.token_writer import write_tokens
from lmkit.data.tokenizer import end_token_id, tokenizer_fingerprint
from lmkit.errors import TokenizerError

logger = logging.getLogger(__name__)

FORMAT = 1

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
        DataError: No document, or none with text; or a text that is not valid Unicode.
        TokenizerError: No end token; an id of the tokenizer is not below `vocab_limit`; or the
            tokenizer fails on a text.
        CacheError: The cache cannot be written.
    """
    started = time.perf_counter()
    largest = _largest_id(tokenizer)
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

    def write(folder: Path) -> dict[str, Any]:
        dtype = "<u2" if largest < 1 << 16 else "<u4"
        documents, size, tokens = write_tokens(
            folder, source, tokenizer, text_column=text_column, dtype=dtype
        )
        kept = (folder / "tokens.bin").stat().st_size // np.dtype(dtype).itemsize
        ledger = Ledger(documents, size, tokens, kept, tokens - kept)
        assert ledger.dropped == 0, ledger
        return {"format": FORMAT, "dtype": dtype, "content": content, "ledger": asdict(ledger)}

    made = entry(cache_dir() / "tokens" / key, write)
    corpus = open_corpus(made.folder, made.hit, time.perf_counter() - started)
    ledger, seconds = corpus.ledger, corpus.seconds
    speed = "" if made.hit else f" ({ledger.tokens / seconds:,.0f} tokens/s)"
    state = "hit" if made.hit else "miss"
    logger.info(
        f"{source.name}: token cache {state} ({made.reason}) {key[:12]}: {ledger.documents:,} "
        f"documents, {ledger.tokens:,} tokens, {seconds:.2f} s{speed}"
    )
    return corpus


def _largest_id(tokenizer: PreTrainedTokenizerBase) -> int:
    vocabulary = tokenizer.get_vocab()
    if not vocabulary:
        raise TokenizerError("the tokenizer's vocabulary is empty")
    return int(max(vocabulary.values()))
