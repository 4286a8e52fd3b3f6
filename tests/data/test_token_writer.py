"""Tests of lmkit/data/token_writer.py."""

import shutil
import time
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, PythonBackend

from lmkit.data import token_writer
from lmkit.data.fast_bpe import FastBPE
from lmkit.data.rows import Row
from lmkit.data.shards import ShardStore, Share
from lmkit.data.token_joiner import MissingShardsError, join_shards
from lmkit.data.token_writer import write_shards
from lmkit.errors import CacheError, DataError, TokenizerError


class Texts:
    """A source of texts in memory."""

    name = "train"

    def __init__(self, texts):
        self.texts = texts

    def rows(self):
        for number, text in enumerate(self.texts, start=1):
            yield Row({"text": text}, f"texts.jsonl:{number}")

    def fingerprint(self):
        return "0" * 64

    def describe(self):
        return []


class Letters(PythonBackend):
    """A tokenizer without a backend: one token a character, its code point as id."""

    @property
    def vocab_size(self):
        return 128

    def get_vocab(self):
        return {chr(code): code for code in range(128)}

    def _tokenize(self, text):
        return list(text)

    def _convert_token_to_id(self, token):
        return ord(token) if len(token) == 1 else 0

    def _convert_id_to_token(self, index):
        return chr(index)


def write_tokens(folder, source, tokenizer, *, text_column="text", dtype="<u2", **options):
    store = ShardStore(folder / "shards", "key")
    count, _ = write_shards(
        store, source, tokenizer, text_column=text_column, dtype=dtype, **options
    )
    return join_shards(folder, store, count, name=source.name, dtype=dtype)


def written(folder, texts, tokenizer, dtype="<u2", **options):
    shutil.rmtree(folder / "shards", ignore_errors=True)
    counts = write_tokens(folder, Texts(texts), tokenizer, dtype=dtype, **options)
    tokens = np.fromfile(folder / "tokens.bin", dtype=dtype)
    offsets, sizes = np.load(folder / "offsets.npy"), np.load(folder / "bytes.npy")
    assert counts == (len(texts), sizes.sum(), len(tokens))
    assert sizes.tolist() == [len(text.encode()) for text in texts]
    documents = [tokens[b:e].tolist() for b, e in pairwise(offsets)]
    assert list(chain.from_iterable(documents)) == tokens.tolist()
    return documents


texts = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    min_size=1,
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=texts, batch=st.integers(1, 30))
def test_each_document_is_encoded_by_itself(tmp_path, monkeypatch, byte_tokenizer, texts, batch):
    monkeypatch.setattr(token_writer, "_BATCH_CHARACTERS", batch)
    expected = [[*byte_tokenizer(text)["input_ids"], 0] for text in texts]
    assert written(tmp_path, texts, byte_tokenizer) == expected


def test_the_text_of_a_special_token_stays_text(tmp_path, byte_tokenizer):
    (document,) = written(tmp_path, ["a <|endoftext|> b"], byte_tokenizer)
    assert document.count(0) == 1
    assert byte_tokenizer.decode(document[:-1]) == "a <|endoftext|> b"
    # What is encoded afterwards for other purposes is encoded as before.
    assert 0 in byte_tokenizer("a <|endoftext|> b")["input_ids"]


def test_tokens_that_the_user_added_are_found(tmp_path, byte_tokenizer):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(byte_tokenizer.backend_tokenizer.to_str()),
        eos_token="<|endoftext|>",
    )
    tokenizer.add_tokens(["<math>"])
    (document,) = written(tmp_path, ["a<math>b"], tokenizer)
    assert document[1] == tokenizer.convert_tokens_to_ids("<math>")


def test_truncation_and_padding_of_the_backend_are_put_aside(tmp_path, byte_tokenizer):
    backend = Tokenizer.from_str(byte_tokenizer.backend_tokenizer.to_str())
    backend.enable_truncation(3)
    backend.enable_padding(length=8)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(3)
    backend.enable_padding(length=8)
    before = backend.truncation, backend.padding
    (document,) = written(tmp_path, ["a text of many more than three tokens"], tokenizer)
    assert tokenizer.decode(document[:-1]) == "a text of many more than three tokens"
    assert (backend.truncation, backend.padding) == before


def test_a_tokenizer_written_in_python(tmp_path):
    tokenizer = Letters(eos_token="~")
    expected = [[97, 98, end := tokenizer.eos_token_id], [126, 99, end]]
    assert written(tmp_path, ["ab", "~c"], tokenizer) == expected


def test_large_vocabularies(tmp_path, byte_tokenizer):
    assert written(tmp_path, ["abc"], byte_tokenizer, "<u4") == written(
        tmp_path, ["abc"], byte_tokenizer
    )


def test_half_a_surrogate_pair_is_named(tmp_path, byte_tokenizer):
    with pytest.raises(DataError, match=r"texts\.jsonl:2: character 3 of .*`text` is U\+D83D"):
        write_tokens(
            tmp_path, Texts(["ok", "abc\ud83d"]), byte_tokenizer, text_column="text", dtype="<u2"
        )


@pytest.mark.parametrize("texts", [[], ["\u200b"]])
def test_a_corpus_without_tokens_is_refused(tmp_path, word_tokenizer, texts):
    with pytest.raises(DataError, match=f"train: no text in {len(texts)} documents"):
        write_tokens(tmp_path, Texts(texts), word_tokenizer, text_column="text", dtype="<u2")


def test_a_panic_of_the_backend_is_the_tokenizer_s_error(tmp_path):
    backend = Tokenizer(models.BPE(vocab={"a": 0, "</s>": 1}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("(a+)+b"), "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")
    with pytest.raises(TokenizerError, match=r"failed between texts\.jsonl:1 and texts\.jsonl:2"):
        write_tokens(tmp_path, Texts(["a", "a" * 30]), tokenizer, text_column="text", dtype="<u2")


def files_of(folder):
    return {
        name: (folder / name).read_bytes() for name in ("tokens.bin", "offsets.npy", "bytes.npy")
    }


MANY = [f"document {number} " * (1 + number % 7) for number in range(60)]


def test_one_thread_or_many_shards_of_any_size_and_either_library(
    tmp_path, monkeypatch, byte_tokenizer
):
    monkeypatch.setattr(token_writer, "_BATCH_CHARACTERS", 100)
    results = []
    for shard_bytes in (1, 300, 1 << 25):
        monkeypatch.setattr(token_writer, "SHARD_BYTES", shard_bytes)
        for threads in (1, 5):
            for fast in (True, False):
                folder = tmp_path / f"{shard_bytes}-{threads}-{fast}"
                folder.mkdir()
                store = ShardStore(folder / "shards", "key")
                if not fast:
                    store.forbid_tiktoken()
                count, reason = write_shards(
                    store, Texts(MANY), byte_tokenizer,
                    text_column="text", dtype="<u2", threads=threads,
                )  # fmt: skip
                assert bool(reason) is not fast
                join_shards(folder, store, count, name="train", dtype="<u2")
                results.append(files_of(folder))
    assert all(result == results[0] for result in results)
    assert len(list((tmp_path / "1-1-True" / "shards" / "key").iterdir())) == len(MANY)


class Slow(Texts):
    """A source whose late documents take a while, so that early shards are finished before."""

    def rows(self):
        for number, row in enumerate(super().rows()):
            if number == len(self.texts) - 1:
                time.sleep(0.3)
                raise KeyboardInterrupt
            yield row


def test_finished_shards_are_not_done_again(tmp_path, monkeypatch, byte_tokenizer):
    monkeypatch.setattr(token_writer, "SHARD_BYTES", 200)
    monkeypatch.setattr(token_writer, "_AHEAD", 0)
    store = ShardStore(tmp_path / "shards", "key")
    with pytest.raises(KeyboardInterrupt):
        write_shards(store, Slow(MANY), byte_tokenizer, text_column="text", dtype="<u2")
    there = {path: path.stat().st_mtime_ns for path in (tmp_path / "shards/key").iterdir()}
    assert len(there) > 5
    count, _ = write_shards(store, Texts(MANY), byte_tokenizer, text_column="text", dtype="<u2")
    assert count > len(there)
    assert {path: path.stat().st_mtime_ns for path in there} == there
    join_shards(tmp_path, store, count, name="train", dtype="<u2")
    (tmp_path / "anew").mkdir()
    write_tokens(tmp_path / "anew", Texts(MANY), byte_tokenizer)
    assert files_of(tmp_path) == files_of(tmp_path / "anew")


def test_a_damaged_shard_is_made_again(tmp_path, monkeypatch, byte_tokenizer):
    monkeypatch.setattr(token_writer, "SHARD_BYTES", 400)
    first = written(tmp_path, MANY, byte_tokenizer)
    path = tmp_path / "shards/key/00001.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    store = ShardStore(tmp_path / "shards", "key")
    with pytest.raises(MissingShardsError) as caught:
        join_shards(tmp_path, store, 2, name="train", dtype="<u2")
    assert caught.value.numbers == [1]
    write_tokens(tmp_path, Texts(MANY), byte_tokenizer)
    tokens, offsets = np.fromfile(tmp_path / "tokens.bin", "<u2"), np.load(tmp_path / "offsets.npy")
    assert [tokens[b:e].tolist() for b, e in pairwise(offsets)] == first


def test_shares_together_are_the_whole(tmp_path, monkeypatch, byte_tokenizer):
    monkeypatch.setattr(token_writer, "SHARD_BYTES", 100)
    (tmp_path / "whole").mkdir()
    write_tokens(tmp_path / "whole", Texts(MANY), byte_tokenizer)
    counts = [
        write_shards(
            ShardStore(tmp_path / "shards", "key"), Texts(MANY), byte_tokenizer,
            text_column="text", dtype="<u2", share=Share(number, 3),
        )[0]
        for number in (2, 3, 1)
    ]  # fmt: skip
    assert len(set(counts)) == 1
    store = ShardStore(tmp_path / "shards", "key")
    join_shards(tmp_path, store, counts[0], name="train", dtype="<u2")
    assert files_of(tmp_path) == files_of(tmp_path / "whole")


def test_a_sample_that_differs_puts_tiktoken_aside(tmp_path, monkeypatch, byte_tokenizer):
    expected = written(tmp_path, MANY, byte_tokenizer)
    monkeypatch.setattr(token_writer, "SHARD_BYTES", 300)
    encode = FastBPE.encode

    def wrong(self, text):
        ids = encode(self, text)
        return ids[::-1] if "document 40" in text else ids

    monkeypatch.setattr(FastBPE, "encode", wrong)
    monkeypatch.setattr(token_writer, "_BATCH_DOCUMENTS", 1)
    texts = ["x" * 300, *MANY[40:], *MANY[:40]]
    store = ShardStore(tmp_path / "other", "key")
    count, reason = write_shards(
        store, Texts(texts), byte_tokenizer, text_column="text", dtype="<u2"
    )
    assert reason == "it reads texts.jsonl:2 otherwise"
    (tmp_path / "joined").mkdir()
    join_shards(tmp_path / "joined", store, count, name="train", dtype="<u2")
    tokens = np.fromfile(tmp_path / "joined/tokens.bin", "<u2").tolist()
    assert tokens[len(tokens) - sum(map(len, expected)) :] == [
        *chain.from_iterable(expected[40:]), *chain.from_iterable(expected[:40])
    ]  # fmt: skip


def test_a_full_disk_is_told_before_it_is_full(tmp_path, monkeypatch, byte_tokenizer):
    monkeypatch.setattr(token_writer, "SHARD_BYTES", 300)
    usage = shutil.disk_usage(tmp_path)

    def small_disk(_):
        used = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
        return usage._replace(free=5_000 - used)

    monkeypatch.setattr(shutil, "disk_usage", small_disk)
    store = ShardStore(tmp_path / "shards", "key")
    with pytest.raises(CacheError, match=r"no room: .* MB needed, 0\.0 MB free; make room or set"):
        write_shards(store, Texts(MANY), byte_tokenizer, text_column="text", dtype="<u2")
    assert sum(path.stat().st_size for path in (tmp_path / "shards").rglob("*.*")) <= 5_000
    # what all will take is known after the first shard
    store.remove()
    with pytest.raises(CacheError, match=r"no room: 1\.0 MB needed"):
        write_shards(
            store, Texts(MANY), byte_tokenizer, text_column="text", dtype="<u2",
            forecast=lambda _text, _made: 500_000,
        )  # fmt: skip
    assert not (tmp_path / "shards/key").exists()
