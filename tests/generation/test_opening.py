"""Which stored models write, and what the others are told."""

import pytest
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertLMHeadModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
)

from lmkit.errors import ModelError
from lmkit.generation.opening import open_for_writing

BERT = {"vocab_size": 83, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16}  # fmt: skip
NEEDED = "lmkit generate needs a causal or a sequence-to-sequence model"


@pytest.fixture
def saved(tmp_path, tiny_bert_tokenizer):
    def save(model: PreTrainedModel) -> str:
        folder = str(tmp_path / "model")
        model.save_pretrained(folder)
        tiny_bert_tokenizer.save_pretrained(folder)
        return folder

    return save


def test_a_causal_model_opens(tiny_gpt2_folder, tiny_tokenizer):
    model, tokenizer = open_for_writing(str(tiny_gpt2_folder))
    assert type(model).__name__ == "GPT2LMHeadModel"
    assert not model.training
    assert tokenizer.get_vocab() == tiny_tokenizer.get_vocab()


def test_a_sequence_to_sequence_model_opens(saved):
    config = T5Config(vocab_size=83, d_model=16, d_ff=16, num_layers=1, num_heads=2, d_kv=8)
    model, _ = open_for_writing(saved(T5ForConditionalGeneration(config)))
    assert isinstance(model, T5ForConditionalGeneration)


def test_a_masked_model_is_refused(tiny_bert_folder):
    with pytest.raises(ModelError) as caught:
        open_for_writing(str(tiny_bert_folder))
    assert str(caught.value) == (
        f"{tiny_bert_folder}: BertForMaskedLM fills in masked tokens and does not write; "
        f"`lmkit eval` scores it. {NEEDED}"
    )


def test_a_classifier_is_refused(saved):
    folder = saved(BertForSequenceClassification(BertConfig(**BERT)))
    with pytest.raises(ModelError) as caught:
        open_for_writing(folder)
    assert str(caught.value) == (
        f"{folder}: BertForSequenceClassification classifies texts and does not write; "
        f"`lmkit predict` asks it. {NEEDED}"
    )


def test_a_model_that_reads_both_ways_is_refused(saved):
    both = saved(BertLMHeadModel(BertConfig(**BERT, is_decoder=False)))
    with pytest.raises(ModelError, match=r"reads in both directions \(is_decoder is false"):
        open_for_writing(both)


def test_a_bert_that_reads_one_way_opens(saved):
    model, _ = open_for_writing(saved(BertLMHeadModel(BertConfig(**BERT, is_decoder=True))))
    assert isinstance(model, BertLMHeadModel)


def test_a_stored_body_opens_only_where_its_output_layer_is_its_input_layer(
    saved, tiny_gpt2, tmp_path
):
    body = GPT2Model(tiny_gpt2.config)
    model, _ = open_for_writing(saved(body))
    assert model.lm_head.weight.data_ptr() == model.transformer.wte.weight.data_ptr()
    config = LlamaConfig(vocab_size=83, hidden_size=16, num_hidden_layers=1,
                         num_attention_heads=2, intermediate_size=16)  # fmt: skip
    with pytest.raises(ModelError, match="LlamaModel was stored without its output layer"):
        open_for_writing(saved(LlamaModel(config)))


def test_what_has_no_writing_head_is_refused(saved):
    config = DistilBertConfig(vocab_size=83, dim=16, n_layers=1, n_heads=2, hidden_dim=16)
    with pytest.raises(ModelError, match="distilbert does not write"):
        open_for_writing(saved(DistilBertModel(config)))
