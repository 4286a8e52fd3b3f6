"""Tests of lmkit/data/token_cache.py."""

import hashlib
import json
import logging
import pickle

import numpy as np
import pytest

from lmkit.data.cache import damage
from lmkit.data.rows import Row
from lmkit.data.token_cache import Ledger, tokenize_corpus
from lmkit.errors import TokenizerError

TEXTS = ["one document", "another, with an é", "the last\n"]


class Texts:
    """A source of texts in memory that counts how often it is read."""

    name = "train"

    def __init__(self, texts=TEXTS):
        self.texts = texts
        self.reads = 0

    def rows(self):
        self.reads += 1
        for number, text in enumerate(self.texts):
            yield Row({"text": text, "body": text}, f"memory:{number}")

    def fingerprint(self):
        return hashlib.sha256(json.dumps(self.texts).encode()).hexdigest()

    def describe(self):
        return []


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path))


def corpus_of(tokenizer, texts=TEXTS, column="text"):
    return tokenize_corpus(Texts(texts), tokenizer, text_column=column)


def test_a_corpus_holds_every_document_and_its_end(byte_tokenizer):
    corpus = corpus_of(byte_tokenizer)
    encoded = [[*byte_tokenizer(text)["input_ids"], 0] for text in TEXTS]
    found = [
        corpus.tokens[corpus.offsets[d] : corpus.offsets[d + 1]].tolist() for d in range(len(TEXTS))
    ]
    assert found == encoded
    assert corpus.tokens.dtype == np.dtype("<u2")
    assert corpus.bytes.tolist() == [12, 19, 9]
    total = sum(map(len, encoded))
    assert corpus.ledger == Ledger(3, 40, total, total, 0)
    assert corpus.ledger.line() == (
        f"3 documents, 40 bytes, {total} tokens, {total} kept, 0 dropped"
    )


def test_the_second_run_reads_nothing(byte_tokenizer, caplog):
    caplog.set_level(logging.INFO)
    source = Texts()
    first = tokenize_corpus(source, byte_tokenizer, text_column="text")
    second = tokenize_corpus(source, byte_tokenizer, text_column="text")
    assert (first.hit, second.hit, source.reads) == (False, True, 1)
    assert first.key == second.key
    assert np.array_equal(first.tokens, second.tokens)
    miss, hit = caplog.messages
    tokens = first.ledger.tokens
    assert miss.startswith(
        f"train: token cache miss (not in the cache) {first.key[:12]}: 3 documents, {tokens} tokens"
    )
    assert miss.endswith(" tokens/s)")
    assert hit.startswith(f"train: token cache hit (found) {first.key[:12]}: 3 documents")


def test_what_decides_the_ids_decides_the_key(byte_tokenizer, word_tokenizer):
    keys = {
        corpus_of(byte_tokenizer).key,
        corpus_of(word_tokenizer).key,
        corpus_of(byte_tokenizer, column="body").key,
        corpus_of(byte_tokenizer, texts=[*TEXTS[:2], "the last"]).key,
        corpus_of(byte_tokenizer, texts=TEXTS[::-1]).key,
    }
    assert len(keys) == 5


def test_a_damaged_entry_is_made_again(byte_tokenizer, caplog):
    first = corpus_of(byte_tokenizer)
    whole = first.tokens.tolist()
    with (first.folder / "tokens.bin").open("r+b") as file:
        file.truncate(5)
    again = corpus_of(byte_tokenizer)
    assert not again.hit
    assert again.tokens.tolist() == whole
    assert "tokens.bin has 5 bytes instead of" in caplog.text
    assert damage(again.folder, contents=True) is None


def test_ids_beyond_16_bits(byte_tokenizer, monkeypatch):
    vocabulary = byte_tokenizer.get_vocab() | {"far": 70_000}
    monkeypatch.setattr(byte_tokenizer, "get_vocab", lambda: vocabulary)
    assert corpus_of(byte_tokenizer).tokens.dtype == np.dtype("<u4")


def test_a_model_that_is_too_small_is_refused_before_reading(byte_tokenizer):
    source, largest = Texts(), max(byte_tokenizer.get_vocab().values())
    with pytest.raises(
        TokenizerError,
        match=rf"largest id is {largest}.*{largest} entries .*at least {largest + 1}",
    ):
        tokenize_corpus(source, byte_tokenizer, text_column="text", vocab_limit=largest)
    assert source.reads == 0
    tokenize_corpus(source, byte_tokenizer, text_column="text", vocab_limit=largest + 1)


def test_a_corpus_is_pickled_as_its_place(byte_tokenizer):
    corpus = corpus_of(byte_tokenizer, ["word " * 5000])
    data = pickle.dumps(corpus)
    assert len(data) < 1000
    copy = pickle.loads(data)
    assert isinstance(copy.tokens, np.memmap)
    assert np.array_equal(copy.tokens, corpus.tokens)
    assert (copy.key, copy.ledger, copy.hit) == (corpus.key, corpus.ledger, corpus.hit)


def test_the_file_is_what_is_documented(byte_tokenizer):
    corpus = corpus_of(byte_tokenizer)
    meta = json.loads((corpus.folder / "meta.json").read_text())
    assert {path.name for path in corpus.folder.iterdir()} == {
        "tokens.bin",
        "offsets.npy",
        "bytes.npy",
        "meta.json",
    }
    assert (meta["format"], meta["dtype"]) == (1, "<u2")
    assert set(meta["content"]) == {"source", "tokenizer", "end_token", "text_column"}
    assert meta["ledger"]["dropped"] == 0
    raw = (corpus.folder / "tokens.bin").read_bytes()
    assert int.from_bytes(raw[:2], "little") == corpus.tokens[0]
