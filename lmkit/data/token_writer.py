"""From the texts of a split to token ids on disk, in memory that does not grow with the corpus.

Text is data: where a document holds the text of a special token (`<|endoftext|>`), it is encoded
as that text and never becomes the token. Tokens that the user added are found as usual (but by a
tokenizer without a `tokenizers` backend, which can only leave out both kinds).

A document is encoded in one piece, however long, because no cut is known to be without effect on
the ids for every tokenizer; the documents of a batch are encoded on all cores.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from transformers import PreTrainedTokenizerBase

from lmkit.data.limits import Tokenized, cut_at, token_limit
from lmkit.data.rows import Source, column
from lmkit.data.tokenizer import end_token_id
from lmkit.errors import DataError, TokenizerError

_BATCH_CHARACTERS = 1 << 20
_BATCH_DOCUMENTS = 4096


class Written(NamedTuple):
    """What went through, counted on the way."""

    documents: int
    bytes: int
    """UTF-8 bytes of the text."""
    tokens: int
    """Tokens that the tokenizer gave, and one end token a document."""


class _Batch(NamedTuple):
    texts: list[str]
    origins: list[str]
    sizes: list[int]  # UTF-8 bytes of each text


def _batches(source: Source, text_column: str) -> Iterator[_Batch]:
    """The documents in order, about a megabyte at a time."""
    batch, characters = _Batch([], [], []), 0
    for row in source.rows():
        text = column(row, text_column)
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            raise DataError(
                f"{row.origin}: character {error.start} of column `{text_column}` is "
                f"U+{ord(text[error.start]):04X}, half of a surrogate pair, which is no character; "
                "correct the escape sequence or leave the row out"
            ) from error
        batch.texts.append(text)
        batch.origins.append(row.origin)
        batch.sizes.append(size)
        characters += len(text)
        if characters >= _BATCH_CHARACTERS or len(batch.texts) >= _BATCH_DOCUMENTS:
            yield batch
            batch, characters = _Batch([], [], []), 0
    if batch.texts:
        yield batch


def write_tokens(
    folder: Path,
    source: Source,
    tokenizer: PreTrainedTokenizerBase,
    *,
    text_column: str,
    dtype: str,
) -> Written:
    """Tokenize into `tokens.bin`, `offsets.npy` and `bytes.npy`, holding one batch in memory.

    A source with a token limit is not read beyond it.

    Raises:
        DataError: No document, or none with text; or a text that is not valid Unicode.
        TokenizerError: No end token, or the tokenizer fails on a text.
    """
    end = end_token_id(tokenizer)
    documents = size = tokens = 0
    limit = token_limit(source)
    with (
        (folder / "tokens.bin").open("wb") as file,
        _ArrayFile(folder / "offsets.npy") as offsets,
        _ArrayFile(folder / "bytes.npy") as sizes,
        _plain(tokenizer),
    ):
        offsets.append([0])
        for batch in _batches(source, text_column):
            flat, ends = [], []
            for ids in _encode(tokenizer, batch):
                flat.extend(ids)
                flat.append(end)
                ends.append(tokens + len(flat))
            made, full = Tokenized(flat, ends, batch.sizes), False
            if limit is not None:
                made, full = cut_at(limit, made, end)
            file.write(np.array(made.flat, dtype=dtype).data)
            offsets.append(made.ends)
            sizes.append(made.sizes)
            documents += len(made.ends)
            size += sum(made.sizes)
            tokens += len(made.flat)
            if full:
                break
    if tokens == documents:
        raise DataError(
            f"{source.name}: no text in {documents:,} documents; give files or rows with text"
        )
    return Written(documents, size, tokens)


def _encode(tokenizer: PreTrainedTokenizerBase, batch: _Batch) -> Iterator[list[int]]:
    """The ids of each text of a batch, without any token that is not in the text."""
    try:
        if (backend := _backend(tokenizer)) is not None:
            for encoding in backend.encode_batch_fast(batch.texts, add_special_tokens=False):
                yield encoding.ids
            return
        for text in batch.texts:
            pieces = tokenizer.tokenize(text, split_special_tokens=True)
            ids: Any = tokenizer.convert_tokens_to_ids(pieces)
            yield ids
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how Rust's panics arrive: not an Exception
            raise
        raise TokenizerError(
            f"the tokenizer failed between {batch.origins[0]} and {batch.origins[-1]}: {error}"
        ) from error


def _backend(tokenizer: PreTrainedTokenizerBase) -> Any:
    """The `tokenizers.Tokenizer` behind a tokenizer, or None for one written in Python."""
    return getattr(tokenizer, "backend_tokenizer", None)


@contextmanager
def _plain(tokenizer: PreTrainedTokenizerBase) -> Iterator[None]:
    """Have the backend encode text whole: neither cut nor padded, special tokens read as text."""
    backend = _backend(tokenizer)
    if backend is None:
        yield
        return
    truncation, padding = backend.truncation, backend.padding
    as_text = backend.encode_special_tokens
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True
    try:
        yield
    finally:
        backend.encode_special_tokens = as_text
        if truncation is not None:
            backend.enable_truncation(**truncation)
        if padding is not None:
            backend.enable_padding(**padding)


class _ArrayFile:
    """A one-dimensional int64 `.npy` file that grows; the header gets its length at the end."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._length = 0
        self._header()
        self._start = self._file.tell()

    def __enter__(self) -> "_ArrayFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            self._file.seek(0)
            self._header()
            assert self._file.tell() == self._start, "numpy leaves room for the length to grow"

    def append(self, values: list[int]) -> None:
        """Write more elements."""
        self._file.write(np.array(values, dtype="<i8").data)
        self._length += len(values)

    def _header(self) -> None:
        header = {"descr": "<i8", "fortran_order": False, "shape": (self._length,)}
        np.lib.format.write_array_header_1_0(self._file, header)
