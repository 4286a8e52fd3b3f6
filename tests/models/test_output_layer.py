"""The sorted output layer is the plain one."""

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from lmkit.models.output_layer import SortedLinear, sort_output_layer


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (2, 5), (100, 1)])
def test_the_product_is_the_same(bias, shape):
    torch.manual_seed(0)
    plain = nn.Linear(24, 517, bias=bias)
    states = torch.randn(*shape, 24)
    with torch.inference_mode():
        torch.testing.assert_close(SortedLinear(plain)(states), plain(states))


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_says_the_same_and_keeps_its_weights(tied):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "gpt2", n_embd=16, n_layer=2, n_head=2, vocab_size=40, tie_word_embeddings=tied
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.arange(10)[None]
    with torch.inference_mode():
        before, weights = model(input_ids=ids).logits, model.state_dict()
        sort_output_layer(model)
        assert type(model.lm_head) is SortedLinear
        torch.testing.assert_close(model(input_ids=ids).logits, before)
    assert model.state_dict().keys() == weights.keys()


def test_other_layers_are_left_alone():
    config = AutoConfig.for_model("gpt2", n_embd=16, n_layer=1, n_head=2, vocab_size=40)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    sort_output_layer(model)
    assert type(model.lm_head) is nn.Linear
