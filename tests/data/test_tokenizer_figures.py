"""Figures of a tokenizer against counts by hand and against the tokenizer's own output."""

import pytest

from lmkit.data.tokenizer_figures import measure_tokenizer
from lmkit.data.tokenizer_loading import load_tokenizer
from lmkit.data.tokenizer_training import train_tokenizer
from lmkit.errors import DataError
from lmkit.recipe.sections import TokenizerTraining

TEXTS = ["the quick  fox", "über 東京 🙂", ""]


def trained(type_: str, kind: str = "causal"):
    section = TokenizerTraining(type=type_, vocab_size=400)
    return train_tokenizer(section, iter(TEXTS * 3), model_max_length=64, kind=kind)


def test_bytes_by_hand() -> None:
    found = measure_tokenizer(trained("byte"), TEXTS)
    size = sum(len(text.encode()) for text in TEXTS)
    assert found.tokens == size
    assert found.bytes_per_token == 1
    assert found.characters_per_token == sum(map(len, TEXTS)) / size
    assert found.tokens_per_word == size / 6
    odd = sum(byte >= 0x80 for text in TEXTS for byte in text.encode())
    assert found.byte_share == odd / size
    distinct = len({byte for text in TEXTS for byte in text.encode()})
    assert found.unused == 256 - distinct
    assert found.unused_share == (256 - distinct) / 256
    assert found.unknown_share == 0
    assert found.round_trip_share == 1
    assert found.most_frequent[0] == (" ", 5)


def test_unknown_tokens_and_texts_that_do_not_come_back() -> None:
    tokenizer = trained("wordpiece", "masked")
    found = measure_tokenizer(tokenizer, ["the quick fox", "The  fox", "the ☃ fox ☃"])
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("the ☃ fox ☃",)]
    assert ids[0].count(tokenizer.unk_token_id) == 2
    assert found.unknown_share == 2 / found.tokens
    assert found.round_trip_share == 1 / 3


def test_fallback_bytes_of_unigram() -> None:
    tokenizer = trained("unigram")
    found = measure_tokenizer(tokenizer, ["the ☃"])
    tokens = tokenizer.tokenize("the ☃")
    spelled = [token for token in tokens if token.startswith("<0x")]
    assert len(spelled) == 3
    assert found.byte_share == 3 / len(tokens)


def test_the_longest_tokens_are_text() -> None:
    found = measure_tokenizer(trained("bpe"), TEXTS)
    lengths = [len(token) for token in found.longest]
    assert lengths == sorted(lengths, reverse=True)
    assert " quick" in found.longest or " fox" in found.longest
    assert not any("endoftext" in token for token in found.longest)


def test_no_text() -> None:
    with pytest.raises(DataError, match="no token of the text"):
        measure_tokenizer(trained("byte"), [""])


def test_gpt2_on_real_text(test_data) -> None:
    tokenizer = load_tokenizer(str(test_data / "tokenizers" / "gpt2"))
    text = (test_data / "tinyshakespeare" / "input.txt").read_text()[:100_000]
    found = measure_tokenizer(tokenizer, [text])
    assert found.vocab_size == 50257
    assert found.tokens == len(tokenizer.tokenize(text))
    assert found.round_trip_share == 1
    assert found.unknown_share == 0
    assert 2.5 < found.bytes_per_token < 4
