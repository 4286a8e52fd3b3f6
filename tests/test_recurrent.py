"""LSTMs and GRUs through the command line: they learn, write, label, and are refused by name."""

import json
import random
from pathlib import Path

import pytest
from safetensors.torch import load_file
from transformers import pipeline

WORDS = {
    "sea": ("wave", "fish", "boat", "salt", "tide"),
    "sky": ("cloud", "bird", "wind", "star", "moon"),
    "soil": ("root", "worm", "seed", "clay", "mud"),
}
COMMON = ("the", "a", "and", "of", "on", "under", "old", "new", "&amp;", "Who")
SMALL = "model={architecture: lstm, config: {embedding_size: 24, hidden_size: 64, num_layers: 1}}"


def words(*keys):
    return [word for key in keys for word in ("--set", key)]


@pytest.fixture
def labeled(tmp_path):
    """A function that writes a CSV of texts of which one or two words tell the label."""

    def write(name, count, seed):
        draw, lines = random.Random(seed), ["text,label"]
        for _ in range(count):
            label = draw.choice(["sea", "sea", "sky", "soil"])
            text = draw.choices(COMMON, k=draw.randint(2, 10))
            for _ in range(draw.randint(1, 2)):
                text.insert(draw.randrange(len(text)), draw.choice(WORDS[label]))
            lines.append(f"{' '.join(text)},{label}")
        (tmp_path / name).write_text("\n".join(lines) + "\n")

    return write


@pytest.mark.slow
def test_a_language_model_learns_and_writes(cli, small_recipe):
    """Counting from any number on: after a few steps the next word is certain."""
    keys = (SMALL, "train.max_steps=400", "task.packing=none")
    keys += ("train.eval_steps=400", "train.save_steps=400")
    ended = cli("pretrain", small_recipe, "-o", "run", "--json", *words(*keys))
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert summary["metrics"]["loss"] < 0.5 * summary["baselines"]["unigram"]["loss"]
    assert summary["metrics"]["bits_per_byte"] < summary["baselines"]["zlib"]["bits_per_byte"]
    ended = cli("eval", "run", "--json", "--batch-size", "3")
    assert json.loads(ended.out)["metrics"] == pytest.approx(summary["metrics"], abs=1e-6)

    prompts = ("three four five", "eight", "zero one two three four five six")
    found = []
    for options in (("--batch-size", "1"), ("--batch-size", "8"), ("--num-beams", "3")):
        ended = cli(
            "generate", "run", *prompts, "--greedy", "--max-new-tokens", "12", "--json", *options
        )
        assert ended.code == 0, ended.err
        found.append([json.loads(line)["text"] for line in ended.out.splitlines()])
    assert found[0] == found[1]
    assert found[0][0].startswith(" six seven eight nine zero")
    assert found[2][0].startswith(" six seven eight nine zero")


def test_documents_of_a_block_are_kept_apart(cli, small_recipe):
    keys = (SMALL, "model.config.cell=gru", "task.packing=isolated", "train.max_steps=2")
    ended = cli("pretrain", small_recipe, "-o", "run", "--quiet", *words(*keys))
    assert ended.code == 0, ended.err
    card = Path("run/model/README.md").read_text()
    assert "Open it after `import lmkit.models.lstm`." in card


def test_a_plan_and_a_check_know_it(cli, small_recipe):
    ended = cli("pretrain", small_recipe, "--dry-run", "--json", *words(SMALL))
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["cost"]["flops_per_token"] > 0
    wrong = SMALL.replace("hidden_size", "hiden_size")
    ended = cli("recipes", "check", small_recipe, "--full", *words(wrong))
    assert ended.code == 2
    assert "model.config.hiden_size: lstm has no such key; did you mean" in ended.err


def test_what_it_has_no_head_for_is_refused(cli, small_recipe):
    keys = (SMALL, "task={name: masked_lm}", "tokenizer={train: {type: wordpiece}}")
    ended = cli("pretrain", small_recipe, *words(*keys))
    assert ended.code == 2
    assert "model: lstm has no ForMaskedLM head" in ended.err
    ended = cli("pretrain", small_recipe, *words(SMALL, "model.config.bidirectional=true"))
    assert ended.code == 2
    assert "bidirectional: true reads what follows" in ended.err


@pytest.mark.slow
def test_from_a_csv_to_a_measured_classifier(cli, labeled, tmp_path):
    """The packaged recipe and one file; then held-out texts that it has never seen."""
    labeled("data.csv", 500, 1)
    labeled("held_out.csv", 120, 2)
    keys = ("data.train=data.csv", "train.num_train_epochs=6", "train.precision=float32")
    ended = cli("finetune", "lstm-classification", "-o", "run", "--json", *words(*keys))
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert summary["metrics"]["accuracy"] > summary["baselines"]["majority"]["accuracy"] + 0.3
    ended = cli("eval", "run", "--data", "held_out.csv", "--json")
    assert json.loads(ended.out)["metrics"]["accuracy"] > 0.9

    texts = ["the old boat &amp; a wave", "under the moon", "a worm"]
    ended = cli("predict", "run", *texts)
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [answer["label"] for answer in answers] == ["sea", "sky", "soil"]
    ask = pipeline("text-classification", model=str(tmp_path / "run" / "model"), device="cpu")
    for text, answer in list(zip(texts, answers, strict=True))[1:]:
        (theirs,) = ask(text)
        assert theirs["label"] == answer["label"]
        assert theirs["score"] == pytest.approx(answer["scores"][answer["label"]], abs=1e-5)


@pytest.mark.slow
def test_accumulation_changes_nothing_of_a_classifier(cli, labeled, tmp_path):
    """(8, 1) and (2, 4) give the same weights and losses: texts are padded to unlike lengths."""
    labeled("data.csv", 60, 3)
    keys = (
        "data.train=data.csv", "tokenizer.train.vocab_size=200", "train.optim=sgd",
        "train.learning_rate=0.1", "train.max_grad_norm=0", "train.total_batch_size=8",
        "train.num_train_epochs=1", "train.logging_steps=1", "train.eval_strategy=no",
        "train.save_strategy=no", "train.precision=float32", "train.early_stopping_patience=null",
        "model.config={hidden_size: 16, embedding_size: 8, bidirectional: true}",
    )  # fmt: skip
    weights, losses = [], []
    for micro in (8, 2):
        more = words(*keys, f"train.per_device_train_batch_size={micro}")
        ended = cli("finetune", "lstm-classification", "-o", f"run{micro}", *more)
        assert ended.code == 0, ended.err
        weights.append(load_file(tmp_path / f"run{micro}" / "model" / "model.safetensors"))
        lines = (tmp_path / f"run{micro}" / "metrics.jsonl").read_text().splitlines()
        losses.append([line["loss"] for line in map(json.loads, lines) if "loss" in line])
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    for name, weight in weights[0].items():
        assert (weights[1][name] - weight).abs().max() < 1e-6, name
