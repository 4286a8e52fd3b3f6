"""Configurations are checked key by key; positions are those that really run."""

import pytest
import torch
from transformers import AutoConfig, AutoModel, BertConfig, GPT2Config, LlamaConfig

from lmkit.errors import ModelError
from lmkit.models import inspecting
from lmkit.models.inspecting import (
    check_config_keys,
    config_class,
    length_limit,
    make_config,
    one_line,
    override_config,
    saved_with_head,
    usable_positions,
    vocabulary_size,
)
from lmkit.recipe.options.embedding import EmbeddingOptions

SMALL = {
    "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 16, "max_position_embeddings": 20, "pad_token_id": 1,
}  # fmt: skip
OWN = {
    "distilbert": {"vocab_size": 50, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16,
                   "max_position_embeddings": 20},
    "gpt2": {"vocab_size": 50, "n_positions": 20, "n_embd": 16, "n_layer": 1, "n_head": 2,
             "bos_token_id": 1, "eos_token_id": 1},
    "opt": {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "ffn_dim": 16, "word_embed_proj_dim": 16, "max_position_embeddings": 20},
    "lilt": SMALL | {"hidden_size": 24},
    "layoutlmv3": SMALL | {"hidden_size": 128, "coordinate_size": 20, "shape_size": 24,
                           "visual_embed": False},
    "luke": SMALL | {"entity_vocab_size": 50},
    "xmod": SMALL | {"languages": ["en"], "default_language": "en"},
}  # fmt: skip
# longformer pads to its window, and needs more than 20 positions
OFFSET = sorted(inspecting.POSITIONS_AFTER_PADDING - {"longformer"})


PLAIN = ["bert", "distilbert", "electra", "gpt2", "layoutlm", "mpnet", "opt"]


@pytest.mark.parametrize("name", PLAIN + OFFSET)
@pytest.mark.parametrize("pad", [0, 1])
def test_usable_positions_run_and_one_more_does_not(name, pad):
    keys = OWN.get(name, SMALL)
    if "pad_token_id" in keys:
        keys = keys | {"pad_token_id": pad}
    config = AutoConfig.for_model(name, **keys)
    model = AutoModel.from_config(config).eval()
    usable = usable_positions(config)
    ids = torch.full((1, usable + 1), 7)
    with torch.no_grad():
        model(input_ids=ids[:, :-1])
        with pytest.raises((RuntimeError, IndexError)):
            model(input_ids=ids)


def test_nothing_bounds_some_models():
    assert usable_positions(AutoConfig.for_model("bloom")) is None
    assert usable_positions(AutoConfig.for_model("t5")) is None


def test_an_unknown_architecture_names_the_nearest():
    with pytest.raises(ModelError, match=r"model\.architecture: .* no model type 'gtp2'.*gpt2"):
        config_class("gtp2")
    with pytest.raises(ModelError, match=r"no model type 'qqqqqqqq'$"):
        config_class("qqqqqqqq")


def test_every_unknown_key_is_named_with_the_nearest():
    with pytest.raises(ModelError) as told:
        make_config("gpt2", {"n_layers": 2, "n_embd": 8, "hiden_size": 8, "zzzz": 1})
    assert str(told.value).splitlines() == [
        "model.config.n_layers: gpt2 has no such key; did you mean `n_layer`?",
        "model.config.hiden_size: gpt2 has no such key; did you mean `hidden_size`?",
        "model.config.zzzz: gpt2 has no such key",
    ]


def test_both_names_of_a_key_are_known():
    assert make_config("gpt2", {"hidden_size": 24}).n_embd == 24
    assert make_config("gpt2", {"n_embd": 24}).hidden_size == 24
    check_config_keys(LlamaConfig, {"num_key_value_heads": 2, "rope_parameters": {}})


def test_what_is_decided_elsewhere_is_no_key():
    with pytest.raises(ModelError, match=r"model\.config\.dtype: gpt2 has no such key"):
        make_config("gpt2", {"dtype": "float16"})


@pytest.mark.parametrize(
    ("name", "keys", "word"),
    [
        ("gpt2", {"n_layer": "two"}, "n_layer"),
        ("bert", {"hidden_size": None}, "hidden_size"),
        ("llama", {"hidden_size": 30, "num_attention_heads": 4}, "hidden size"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(name, keys, word):
    with pytest.raises(ModelError, match=rf"model\.config: {name} refuses it: .*{word}") as told:
        make_config(name, keys)
    assert "\n" not in str(told.value)


def test_a_loaded_configuration_is_checked_alike():
    config = GPT2Config(n_layer=1)
    override_config(config, {"resid_pdrop": 0.3, "hidden_size": 24})
    assert (config.resid_pdrop, config.n_embd) == (0.3, 24)
    with pytest.raises(ModelError, match=r"model\.config\.resid_drop: .*`resid_pdrop`"):
        override_config(config, {"resid_drop": 0.3})
    with pytest.raises(ModelError, match=r"model\.config: gpt2 refuses it: .*n_layer"):
        override_config(config, {"n_layer": "two"})


def test_the_head_a_model_was_saved_with():
    classes = {"bert": "BertForMaskedLM", "gpt2": ("GPT2LMHeadModel", "GPT2Other")}
    assert saved_with_head(BertConfig(architectures=["BertForMaskedLM"]), classes)
    assert saved_with_head(GPT2Config(architectures=["GPT2Other"]), classes)
    assert not saved_with_head(BertConfig(architectures=["BertModel"]), classes)
    assert not saved_with_head(BertConfig(), classes)
    assert not saved_with_head(LlamaConfig(architectures=["LlamaForCausalLM"]), classes)


def test_the_vocabulary_is_what_runs(tiny_gpt2):
    last = vocabulary_size(tiny_gpt2) - 1
    tiny_gpt2(input_ids=torch.tensor([[last]]))
    with pytest.raises(IndexError):
        tiny_gpt2(input_ids=torch.tensor([[last + 1]]))


def test_errors_of_many_lines_become_one():
    assert one_line(ValueError("a\n   b\t c\n")) == "a b c"


def test_a_limit_that_was_left_out_fits_the_model():
    left, given = (
        EmbeddingOptions(name="embedding"),
        EmbeddingOptions(name="embedding", max_length=64),
    )
    assert length_limit(left, BertConfig(max_position_embeddings=20)) == 20
    assert length_limit(left, BertConfig(max_position_embeddings=2048)) == left.max_length
    assert length_limit(given, BertConfig(max_position_embeddings=20)) == 64  # told, and refused
