"""Tests of lmkit/data/encoder.py; see also test_token_writer.py."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from lmkit.data.encoder import Documents, Encoder, plain
from lmkit.data.fast_bpe import FastBPE
from lmkit.errors import TokenizerError

TEXTS = ["one <|endoftext|> text", " " * 1000, "naïve 東京 🙂", "x"]
DOCUMENTS = Documents(TEXTS, [f"memory:{i}" for i in range(4)], [len(t.encode()) for t in TEXTS])


def test_both_libraries_give_the_same(byte_tokenizer, monkeypatch):
    fast, slow = (Encoder(byte_tokenizer, "<u2") for _ in range(2))
    assert fast.quicken() == ""
    assert (fast.engine, slow.engine) == ("tiktoken", "tokenizers")
    with plain(byte_tokenizer):
        tokens, lengths = slow.encode(DOCUMENTS)
        assert tokens.dtype == np.dtype("<u2")
        assert tokens[lengths.cumsum() - 1].tolist() == [0] * 4
        assert byte_tokenizer.decode(tokens[: lengths[0] - 1]) == TEXTS[0]
        assert all(map(np.array_equal, fast.encode(DOCUMENTS), (tokens, lengths)))
        # what the fast way leaves out is filled in, in its place
        encode = FastBPE.encode
        monkeypatch.setattr(FastBPE, "encode", lambda s, t: None if "e" in t else encode(s, t))
        assert all(map(np.array_equal, fast.encode(DOCUMENTS), (tokens, lengths)))


def test_a_tokenizer_that_is_no_byte_level_bpe(word_tokenizer):
    encoder = Encoder(word_tokenizer, "<u4")
    assert encoder.quicken() == "the model is WordPiece, not BPE"
    assert encoder.engine == "tokenizers"
    tokens, lengths = encoder.encode(Documents(["the quick fox", "run"], ["a", "b"], [13, 3]))
    assert tokens[-1] == word_tokenizer.sep_token_id
    assert lengths.tolist() == [4, 2]
    assert encoder.agrees(DOCUMENTS)


def test_a_text_that_the_vocabulary_cannot_write_is_an_error_that_names_it():
    backend = Tokenizer(models.WordLevel({"<e>": 0, "a": 1}, unk_token="[none]"))
    encoder = Encoder(PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<e>"), "<u2")
    documents = Documents(["a", "b"], ["x.txt:1", "x.txt:2"], [1, 1])
    with pytest.raises(TokenizerError, match=r"between x\.txt:1 and x\.txt:2: .*Missing \[UNK\]"):
        encoder.encode(documents)


def test_a_sample_is_compared(byte_tokenizer, monkeypatch):
    encoder = Encoder(byte_tokenizer, "<u2")
    assert encoder.quicken() == ""
    with plain(byte_tokenizer):
        assert encoder.agrees(DOCUMENTS)
        monkeypatch.setattr(FastBPE, "encode", lambda *_: np.array([1], np.uint32))
        assert not encoder.agrees(DOCUMENTS)
        monkeypatch.setattr(FastBPE, "encode", lambda *_: None)  # left to tokenizers anyway
        assert encoder.agrees(DOCUMENTS)
