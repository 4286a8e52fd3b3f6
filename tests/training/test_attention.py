"""Which attention kernel is chosen, and that it changes no result."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, BertConfig, GPT2Config

from lmkit.training import attention
from lmkit.training.attention import choose_attention

SHORT = (8, 64)
SMALL = {
    "bert": (
        AutoModelForMaskedLM,
        BertConfig(
            vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=64, attention_probs_dropout_prob=0.0,
            hidden_dropout_prob=0.0,
        ),
    ),
    "gpt2": (
        AutoModelForCausalLM,
        GPT2Config(
            vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=64, attn_pdrop=0.0,
            resid_pdrop=0.0, embd_pdrop=0.0,
        ),
    ),
}  # fmt: skip


def never() -> tuple[int, int]:
    raise AssertionError("the lengths were asked for")


@pytest.fixture
def on(monkeypatch):
    return lambda kind: monkeypatch.setattr(attention, "default_device", lambda: kind)


@pytest.fixture(params=SMALL)
def model(request):
    auto, config = SMALL[request.param]
    return auto.from_config(config)


def test_short_sequences_in_bfloat16_on_a_cpu_take_plain_products(on, model):
    on("cpu")
    chosen = choose_attention(None, model, "bfloat16", lambda: SHORT)
    assert chosen.value == "eager"
    assert "64 tokens" in chosen.reason


@pytest.mark.parametrize(
    ("kind", "precision"),
    [("cuda", "bfloat16"), ("mps", "float32"), ("cpu", "float32")],
)
def test_elsewhere_nothing_is_changed_and_no_length_is_read(on, model, kind, precision):
    on(kind)
    assert choose_attention(None, model, precision, never).value is None


def test_scores_larger_than_a_cache_are_left_to_the_fused_kernel(on, model):
    on("cpu")
    chosen = choose_attention(None, model, "bfloat16", lambda: (8, 2048))
    assert chosen.value is None
    assert "268 MB" in chosen.reason  # 4 bytes x 8 rows x 2 heads x 2048^2


def test_what_the_recipe_says_stands(on, model):
    on("cpu")
    assert choose_attention("sdpa", model, "bfloat16", never) == ("sdpa", "as the recipe says")


def test_a_model_set_to_another_kernel_keeps_it(on, model):
    on("cpu")
    model.set_attn_implementation("eager")
    assert choose_attention(None, model, "bfloat16", never).value is None


def test_both_kernels_give_the_same_logits_and_gradients(model):
    ids = torch.randint(0, 50, (3, 32), generator=torch.Generator().manual_seed(0))
    found = {}
    for kernel in ("sdpa", "eager"):
        model.set_attn_implementation(kernel)
        model.zero_grad()
        logits = model(input_ids=ids).logits
        logits.square().mean().backward()
        found[kernel] = [
            logits.detach(),
            *(p.grad.clone() for p in model.parameters() if p.grad is not None),
        ]
    for fused, plain in zip(*found.values(), strict=True):
        torch.testing.assert_close(fused, plain, atol=1e-6, rtol=1e-4)
