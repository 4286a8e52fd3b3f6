"""The beginning of a split: rows, or tokens to the last one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data import token_cache, token_writer
from lmkit.data.limits import FirstRows, FirstTokens, Tokenized, cut_at, token_limit
from lmkit.data.rows import Row
from lmkit.data.token_cache import tokenize_corpus
from lmkit.data.tokenizer import end_token_id

DOCUMENTS = ["one two three", "four", "five six seven eight nine ten", "eleven"]


class Rows:
    """Texts in memory, and how many of them were read."""

    name = "train"

    def __init__(self, texts):
        self.texts = list(texts)
        self.read = 0

    def rows(self):
        for number, text in enumerate(self.texts):
            self.read += 1
            yield Row({"text": text}, f"memory:{number}")

    def fingerprint(self):
        return repr(self.texts)

    def describe(self):
        return [{"path": "memory"}]


def corpus(texts, tokenizer, limit=None):
    source = Rows(texts)
    limited = source if limit is None else FirstTokens("train", source, limit)
    return tokenize_corpus(limited, tokenizer, text_column="text")


@given(limit=st.integers(2, 60))
def test_whole_documents_and_the_last_one_cut(byte_tokenizer, limit):
    whole = corpus(DOCUMENTS, byte_tokenizer)
    part = corpus(DOCUMENTS, byte_tokenizer, limit)
    end, total = end_token_id(byte_tokenizer), len(whole.tokens)
    kept = len(part.tokens)
    assert kept == min(limit, total) or (kept == limit - 1 and limit in whole.offsets + 1)
    assert part.tokens[:-1].tolist() == whole.tokens[: kept - 1].tolist()
    assert part.tokens[-1] == end
    assert part.offsets[:-1].tolist() == whole.offsets[: len(part.offsets) - 1].tolist()
    assert part.offsets[-1] == kept
    assert (part.tokens[part.offsets[1:] - 1] == end).all()
    assert (part.ledger.documents, part.ledger.tokens) == (len(part.offsets) - 1, kept)
    assert part.bytes[:-1].tolist() == whole.bytes[: len(part.bytes) - 1].tolist()
    assert part.bytes[-1] <= whole.bytes[len(part.bytes) - 1]
    assert (part.key == whole.key) is False


def test_nothing_is_read_beyond_the_limit(byte_tokenizer):
    source = Rows(["some words of text " * 100] * 10_000)  # 19 MB; a batch is about 1 MB
    made = tokenize_corpus(FirstTokens("train", source, 900), byte_tokenizer, text_column="text")
    assert len(made.tokens) == 900
    assert source.read < 1500  # of the next megabyte too, to see that the limit is reached


def test_a_limit_over_several_batches(byte_tokenizer):
    texts = [f"document {number} of many words " * 400 for number in range(120)]  # 1.3 MB
    whole = corpus(texts, byte_tokenizer)
    limit = int(whole.offsets[-2]) + 5
    part = corpus(texts, byte_tokenizer, limit)
    assert part.tokens[:-1].tolist() == whole.tokens[: limit - 1].tolist()
    assert part.ledger.bytes < whole.ledger.bytes


def test_an_end_token_alone_is_no_document():
    batch = Tokenized(np.array([1, 2, 0, 3, 4, 0]), np.array([3, 3]), [5, 7])

    def cut(room):
        ids, lengths, sizes = cut_at(room, batch, 0)
        return ids.tolist(), lengths.tolist(), sizes

    assert cut(2) == ([1, 0], [2], [2])
    assert cut(3) == cut(4) == ([1, 2, 0], [3], [5])
    assert cut(5) == ([1, 2, 0, 3, 0], [3, 2], [5, 4])
    assert cut(6) == cut(7) == ([1, 2, 0, 3, 4, 0], [3, 3], [5, 7])
    assert batch.ids.tolist() == [1, 2, 0, 3, 4, 0]


def test_what_is_said_of_it():
    limited = FirstTokens("train", FirstRows("train", Rows("ab"), 7), 9)
    assert limited.describe()[0]["part"] == "the first 9 tokens, of the first 7 documents"
    assert token_limit(limited) == 9
    assert token_limit(limited.source) is None
    assert [row.values["text"] for row in limited.rows()] == ["a", "b"]


@pytest.mark.parametrize("kind", [FirstRows, FirstTokens])
def test_the_limit_is_part_of_the_fingerprint(kind):
    source = Rows("ab")
    prints = {kind("train", source, n).fingerprint() for n in (2, 3)} | {source.fingerprint()}
    assert len(prints) == 3


def test_first_rows():
    found = FirstRows("train", Rows("abc"), 2)
    assert [row.values["text"] for row in found.rows()] == ["a", "b"]


def test_a_limit_over_several_shards_after_a_kill(byte_tokenizer, monkeypatch):
    """What a killed run has finished counts toward the limit."""
    monkeypatch.setattr(token_writer, "SHARD_BYTES", 4_000)
    texts = [f"document {number} of many words " * 20 for number in range(60)]
    whole = corpus(texts, byte_tokenizer)
    for limit in (int(whole.offsets[20]), int(whole.offsets[33]) + 17):
        expected = whole.tokens[: limit - 1].tolist()
        with monkeypatch.context() as killed:
            killed.setattr(token_cache, "join_shards", _killed)
            with pytest.raises(KeyboardInterrupt):
                corpus(texts, byte_tokenizer, limit)
        part = corpus(texts, byte_tokenizer, limit)
        assert part.tokens[:-1].tolist() == expected
        assert len(part.tokens) == limit


def _killed(*_args, **_options):
    raise KeyboardInterrupt
