"""Four bits a weight: near what it was, exactly what is trained on, and ordinary again."""

import copy

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig
from transformers.pytorch_utils import Conv1D

from lmkit.models.quantizing import dequantize, dequantized, lay_out, quantize, weights_in

IDS = torch.arange(5, 25).reshape(2, 10)
# QLoRA, appendix E (arXiv:2305.14314): the values of NF4, to four digits
NF4 = [
    -1.0, -0.6962, -0.5251, -0.3949, -0.2844, -0.1848, -0.0911, 0.0,
    0.0796, 0.1609, 0.2461, 0.3379, 0.4407, 0.5626, 0.7230, 1.0,
]  # fmt: skip


def model(kind="llama"):
    torch.manual_seed(0)
    config = (
        LlamaConfig(
            vocab_size=50, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=2,
        )
        if kind == "llama"
        else GPT2Config(vocab_size=50, n_embd=64, n_layer=2, n_head=2)
    )  # fmt: skip
    return AutoModelForCausalLM.from_config(config).eval()


def matrices(of):
    return {n: m for n, m in of.named_modules() if isinstance(m, nn.Linear | Conv1D)}


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("table", ["nf4", "fp4"])
def test_ordinary_again_it_says_the_same(kind, table):
    made = model(kind)
    before = copy.deepcopy(made)
    quantize(made, table)
    assert type(made.lm_head) is nn.Linear
    small = sum(p.numel() * p.element_size() for p in made.base_model.parameters() if p.ndim > 1)
    assert sum(weights_in(p) for p in made.parameters()) == before.num_parameters()
    expected = made(IDS).logits
    file = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    read = copy.deepcopy(before)
    read.load_state_dict(dequantized(file, read))
    dequantize(made)
    lay_out(made)
    assert torch.allclose(made(IDS).logits, expected, atol=1e-5)
    assert matrices(made).keys() == matrices(before).keys()
    for name, tensor in read.state_dict().items():
        assert torch.equal(tensor, made.state_dict()[name]), name
    plain = sum(p.numel() * p.element_size() for p in made.base_model.parameters() if p.ndim > 1)
    tables = sum(m.weight.numel() * 4 for m in made.modules() if isinstance(m, nn.Embedding))
    assert (small - tables) * 8 == plain - tables


def test_the_values_are_those_of_the_paper():
    made = model()
    name = "layers.0.mlp.up_proj"
    weight = made.base_model.get_submodule(name).weight.detach().clone()
    quantize(made, "nf4")
    dequantize(made)
    found = made.base_model.get_submodule(name).weight
    blocks, kept = weight.flatten().reshape(-1, 64), found.detach().flatten().reshape(-1, 64)
    scales = blocks.abs().amax(1, keepdim=True)
    table = torch.tensor(NF4)
    nearest = table[(blocks[..., None] / scales[..., None] - table).abs().argmin(-1)] * scales
    # the scales are themselves kept in eight bits
    assert torch.allclose(kept, nearest, atol=float(scales.max()) * 0.02)
    assert (kept - blocks).abs().mean() < blocks.abs().mean() * 0.12
