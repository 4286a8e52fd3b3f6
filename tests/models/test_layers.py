"""Depths of parameters in the architectures that people fine-tune."""

import pytest
from transformers import (
    AutoModelForSequenceClassification,
    BartConfig,
    BertConfig,
    GPT2Config,
    LlamaConfig,
    T5Config,
)

from lmkit.models.layers import depths

CONFIGS = {
    "bert": BertConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16
    ),
    "gpt2": GPT2Config(n_embd=16, n_layer=3, n_head=2, pad_token_id=0),
    "llama": LlamaConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16,
        pad_token_id=0,
    ),
    "t5": T5Config(d_model=16, d_ff=16, num_layers=3, num_heads=2, d_kv=8),
    "bart": BartConfig(
        d_model=16, encoder_layers=3, decoder_layers=3, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
    ),
}  # fmt: skip
EXPECTED = {
    "bert": {
        "bert.embeddings.word_embeddings.weight": 0, "bert.embeddings.LayerNorm.bias": 0,
        "bert.encoder.layer.0.attention.self.query.weight": 1,
        "bert.encoder.layer.2.output.dense.bias": 3, "bert.pooler.dense.weight": 4,
        "classifier.weight": 4,
    },
    "gpt2": {
        "transformer.wte.weight": 0, "transformer.wpe.weight": 0, "transformer.h.0.ln_1.weight": 1,
        "transformer.h.2.mlp.c_fc.weight": 3, "transformer.ln_f.weight": 4, "score.weight": 4,
    },
    "llama": {
        "model.embed_tokens.weight": 0, "model.layers.1.mlp.up_proj.weight": 2,
        "model.norm.weight": 4, "score.weight": 4,
    },
    "t5": {
        "transformer.shared.weight": 0, "classification_head.dense.weight": 4,
        "transformer.encoder.block.0.layer.0.SelfAttention.q.weight": 1,
        "transformer.decoder.block.2.layer.2.layer_norm.weight": 3,
    },
    "bart": {
        "model.shared.weight": 0, "model.decoder.embed_positions.weight": 0,
        "model.encoder.layers.0.fc1.weight": 1, "model.decoder.layers.2.fc2.weight": 3,
        "classification_head.out_proj.weight": 4,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_from_the_embeddings_to_the_head(name):
    model = AutoModelForSequenceClassification.from_config(CONFIGS[name])
    found = depths(model)
    assert set(found) == {name for name, _ in model.named_parameters()}
    assert {key: found[key] for key in EXPECTED[name]} == EXPECTED[name]
    assert set(found.values()) == {0, 1, 2, 3, 4}
