"""How an encoder-decoder starts its texts: by kind, by its own rule, or not at all."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from lmkit.data.tokenizer_training import train_tokenizer
from lmkit.errors import ModelError, TokenizerError
from lmkit.labels import IGNORED
from lmkit.models.seq2seq import (
    check_end,
    check_start,
    decoder_inputs,
    fitting_lengths,
    padding_id,
    start_keys,
)
from lmkit.recipe.options.seq2seq import Seq2SeqOptions
from lmkit.recipe.sections import TokenizerTraining

SMALL = {
    "vocab_size": 40, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
}  # fmt: skip
T5 = {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
LABELS = torch.tensor([[7, 8, 2], [9, 2, IGNORED]])


def model(name, **extra):
    sizes = T5 if name == "t5" else SMALL
    return AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(name, **sizes, **extra))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("t5", {"decoder_start_token_id": 0}),
        ("bart", {"decoder_start_token_id": 2, "forced_eos_token_id": 2}),
        (
            "marian",
            {"decoder_start_token_id": 0, "forced_eos_token_id": 2, "decoder_vocab_size": 40},
        ),
    ],
)
def test_a_new_model_starts_as_its_kind(name, keys):
    config = AutoConfig.for_model(name)
    if name == "marian":
        config.forced_eos_token_id = 0
    assert start_keys(config, end=2, pad=0, vocabulary=40) == keys


def test_labels_are_shifted_by_the_models_own_rule():
    t5 = model("t5", decoder_start_token_id=0, pad_token_id=0)
    assert decoder_inputs(t5, LABELS).tolist() == [[0, 7, 8], [0, 9, 2]]
    bart = model("bart", decoder_start_token_id=2, pad_token_id=1)
    assert decoder_inputs(bart, LABELS).tolist() == [[2, 7, 8], [2, 9, 2]]
    mbart = model("mbart", pad_token_id=1)  # the last label tells the language
    assert decoder_inputs(mbart, LABELS).tolist() == [[2, 7, 8], [2, 9, 2]]


def test_a_model_that_knows_no_start_is_refused():
    check_start(model("t5", decoder_start_token_id=0))
    with pytest.raises(ModelError, match=r"t5 does not say which token a target starts with") as e:
        check_start(model("t5"))
    assert "set model.config.decoder_start_token_id" in str(e.value)


def test_texts_that_are_classified_end(tiny_tokenizer, tiny_bert_tokenizer):
    def config(name, tokenizer):
        return AutoConfig.for_model(name, eos_token_id=tokenizer.eos_token_id)

    for bare, told in ((tiny_bert_tokenizer, "has none"), (tiny_tokenizer, r"not put it \(id 0\)")):
        check_end(config("bert", bare), bare)
        for name in ("bart", "t5"):
            with pytest.raises(ModelError, match=f"{name} .* {told}.*`eos_token`"):
                check_end(config(name, bare), bare)
    ended = train_tokenizer(
        TokenizerTraining(type="bpe", vocab_size=280), ["a"], model_max_length=9, kind="seq2seq"
    )
    check_end(config("bart", ended), ended)
    ended.pad_token = ended.eos_token
    with pytest.raises(ModelError, match="pads with it"):
        check_end(config("bart", ended), ended)


def test_lengths_fit_the_positions():
    left_out = Seq2SeqOptions(name="seq2seq")
    assert fitting_lengths(left_out, None) == {}
    assert fitting_lengths(left_out, 200) == {"max_source_length": 200}
    assert fitting_lengths(left_out, 1024) == {}
    given = Seq2SeqOptions(name="seq2seq", max_target_length=300)
    with pytest.raises(ModelError, match=r"task\.max_target_length: 300, but the model has 200"):
        fitting_lengths(given, 200)


def test_padding_is_needed(tiny_tokenizer, tiny_bert_tokenizer):
    assert padding_id(tiny_bert_tokenizer) == 0
    with pytest.raises(TokenizerError, match="has no padding token"):
        padding_id(tiny_tokenizer)
