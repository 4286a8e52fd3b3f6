"""Tests of lmkit/data/token_cache.py."""

import hashlib
import json
import logging
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

from lmkit.data.cache import damage
from lmkit.data.rows import Row
from lmkit.data.token_cache import Ledger, tokenize_corpus
from lmkit.errors import DataError, TokenizerError

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


def test_a_miss_says_what_the_nearest_entry_has_other(byte_tokenizer, word_tokenizer, caplog):
    caplog.set_level(logging.INFO)
    first = corpus_of(byte_tokenizer).key[:12]
    corpus_of(byte_tokenizer, texts=["one text"])
    corpus_of(word_tokenizer)
    corpus_of(byte_tokenizer, column="body")
    told = [m.split("(")[1].split(")")[0] for m in caplog.messages if "token cache" in m]
    assert told[0] == "not in the cache"
    assert told[1] == f"not in the cache: the nearest entry, {first}, has other data"
    assert told[2] == f"not in the cache: the nearest entry, {first}, has other tokenizer"
    assert told[3] == f"not in the cache: the nearest entry, {first}, has other options"


def test_nothing_like_it(byte_tokenizer, word_tokenizer, caplog):
    caplog.set_level(logging.INFO)
    corpus_of(byte_tokenizer)
    corpus_of(word_tokenizer, texts=["another"], column="body")
    assert "(not in the cache: nothing like it there)" in caplog.messages[-1]


def test_what_another_process_is_making_is_no_entry(byte_tokenizer, caplog):
    caplog.set_level(logging.INFO)
    folder = corpus_of(byte_tokenizer).folder
    folder.rename(folder.with_name(f".{folder.name}.tmp"))  # may be gone at any moment
    corpus_of(byte_tokenizer, texts=["one text"])
    assert "(not in the cache)" in caplog.messages[-1]


class File(Texts):
    """A source of one file that is written to while it is read."""

    def __init__(self, path, *, change):
        super().__init__(["a text"] * 3)
        self.path, self.change = path, change
        path.write_text("before")
        self.before = hashlib.sha256(b"before").hexdigest()

    def rows(self):
        if self.change:
            self.path.write_text("after")
        return super().rows()

    def describe(self):
        return [{"path": str(self.path), "bytes": 6, "sha256": self.before}]


def test_a_file_that_changes_meanwhile_is_no_entry(tmp_path, byte_tokenizer):
    source = File(tmp_path / "a.txt", change=True)
    with pytest.raises(DataError, match=r"a\.txt: the file changed while it was read"):
        tokenize_corpus(source, byte_tokenizer, text_column="text")
    assert not list(tmp_path.glob("tokens/*/meta.json"))
    assert not list(tmp_path.glob("shards/*"))
    source = File(tmp_path / "a.txt", change=False)
    assert not tokenize_corpus(source, byte_tokenizer, text_column="text").hit
    assert not list(tmp_path.glob("shards/*"))


CHILD = """
import sys, time
from transformers import PreTrainedTokenizerFast
from lmkit.data import token_writer
from lmkit.data.rows import Row
from lmkit.data.token_cache import tokenize_corpus

token_writer.SHARD_BYTES = 20_000
folder, pause = sys.argv[1:]

class Texts:
    name = "train"
    def rows(self):
        for number in range(1200):
            time.sleep(float(pause))
            yield Row({"text": f"document {number} " * 40}, f"memory:{number}")
    def fingerprint(self):
        return "0" * 64
    def describe(self):
        return []

tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
print("ready", flush=True)
corpus = tokenize_corpus(Texts(), tokenizer, text_column="text")
print(corpus.key, corpus.hit, flush=True)
"""


def child(folder, pause):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(pause)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_kill_at_any_moment_and_go_on(tmp_path, byte_tokenizer, monkeypatch):
    byte_tokenizer.save_pretrained(tmp_path / "tokenizer")
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "whole"))
    with child(tmp_path / "tokenizer", 0) as whole:
        key = whole.stdout.read().split()[1]
    expected = {p.name: p.read_bytes() for p in (tmp_path / "whole/tokens" / key).iterdir()}
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "killed"))
    shards = tmp_path / "killed/shards" / key
    kept: dict[str, int] = {}
    for shard in (1, 3, 4, 7):
        with child(tmp_path / "tokenizer", 0.005) as running:
            while not (shards / f"{shard:05d}.safetensors").exists():
                time.sleep(0.005)
            running.kill()
        assert not (tmp_path / "killed/tokens" / key).exists()
        now = {path.name: path.stat().st_mtime_ns for path in shards.glob("*.safetensors")}
        assert now.items() >= kept.items()  # what was finished is not written again
        kept = now
    assert len(kept) >= 8
    with child(tmp_path / "tokenizer", 0) as last:
        assert last.stdout.read().split()[1:] == [key, "False"]
    found = {p.name: p.read_bytes() for p in (tmp_path / "killed/tokens" / key).iterdir()}
    assert found == expected
    assert not shards.exists()


@pytest.mark.slow
def test_two_processes_that_start_together_prepare_once(tmp_path, byte_tokenizer):
    byte_tokenizer.save_pretrained(tmp_path / "tokenizer")
    both = [child(tmp_path / "tokenizer", 0.002) for _ in range(2)]
    hits = []
    for one in both:
        with one:
            hits.append(one.stdout.read().split()[-1])
    assert sorted(hits) == ["False", "True"]
