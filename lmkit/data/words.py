"""Where words begin and end, told from the tokens of a vocabulary alone.

Every family of tokenizers marks it in the token: WordPiece (and BPE with a prefix) writes `##`
before what goes on inside a word; byte-level BPE keeps the space before a word as its first byte
(`Ġ`); Unigram and other SentencePiece vocabularies write it as `▁`; the first BPE writes `</w>` at
the end. Where a space is kept, letters, digits and `_` that touch form one word, to which a token
that is one space before them belongs; any other character is outside words. Two tokens in a row
belong to one word if the first ends inside a word and the second begins inside one.
"""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import decoders
from transformers import PreTrainedTokenizerBase

Bools = npt.NDArray[np.bool_]

_WORD = re.compile(r"\w")
_BYTES = decoders.ByteLevel()


def word_joints(tokenizer: PreTrainedTokenizerBase, size: int) -> tuple[Bools, Bools]:
    """Whether each token begins inside a word, and whether it ends inside one; each (size,)."""
    begins, ends = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    model = getattr(backend, "model", None)
    prefix = getattr(model, "continuing_subword_prefix", None)
    suffix = getattr(model, "end_of_word_suffix", None)
    vocabulary = tokenizer.get_vocab().items()
    if type(model).__name__ == "WordLevel":
        return begins, ends
    if prefix:
        for token, token_id in vocabulary:
            begins[token_id] = token.startswith(prefix)
        return begins, np.ones(size, dtype=np.bool_)
    if suffix:
        for token, token_id in vocabulary:
            ends[token_id] = not token.endswith(suffix)
        return np.ones(size, dtype=np.bool_), ends
    surface = _from_bytes if is_byte_level(backend) else _from_pieces
    for token, token_id in vocabulary:
        text = surface(token)
        begins[token_id] = bool(_WORD.match(text[:1]))
        ends[token_id] = text == " " or bool(_WORD.match(text[-1:]))
    return begins, ends


def is_byte_level(backend: Any) -> bool:
    """Whether the tokens are written in the byte alphabet of GPT-2."""
    parts = (getattr(backend, part, None) for part in ("pre_tokenizer", "decoder", "normalizer"))
    return any(b'"ByteLevel"' in part.__getstate__() for part in parts if part is not None)


def _from_pieces(token: str) -> str:
    return token.replace("▁", " ")


def _from_bytes(token: str) -> str:
    """The text of a byte-level token; part of a character counts as a letter."""
    return str(_BYTES.decode([token])).replace("\ufffd", "x")
