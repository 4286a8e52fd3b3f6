"""The fused activation is the written-out one."""

import copy

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.activations import NewGELUActivation

from lmkit.models.activations import fuse_activations


def test_a_gpt2_says_and_learns_the_same() -> None:
    torch.manual_seed(0)
    config = AutoConfig.for_model("gpt2", n_embd=16, n_layer=2, n_head=2, vocab_size=40)
    plain = AutoModelForCausalLM.from_config(config).eval()
    fused = copy.deepcopy(plain)
    fuse_activations(fused)
    assert not any(isinstance(m, NewGELUActivation) for m in fused.modules())
    ids = torch.arange(10)[None]
    one, other = plain(input_ids=ids).logits, fused(input_ids=ids).logits
    torch.testing.assert_close(one, other)
    one.square().sum().backward()
    other.square().sum().backward()
    for mine, theirs in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5)
    assert fused.config.activation_function == "gelu_new"
    assert list(fused.state_dict()) == list(plain.state_dict())


def test_other_activations_stay() -> None:
    config = AutoConfig.for_model(
        "bert", hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    model = AutoModelForCausalLM.from_config(config)
    before = [type(module) for module in model.modules()]
    fuse_activations(model)
    assert [type(module) for module in model.modules()] == before
    assert not any(isinstance(module, nn.GELU) for module in model.modules())
