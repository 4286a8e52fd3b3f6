"""Adapters and frozen layers from the command line: learned, killed, resumed, opened again."""

import json
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, BertConfig, BertModel

from lmkit.training.progress import MetricsFile

WORDS = {"sea": ("wave", "fish", "boat", "salt"), "sky": ("cloud", "bird", "wind", "star")}
COMMON = ("the", "a", "and", "of", "on", "under")
RECIPE = """\
task: {{name: classification, max_length: 16}}
model: {{source: {base}{more}}}
tokenizer: {{source: {base}}}
data: {{train: train.csv, validation: dev.csv}}
train:
  max_steps: 60
  per_device_train_batch_size: 16
  learning_rate: 0.02
  compile: false
  precision: float32
  save_steps: 20
  eval_steps: 20
"""


class KilledError(BaseException):
    """What no code catches."""


@pytest.fixture
def write(tmp_path, tiny_bert_tokenizer):
    """`write(", lora: {}")`: a recipe over a saved encoder, and data of two words' fields."""
    draw = random.Random(1)
    words = sorted({word for group in WORDS.values() for word in group} | set(COMMON))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tiny_bert_tokenizer) + len(words), hidden_size=32, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=32, initializer_range=0.1,
        max_position_embeddings=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(tmp_path / "base")
    tiny_bert_tokenizer.save_pretrained(tmp_path / "base")
    for name, count in (("train", 240), ("dev", 80)):
        lines = ["text,label"]
        for _ in range(count):
            label = draw.choice(sorted(WORDS))
            lines.append(f"{draw.choice(COMMON)} {draw.choice(WORDS[label])},{label}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")

    def made(more: str) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(RECIPE.format(base=tmp_path / "base", more=more))
        return path

    return made


def weights(folder: str) -> str:
    return sha256(Path(folder, "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("more", ["", pytest.param(", quantization: nf4", marks=pytest.mark.slow)])
def test_adapters_learn_are_resumed_and_merged(cli, write, monkeypatch, more) -> None:
    recipe = write(f", lora: {{r: 4, dropout: 0.1{more}}}")
    whole = cli("finetune", recipe, "-o", "whole", "--json")
    assert whole.code == 0, whole.err
    summary = json.loads(whole.out)
    assert summary["metrics"]["accuracy"] > summary["baselines"]["majority"]["accuracy"] + 0.2
    base, model = (load_file(f"{name}/model.safetensors") for name in ("base", "whole/model"))
    assert not any("lora" in name or "base_layer" in name for name in model)
    word = "embeddings.word_embeddings.weight"
    assert torch.equal(model[f"bert.{word}"], base[word])
    query = "encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(model[f"bert.{query}"], base[query])
    assert set(load_file("whole/adapter/adapter_model.safetensors")) > {
        "base_model.model.classifier.weight",
        f"base_model.model.bert.{query}".replace("weight", "lora_A.weight"),
    }
    AutoModelForSequenceClassification.from_pretrained("whole/model")

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 30:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(MetricsFile, "on_step_end", on_step_end, raising=False)
        with pytest.raises(KilledError):
            cli("finetune", recipe, "-o", "parts")
    ended = cli("finetune", recipe, "-o", "parts", "--resume", "--json")
    assert ended.code == 0, ended.err
    assert "checkpoint-20" in ended.err
    assert weights("whole/model") == weights("parts/model")
    assert json.loads(ended.out)["metrics"] == summary["metrics"]

    again = cli("eval", "whole", "--json")
    assert json.loads(again.out)["metrics"] == pytest.approx(summary["metrics"])
    best = f"whole/checkpoints/checkpoint-{summary['step']}"
    scored = cli("eval", best, "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["metrics"] == pytest.approx(summary["metrics"], abs=1e-5)
    assert cli("export", best, "out").code == 0
    exported, merged = (load_file(f"{name}/model.safetensors") for name in ("out", "whole/model"))
    assert exported.keys() == merged.keys()
    assert all(torch.allclose(exported[name], merged[name], atol=1e-6) for name in merged)


@pytest.mark.slow
def test_a_frozen_base_and_layers_that_learn_less(cli, write) -> None:
    frozen = cli("finetune", write(", freeze: base"), "-o", "frozen", "--json")
    assert frozen.code == 0, frozen.err
    base, model = (load_file(f"{name}/model.safetensors") for name in ("base", "frozen/model"))
    assert all(torch.equal(model[f"bert.{name}"], tensor) for name, tensor in base.items())
    words = ["finetune", write(""), "-o", "decay", "--json"]
    words += ["--set", "train.layerwise_lr_decay=0.01", "--set", "train.learning_rate=0.001"]
    ended = cli(*words)
    assert ended.code == 0, ended.err
    model = load_file("decay/model/model.safetensors")
    moved = {
        layer: float((model[f"bert.{name}"] - base[name]).abs().max())
        for layer, name in (
            (0, "embeddings.LayerNorm.bias"),
            (1, "encoder.layer.0.output.dense.bias"),
            (2, "encoder.layer.1.output.dense.bias"),
        )
    }
    assert moved[2] > 10 * moved[1] > 0
    assert moved[1] > 10 * moved[0] > 0
