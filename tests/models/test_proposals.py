"""What a masked model proposes: whole words, at the places where words stood."""

from types import SimpleNamespace

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from lmkit.errors import ModelError
from lmkit.models import proposals
from lmkit.models.proposals import propose

TEXTS = ["The cat sat on the mat, and Looked 3 times", "zzyzx", "dog"]


@pytest.fixture
def folder(tmp_path, tiny_bert_tokenizer):
    """A masked model with random weights."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tiny_bert_tokenizer), hidden_size=16, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=16, max_position_embeddings=32,
    )  # fmt: skip
    BertForMaskedLM(config).save_pretrained(tmp_path / "masked")
    return str(tmp_path / "masked")


def ask(folder, tokenizer, **changes):
    options = {"share": 0.5, "top_k": 3, "keep": lambda word: word == "cat", "seed": 1}
    return list(propose(TEXTS, folder, tokenizer, **{**options, **changes}))


def test_whole_words_for_whole_words(folder, tiny_bert_tokenizer):
    found = ask(folder, tiny_bert_tokenizer)
    assert len(found) == len(TEXTS)
    known = set(tiny_bert_tokenizer.get_vocab())
    assert found[0]
    for text, spots in zip(TEXTS, found, strict=True):
        assert [spot[0] for spot in spots] == sorted(spot[0] for spot in spots)
        for start, end, words in spots:
            stood = text[start:end]
            assert stood.isalpha()
            assert stood != "cat"
            assert 1 <= len(words) <= 3
            for word in words:
                assert word.casefold() != stood.casefold()
                assert word.lower() in known
                assert word.istitle() == stood.istitle()
    assert found[1] == []  # pieces of a word are no word


def test_the_likeliest_words_of_the_hidden_place(folder, tiny_bert_tokenizer):
    """`dog` is all there is: its mask alone, so the model can be asked by hand."""
    ((start, end, words),) = ask(folder, tiny_bert_tokenizer)[2]
    assert (start, end) == (0, 3)
    model = BertForMaskedLM.from_pretrained(folder).eval()
    encoded = tiny_bert_tokenizer(tiny_bert_tokenizer.mask_token, return_tensors="pt")
    order = model(**encoded).logits[0, 1].argsort(descending=True).tolist()
    entries = [tiny_bert_tokenizer.convert_ids_to_tokens(token) for token in order]
    expected = [entry for entry in entries if entry.isalpha() and entry != "dog"]
    assert list(words) == expected[:3]


def test_the_seed_chooses_and_the_batch_does_not(folder, tiny_bert_tokenizer, monkeypatch):
    first = ask(folder, tiny_bert_tokenizer)
    assert ask(folder, tiny_bert_tokenizer) == first
    assert any(ask(folder, tiny_bert_tokenizer, seed=seed)[0] != first[0] for seed in range(2, 6))
    monkeypatch.setattr(proposals, "BATCH", 1)
    places = [[spot[:2] for spot in spots] for spots in first]
    again = ask(folder, tiny_bert_tokenizer)
    assert [[spot[:2] for spot in spots] for spots in again] == places


def test_a_tokenizer_without_a_mask(folder):
    tokenizer = SimpleNamespace(is_fast=True, mask_token_id=None)
    with pytest.raises(ModelError, match="its tokenizer has no mask token"):
        ask(folder, tokenizer)
