"""Adapters and frozen parts: what is trained, what is left, and that merging changes nothing."""

import copy

import peft
import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertConfig, GPT2Config

from lmkit.errors import MissingExtraError, ModelError
from lmkit.models import (
    adapting,
    lstm,  # noqa: F401 - known to transformers then
)
from lmkit.models.adapting import adapt, check_library, merge, open_merged, put_in, save_adapter
from lmkit.models.lstm_config import LSTMConfig
from lmkit.recipe.model import LoraSection
from lmkit.recipe.sections import ModelSection

IDS = torch.arange(5, 17).reshape(2, 6)


def classifier(kind="bert"):
    torch.manual_seed(0)
    config = (
        BertConfig(
            vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=16, num_labels=3,
        )
        if kind == "bert"
        else GPT2Config(
            vocab_size=50, n_embd=16, n_layer=2, n_head=2, pad_token_id=0, num_labels=3
        )
    )  # fmt: skip
    return AutoModelForSequenceClassification.from_config(config).eval()


def trained(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def stir(model):
    """Adapters and head as after some training: B is zero at first."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)


def lora(**keys):
    return ModelSection(source="x", lora=LoraSection(**keys))


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"use_dora": True, "r": 3, "alpha": 5.0},
        {"use_rslora": True},
        {"quantization": "nf4"},
        {"quantization": "fp4", "use_dora": True, "target_modules": ["query", "c_attn"]},
    ],
)
def test_merged_weights_say_the_same(kind, keys):
    if "target_modules" in keys:
        keys = {**keys, "target_modules": [{"bert": "query", "gpt2": "c_attn"}[kind]]}
    model = classifier(kind)
    before = copy.deepcopy(model)
    adapt(model, lora(**keys))
    same = torch.equal(model(IDS).logits, before(IDS).logits)
    assert same == ("quantization" not in keys)
    others = {name for name in trained(model) if ".lora_" not in name}
    head = {"bert": {"classifier.weight", "classifier.bias"}, "gpt2": {"score.weight"}}
    assert others == head[kind]
    assert any(".lora_A" in name for name in trained(model))
    stir(model)
    expected = model(IDS).logits
    assert not torch.allclose(expected, before(IDS).logits, atol=1e-3)
    merge(model)
    assert torch.allclose(model(IDS).logits, expected, atol=1e-5)
    assert model.state_dict().keys() == before.state_dict().keys()
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_update_is_the_formula_s():
    """W + alpha / r * B A (Hu et al. 2021, section 4.1)."""
    model = classifier()
    weight = model.bert.encoder.layer[0].attention.self.query.weight.detach().clone()
    adapt(model, lora(r=4, alpha=10.0, target_modules=["query"]))
    stir(model)
    layer = model.bert.encoder.layer[0].attention.self.query
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    merge(model)
    merged = model.bert.encoder.layer[0].attention.self.query.weight
    assert torch.allclose(merged, weight + 10.0 / 4 * b @ a, atol=1e-6)


def test_only_the_named_modules():
    model = classifier()
    adapt(model, lora(target_modules=["query", "output.dense"]))
    adapted = {name.partition(".lora_")[0] for name in trained(model) if ".lora_" in name}
    assert len(adapted) == 2 * 3  # query, and the dense of both output blocks, of two layers
    with pytest.raises(ModelError, match=r"no matrix of the model is named 'quary'; did you mean"):
        adapt(classifier(), lora(target_modules=["quary"]))


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft's own
def test_peft_opens_the_adapter(tmp_path):
    model = classifier()
    model.save_pretrained(tmp_path / "base")
    adapt(model, lora())
    stir(model)
    save_adapter(model, tmp_path / "adapter", str(tmp_path / "base"))
    base = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    opened = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    assert torch.allclose(opened(IDS).logits, model(IDS).logits, atol=1e-6)


def test_a_checkpoint_with_adapters_is_opened_merged(tmp_path):
    model = classifier("gpt2")
    adapt(model, lora())
    stir(model)
    model.save_pretrained(tmp_path / "checkpoint")
    config = type(model.config).from_pretrained(tmp_path / "checkpoint")
    assert adapting.has_adapters(config)
    opened = open_merged(
        tmp_path / "checkpoint", AutoModelForSequenceClassification, config, torch.float32
    ).eval()
    assert torch.allclose(opened(IDS).logits, model(IDS).logits, atol=1e-5)
    assert not adapting.has_adapters(opened.config)


@pytest.mark.parametrize(
    ("freeze", "stays", "learns"),
    [
        ("base", "bert.pooler.dense.weight", "classifier.weight"),
        (
            "embeddings",
            "bert.embeddings.LayerNorm.weight",
            "bert.encoder.layer.0.output.dense.bias",
        ),
        (1, "bert.encoder.layer.0.output.dense.bias", "bert.encoder.layer.1.output.dense.bias"),
    ],
)
def test_what_is_frozen(freeze, stays, learns):
    model = classifier()
    adapt(model, ModelSection(source="x", freeze=freeze))
    assert stays not in trained(model)
    assert learns in trained(model)
    assert "bert.embeddings.word_embeddings.weight" not in trained(model)


def test_nothing_frozen():
    model = classifier()
    adapt(model, ModelSection(source="x"))
    assert trained(model) == {name for name, _ in model.named_parameters()}


def test_what_cannot_be(tiny_gpt2, monkeypatch):
    with pytest.raises(ModelError, match=r"model\.freeze: 3 layers, but the model has 2"):
        adapt(classifier(), ModelSection(source="x", freeze=3))
    with pytest.raises(ModelError, match="nothing is left to train: this task has no head"):
        adapt(tiny_gpt2, ModelSection(source="x", freeze="base"))
    monkeypatch.setattr(adapting.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r'pip install "lmkit\[lora\]"'):
        check_library(lora())


def test_a_recurrent_model_has_nothing_to_adapt():
    model = AutoModelForSequenceClassification.from_config(
        LSTMConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_labels=3)
    )
    with pytest.raises(ModelError, match=r"model\.lora: lstm has no linear layer to adapt"):
        adapt(model, lora())
    with pytest.raises(ModelError, match=r"model\.freeze: 2 layers, but the model has 1"):
        adapt(model, ModelSection(source="x", freeze=2))
    adapt(model, ModelSection(source="x", freeze="embeddings"))
    assert not model.get_input_embeddings().weight.requires_grad


def test_adapters_of_a_language_model_leave_its_tied_head(tiny_gpt2):
    put_in(tiny_gpt2, LoraSection())
    adapt_names = {n for n, _ in tiny_gpt2.named_parameters() if ".lora_" in n}
    assert adapt_names
    assert not any("lm_head" in name or "wte" in name for name in adapt_names)
