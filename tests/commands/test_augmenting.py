"""`data.augment` from the command line: drawn alike on a resume, refused where rows must stay."""

import json
import random

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

RECIPE = """\
task: {{name: classification, max_length: 24}}
model:
  architecture: bert
  config: {{hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16}}
tokenizer: {{source: masked}}
data: {{train: train.csv, validation: train.csv, augment: {augment}}}
train: {{max_steps: 12, per_device_train_batch_size: 8, save_steps: 6, logging_steps: 1,
        compile: false, precision: float32}}
"""


@pytest.fixture
def write(tmp_path, tiny_bert_tokenizer):
    """`write("{...}")`: a recipe, its data, and a masked model that proposes words."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tiny_bert_tokenizer), hidden_size=16, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=16, max_position_embeddings=64,
    )  # fmt: skip
    BertForMaskedLM(config).save_pretrained(tmp_path / "masked")
    tiny_bert_tokenizer.save_pretrained(tmp_path / "masked")
    draw = random.Random(1)
    words = ["cat", "dog", "house", "mat", "red", "door", "hill"]
    lines = [f"{' '.join(draw.choices(words, k=8))},{draw.choice('ab')}" for _ in range(64)]
    (tmp_path / "train.csv").write_text("text,label\n" + "\n".join(lines) + "\n")

    def made(augment, name="recipe.yaml"):
        path = tmp_path / name
        path.write_text(RECIPE.format(augment=augment))
        return path

    return made


ALL = (
    "{share: 1.0, word_dropout: 0.2, word_swap: 0.2, typos: 0.2, case: 0.2, "
    "masked_model: {source: masked, share: 0.3}}"
)


def losses(folder):
    lines = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.slow
def test_it_changes_training_and_is_resumed_alike(cli, write, tmp_path):
    whole = cli("finetune", write(ALL), "-o", "whole")
    assert whole.code == 0, whole.err
    assert "masked proposes words for 64 texts" in whole.err
    plain = cli("finetune", write("null"), "-o", "plain")
    assert plain.code == 0, plain.err
    assert losses(tmp_path / "whole") != losses(tmp_path / "plain")
    half = ("--set", "train.num_train_epochs=3", "--set", "train.dataloader_num_workers=1")
    again = cli("finetune", write(ALL), "-o", "again", *half)
    assert again.code == 0, again.err
    assert losses(tmp_path / "again") == losses(tmp_path / "whole")


def test_rows_that_must_stay_as_they_are(cli, write):
    recipe = write("{typos: 0.1}")
    text = recipe.read_text().replace(
        "name: classification, max_length", "name: causal_lm, block_size"
    )
    recipe.write_text(text)
    ended = cli("finetune", recipe)
    assert ended.code == 2
    assert "data.augment: the rows of causal_lm must stay as they are" in ended.err


def test_a_masked_model_that_is_none(cli, write):
    ended = cli("finetune", write("{masked_model: {source: nowhere/at}}"))
    assert ended.code == 2
    assert "nowhere/at" in ended.err
