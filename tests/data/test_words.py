"""Tests of lmkit/data/words.py."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from lmkit.data.words import word_joints


def words(tokenizer, text):
    """The text's tokens joined to words by the two arrays."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    begins, ends = word_joints(tokenizer, max(tokenizer.get_vocab().values()) + 1)
    groups: list[list[int]] = []
    for number, token in enumerate(ids):
        if number and begins[token] and ends[ids[number - 1]]:
            groups[-1].append(token)
        else:
            groups.append([token])
    return [tokenizer.decode(group) for group in groups]


def wrapped(model, pre_tokenizer, text=None):
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizer
    if text is not None:
        trainer = trainers.UnigramTrainer(
            vocab_size=60, show_progress=False, special_tokens=["<unk>"], unk_token="<unk>"
        )
        backend.train_from_iterator([text], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend)


def joined(tokenizer, text):
    return [word.replace(" ", "").replace("▁", "") for word in words(tokenizer, text)]


def test_wordpiece(word_tokenizer):
    assert joined(word_tokenizer, "Unhappiness, quick people!") == [
        "unhappiness", ",", "quick", "people", "[UNK]",
    ]  # fmt: skip


def test_byte_level(byte_tokenizer):
    text = "def unhappiness(self_2):\n  Boxkämpfer 東京"
    found = [word.strip() for word in words(byte_tokenizer, text)]
    assert [word for word in found if word.isidentifier()] == [
        "def", "unhappiness", "self_2", "Boxkämpfer", "東京",
    ]  # fmt: skip


def test_metaspace():
    text = "one two threefold, one two three."
    tokenizer = wrapped(models.Unigram(), pre_tokenizers.Metaspace(), text)
    assert joined(tokenizer, text) == [
        "one", "two", "threefold", ",", "one", "two", "three", ".",
    ]  # fmt: skip


def test_suffix():
    entries = {"lo": 0, "w</w>": 1, "lo</w>": 2, "w": 3}
    tokenizer = wrapped(
        models.BPE(vocab=entries, merges=[], end_of_word_suffix="</w>"),
        pre_tokenizers.Whitespace(),
    )
    begins, ends = word_joints(tokenizer, 4)
    assert begins.all()
    assert ends.tolist() == [True, False, False, True]


@pytest.mark.parametrize("token", ["foo", "##foo"])
def test_whole_words_are_never_joined(token):
    tokenizer = wrapped(models.WordLevel({token: 0}, unk_token=token), pre_tokenizers.Whitespace())
    begins, ends = word_joints(tokenizer, 1)
    assert not begins.any()
    assert not ends.any()
