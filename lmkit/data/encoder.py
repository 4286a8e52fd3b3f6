"""Texts to ids: by `tiktoken` where that is proven to give the same, else by `tokenizers`.

Text is data: where a document holds the text of a special token (`<|endoftext|>`), it is encoded
as that text and never becomes the token. Tokens that the user added are found as usual (but by a
tokenizer without a `tokenizers` backend, which can only leave out both kinds).

A document is encoded in one piece, however long, because no cut is known to be without effect on
the ids for every tokenizer.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from lmkit.data.fast_bpe import FastBPE, NotProvenError
from lmkit.data.tokenizer import end_token_id
from lmkit.errors import TokenizerError, of_tokenizers

_SAMPLE = 1 << 16  # characters up to which a document is encoded both ways to compare


class Documents(NamedTuple):
    """Documents that are encoded together."""

    texts: list[str]
    origins: list[str]
    """Where each stands, for messages."""
    sizes: list[int]
    """UTF-8 bytes of each."""


class Encoder:
    """Encodes documents, each followed by the end token; safe to be called by several threads.

    Args:
        tokenizer: Gives the ids and the end token.
        dtype: Of the ids: `<u2` or `<u4`.

    Raises:
        TokenizerError: the tokenizer has no end token.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, dtype: str) -> None:
        self._tokenizer = tokenizer
        self._dtype = np.dtype(dtype)
        self.end = end_token_id(tokenizer)
        self._fast: FastBPE | None = None

    def quicken(self) -> str:
        """Use `tiktoken` from now on where it is proven; to find out takes as long as a megabyte.

        Returns:
            Why it is not used; "" where it is.
        """
        backend = _backend(self._tokenizer)
        if backend is None:
            return "the tokenizer is written in Python"
        try:
            self._fast = FastBPE(backend)
        except NotProvenError as error:
            return str(error)
        return ""

    @property
    def engine(self) -> str:
        """Which library encodes: `tiktoken` (and `tokenizers` what it must not) or `tokenizers`."""
        return "tokenizers" if self._fast is None else "tiktoken"

    def encode(self, documents: Documents) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """The ids of all documents, (tokens,), and the tokens of each, (documents,), end included.

        Raises:
            TokenizerError: the tokenizer fails on a text; the documents are named.
        """
        found: list[Any] = [None] * len(documents.texts)
        if self._fast is not None:
            found = [self._fast.encode(text) for text in documents.texts]
        left = [i for i, ids in enumerate(found) if ids is None]
        for i, ids in zip(left, self._by_tokenizers(documents, left), strict=True):
            found[i] = ids
        lengths = np.array([len(ids) + 1 for ids in found], dtype=np.int64)
        tokens = np.full(int(lengths.sum()), self.end, dtype=self._dtype)
        start = 0
        for ids, length in zip(found, lengths.tolist(), strict=True):
            tokens[start : start + length - 1] = ids
            start += length
        return tokens, lengths

    def agrees(self, documents: Documents) -> bool:
        """Whether both ways give the same for the first of the documents that is not very long."""
        sample = next((i for i, t in enumerate(documents.texts) if len(t) <= _SAMPLE), None)
        if self._fast is None or sample is None:
            return True
        ids = self._fast.encode(documents.texts[sample])
        (expected,) = self._by_tokenizers(documents, [sample])
        return ids is None or ids.tolist() == list(expected)

    def _by_tokenizers(self, documents: Documents, chosen: Sequence[int]) -> Iterator[list[int]]:
        """The ids of the chosen documents, without any token that is not in the text."""
        texts = [documents.texts[i] for i in chosen]
        if not texts:
            return
        try:
            if (backend := _backend(self._tokenizer)) is not None:
                for encoding in backend.encode_batch_fast(texts, add_special_tokens=False):
                    yield encoding.ids
                return
            for text in texts:
                pieces = self._tokenizer.tokenize(text, split_special_tokens=True)
                ids: Any = self._tokenizer.convert_tokens_to_ids(pieces)
                yield ids
        except BaseException as error:
            if not of_tokenizers(error):
                raise
            first, last = documents.origins[chosen[0]], documents.origins[chosen[-1]]
            raise TokenizerError(
                f"the tokenizer failed between {first} and {last}: {error}"
            ) from error


def _backend(tokenizer: PreTrainedTokenizerBase) -> Any:
    """The `tokenizers.Tokenizer` behind a tokenizer, or None for one written in Python."""
    return getattr(tokenizer, "backend_tokenizer", None)


@contextmanager
def plain(tokenizer: PreTrainedTokenizerBase) -> Iterator[None]:
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
