"""Learned positions that start as waves."""

import math

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
)

from lmkit.errors import ModelError
from lmkit.models.positions import start_with_waves, waves

TINY = {
    "bert": {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 8},
    "roberta": {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 8},
    "distilbert": {"dim": 16, "n_heads": 2, "hidden_dim": 8},
    "electra": {"hidden_size": 16, "num_attention_heads": 2, "embedding_size": 16},
    "gpt2": {"n_embd": 16, "n_head": 2},
    "opt": {"hidden_size": 16, "num_attention_heads": 2, "word_embed_proj_dim": 16, "ffn_dim": 8},
    "llama": {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 8},
}


def tiny(kind):
    config = AutoConfig.for_model(
        kind, vocab_size=40, num_hidden_layers=1, max_position_embeddings=24,
        bos_token_id=0, eos_token_id=1, pad_token_id=1, **TINY[kind],
    )  # fmt: skip
    auto = AutoModelForCausalLM if kind in {"gpt2", "opt", "llama"} else AutoModelForMaskedLM
    return auto.from_config(config)


def test_the_formula_written_out():
    found = waves(24, 6)
    for place in range(24):
        for pair in range(3):
            angle = place * (2 * math.pi / 24) ** (pair / 2)
            assert found[place, 2 * pair].item() == pytest.approx(
                math.sqrt(2) * math.sin(angle), abs=1e-5
            )
            assert found[place, 2 * pair + 1].item() == pytest.approx(
                math.sqrt(2) * math.cos(angle), abs=1e-5
            )


@pytest.mark.parametrize(("positions", "width"), [(1, 4), (7, 5), (128, 192), (2, 1)])
def test_every_shape_has_its_waves(positions, width):
    found = waves(positions, width)
    assert found.shape == (positions, width)
    assert torch.isfinite(found).all()
    assert (found.norm(dim=1) - found.norm(dim=1)[0]).abs().max() < math.sqrt(2) + 1e-5


def test_a_shift_is_the_same_turn_everywhere():
    """How like two positions are depends on their distance alone: what attention has to learn."""
    table = waves(64, 32).double()
    products = table @ table.T
    for distance in (1, 5, 30):
        along = products.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-4, atol=1e-4)
    assert products[10, 11] > products[10, 14] > products[10, 30]


@pytest.mark.parametrize("kind", [name for name in TINY if name != "llama"])
def test_every_learned_table_is_filled(kind):
    model = tiny(kind)
    before = {name: p.clone() for name, p in model.named_parameters()}
    start_with_waves(model)
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    (table,) = changed
    assert "position" in table or "wpe" in table


def test_a_model_without_learned_positions_is_refused():
    with pytest.raises(ModelError, match="llama learns no positions"):
        start_with_waves(tiny("llama"))
