"""What a tokenizer makes of a text: how much of it fits a token, and what it does badly.

Words are what stands between white space, whatever the tokenizer takes for a word, so that one
tokenizer can be held against another. No token counts that is not in the text ([CLS], end tokens).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import decoders
from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from lmkit.data.words import is_byte_level
from lmkit.errors import DataError

LISTED = 20
_BATCH = 64  # texts encoded at a time
_FALLBACK = re.compile(r"<0x[0-9A-Fa-f]{2}>")
_BYTES = decoders.ByteLevel()


@dataclass(frozen=True)
class TokenizerFigures:
    """A tokenizer on one text."""

    vocab_size: int
    tokens: int
    bytes_per_token: float
    """UTF-8 bytes of the text over its tokens; more is better."""
    characters_per_token: float
    tokens_per_word: float
    """Of runs without white space; 1 at best, unless tokens reach over spaces."""
    unknown_share: float
    """Tokens that are the unknown token, in [0, 1]."""
    byte_share: float
    """Tokens that are one byte of a character of several (or a fallback `<0x..>`), in [0, 1]."""
    unused: int
    """Entries of the vocabulary, special tokens left out, that the text never uses."""
    unused_share: float
    """Of all such entries, in [0, 1]."""
    round_trip_share: float
    """Texts that decoding gives back exactly, in [0, 1]."""
    longest: list[str]
    """The longest tokens of the vocabulary as text, special ones left out."""
    most_frequent: list[tuple[str, int]]
    """The tokens that the text has most of, and how often."""


def measure_tokenizer(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> TokenizerFigures:
    """Encode and decode every text.

    Raises:
        DataError: there is no text at all.
    """
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    names = {number: token for token, number in vocabulary.items()}
    counts = np.zeros(max(names) + 1, dtype=np.int64)
    size = characters = words = documents = returned = 0
    stream = iter(texts)
    while batch := list(islice(stream, _BATCH)):
        encoded: Any = tokenizer(batch, add_special_tokens=False, verbose=False)["input_ids"]
        for text, ids in zip(batch, encoded, strict=True):
            counts += np.bincount(np.asarray(ids, dtype=np.int64), minlength=len(counts))
            returned += _decoded(tokenizer, ids) == text
            size += len(text.encode("utf-8", "surrogatepass"))
            characters += len(text)
            words += len(text.split())
            documents += 1
    tokens = int(counts.sum())
    if not tokens:
        raise DataError("the tokenizer makes no token of the text: there is nothing to measure")
    surface = _surface(tokenizer)
    ordinary = sorted(set(names) - set(tokenizer.all_special_ids))
    unused = sum(int(counts[number]) == 0 for number in ordinary)
    unknown = tokenizer.unk_token_id
    return TokenizerFigures(
        vocab_size=len(tokenizer),
        tokens=tokens,
        bytes_per_token=size / tokens,
        characters_per_token=characters / tokens,
        tokens_per_word=tokens / max(words, 1),
        unknown_share=int(counts[unknown]) / tokens if isinstance(unknown, int) else 0.0,
        byte_share=int(counts[_single_bytes(tokenizer, vocabulary)].sum()) / tokens,
        unused=unused,
        unused_share=unused / max(len(ordinary), 1),
        round_trip_share=returned / documents,
        longest=sorted((surface(names[n]) for n in ordinary), key=lambda t: (-len(t), t))[:LISTED],
        most_frequent=[
            (surface(names[int(number)]), int(counts[number]))
            for number in np.argsort(-counts, kind="stable")[:LISTED]
            if counts[number]
        ],
    )


def _decoded(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _single_bytes(
    tokenizer: PreTrainedTokenizerBase, vocabulary: dict[str, int]
) -> npt.NDArray[np.int64]:
    """The ids of tokens that are one byte and no character."""
    if is_byte_level(getattr(tokenizer, "backend_tokenizer", None)):
        table: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call] # it has no annotations
        alone = (table[byte] for byte in range(0x80, 0x100))
    else:
        alone = (token for token in vocabulary if _FALLBACK.fullmatch(token))
    return np.array([vocabulary[token] for token in alone if token in vocabulary], dtype=np.int64)


def _surface(tokenizer: PreTrainedTokenizerBase) -> Any:
    """A function that writes a token as the text it stands for, where its kind allows."""
    if is_byte_level(getattr(tokenizer, "backend_tokenizer", None)):
        return lambda token: str(_BYTES.decode([token]))
    return lambda token: token.replace("▁", " ")
