"""Padding for tokenizers with and without such a token; more in test_classification_models.py."""

import copy

from lmkit.data.padding_token import give_padding


def test_a_padding_token_stays_and_an_end_token_stands_in(tiny_bert_tokenizer, tiny_tokenizer):
    assert give_padding(tiny_bert_tokenizer) == tiny_bert_tokenizer.pad_token_id
    tokenizer = copy.deepcopy(tiny_tokenizer)
    assert tokenizer.pad_token_id is None
    assert give_padding(tokenizer) == tokenizer.eos_token_id == tokenizer.pad_token_id
