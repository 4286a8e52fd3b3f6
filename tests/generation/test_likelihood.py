"""Likelihoods of continuations, beside a sum over the plain model's logits, token by token."""

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig, OPTConfig

from lmkit.generation.batching import left_padded
from lmkit.generation.likelihood import _keeps_all, _with_cache, log_likelihoods

SIZES = {
    "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 32,
}  # fmt: skip
CONFIGS = {
    "gpt2": GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=32),
    "llama": LlamaConfig(**SIZES, num_key_value_heads=1),
    "mistral": MistralConfig(**SIZES, num_key_value_heads=1, sliding_window=4),
    "opt": OPTConfig(**SIZES, ffn_dim=32, word_embed_proj_dim=16),
}
PROMPTS = [[5, 6, 7, 8, 9, 10, 11], [12], [13, 14, 15]]
CONTINUATIONS = [[20], [20, 21, 22], [23, 24]]


def model_of(config):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    return model


@torch.no_grad()
def one_by_one(model, prompt, continuation):
    """The sum over tokens, each with all before it read anew."""
    ids, total = list(prompt), 0.0
    for token in continuation:
        logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1].double()
        total += logits.log_softmax(-1)[token].item()
        ids.append(token)
    return total


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_a_likelihood_is_the_sum_over_its_tokens(name):
    model = model_of(CONFIGS[name])
    found = log_likelihoods(model, *left_padded(PROMPTS), CONTINUATIONS)
    for row, prompt in zip(found.tolist(), PROMPTS, strict=True):
        expected = [one_by_one(model, prompt, continuation) for continuation in CONTINUATIONS]
        assert row == pytest.approx(expected, abs=1e-4)


@torch.no_grad()
def test_the_prompt_is_read_once_where_the_cache_keeps_all_of_it():
    """GPT-2 and Llama go the short way; a window of four tokens cannot be set back."""
    ids, mask = left_padded(PROMPTS)
    for name, short in (("gpt2", True), ("llama", True), ("mistral", False)):
        model = model_of(CONFIGS[name])
        assert _keeps_all(model)
        assert (_with_cache(model, ids, mask, CONTINUATIONS) is not None) == short
