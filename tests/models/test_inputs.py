"""Which keys of a batch reach a model."""

import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
)

from lmkit.models.inputs import model_inputs

BATCH = dict.fromkeys(
    ("input_ids", "attention_mask", "token_type_ids", "labels", "document", "bytes"), torch.ones(1)
)


@pytest.fixture(scope="module")
def gpt2():
    return GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=11, n_positions=8))


def test_a_causal_model_gets_no_labels_and_no_cache(gpt2):
    found = model_inputs(gpt2, BATCH)
    assert set(found) == {"input_ids", "attention_mask", "token_type_ids", "use_cache"}
    assert found["use_cache"] is False


def test_an_encoder_has_no_cache_to_turn_off():
    config = BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    found = model_inputs(BertForMaskedLM(config), BATCH)
    assert set(found) == {"input_ids", "attention_mask", "token_type_ids"}


def test_token_types_stay_where_the_model_has_none():
    model = DistilBertForSequenceClassification(
        DistilBertConfig(dim=8, n_layers=1, n_heads=1, hidden_dim=8, vocab_size=11)
    )
    assert set(model_inputs(model, BATCH)) == {"input_ids", "attention_mask"}


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # torch's own
def test_wrappers_are_seen_through(gpt2):
    assert model_inputs(torch.compile(gpt2), BATCH).keys() == model_inputs(gpt2, BATCH).keys()
