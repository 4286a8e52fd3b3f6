"""The estimate holds the tensors that are really there, and bounds the number of texts."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from lmkit.generation import fitting
from lmkit.generation.fitting import MOST, SHARE, Fitting

LLAMA = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "max_position_embeddings": 64,
}  # fmt: skip
KINDS = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "llama": LLAMA,
    "qwen3": {**LLAMA, "head_dim": 16},
}


@pytest.mark.parametrize("kind", KINDS)
def test_keys_and_values_of_a_token_are_counted_to_the_byte(make_model, kind):
    model = make_model(AutoModelForCausalLM, kind, **KINDS[kind])
    with torch.inference_mode():
        cache = model(torch.ones(1, 5, dtype=torch.long), use_cache=True).past_key_values
    kept = sum(part.nbytes for layer in cache.layers for part in (layer.keys, layer.values))
    assert 5 * Fitting(model).bytes_per_token == kept


def test_longer_texts_and_larger_vocabularies_take_more(make_model):
    found = Fitting(make_model(AutoModelForCausalLM, "gpt2", **KINDS["gpt2"]))
    assert found.bytes(11, 5) - found.bytes(10, 5) > found.bytes(10, 6) - found.bytes(10, 5) > 0
    wide = Fitting(make_model(AutoModelForCausalLM, "gpt2", **KINDS["gpt2"], vocab_size=1000))
    assert wide.bytes(10, 5) - found.bytes(10, 5) == (1000 - 257) * wide.bytes_per_row / 1000


@pytest.mark.parametrize(("texts", "most"), [(0, 1), (1.5, 1), (7.5, 7), (10**6, MOST["cpu"])])
def test_as_many_as_fit_and_pay(make_model, monkeypatch, texts, most):
    found = Fitting(make_model(AutoModelForCausalLM, "gpt2", **KINDS["gpt2"]))
    free = int(texts * found.bytes(10, 5) / SHARE)
    monkeypatch.setattr(fitting, "free_memory", lambda _: free)
    assert found.most(10, 5) == most


@pytest.mark.parametrize(
    ("auto_class", "kind", "sizes"),
    [
        (AutoModelForSeq2SeqLM, "t5", {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2}),
        (AutoModelForCausalLM, "lstm", {"embedding_size": 16, "hidden_size": 32}),
    ],
)
def test_other_kinds_are_estimated_too(make_model, auto_class, kind, sizes):
    found = Fitting(make_model(auto_class, kind, **sizes))
    assert found.bytes(10, 5) > found.bytes(5, 5) > 4 * 257
