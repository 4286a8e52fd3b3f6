"""From a file of conversations to a model that answers: `lmkit finetune`, `eval`, `generate`."""

import json
import random

import pytest
import yaml
from transformers import AutoTokenizer

COLORS = {
    "sea": "blue", "sun": "yellow", "grass": "green", "coal": "black", "snow": "white",
    "rose": "red", "fox": "brown", "mouse": "grey",
}  # fmt: skip
NOISE = ("old", "new", "big", "small", "far", "near", "cold", "warm")
GPT2 = {
    "n_layer": 2, "n_embd": 48, "n_head": 4,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
    "initializer_range": 0.1,  # 0.02 is for widths of 768
}  # fmt: skip


def talk(draw):
    """Two questions after each other, each about one thing."""
    messages = []
    for _ in range(draw.randint(1, 2)):
        thing = draw.choice(list(COLORS))
        words = " ".join(draw.choices(NOISE, k=draw.randint(1, 3)))
        messages += [
            {"role": "user", "content": f"which color has the {words} {thing}?"},
            {"role": "assistant", "content": f"it is {COLORS[thing]}"},
        ]
    return {"messages": messages}


@pytest.fixture
def recipe(tmp_path):
    """A recipe of a tiny model beside its three files."""
    for name, count, seed in (("train", 240, 1), ("dev", 40, 2), ("test", 60, 3)):
        draw = random.Random(seed)
        lines = [json.dumps(talk(draw)) + "\n" for _ in range(count)]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    content = {
        "task": {"name": "chat", "chat_template": "chatml", "max_length": 96},
        "model": {"architecture": "gpt2", "config": GPT2},
        "tokenizer": {"train": {"type": "bpe", "vocab_size": 400}},
        "data": {"train": "train.jsonl", "validation": "dev.jsonl", "test": "test.jsonl"},
        "train": {
            "num_train_epochs": 8, "total_batch_size": 16, "per_device_train_batch_size": 16,
            "learning_rate": 5e-3, "compile": False, "precision": "float32",
        },
    }  # fmt: skip
    path = tmp_path / "chat.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.slow
def test_a_model_learns_to_answer(cli, recipe, tmp_path):
    ended = cli("finetune", recipe, "-o", "run", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert (summary["task"], summary["split"]) == ("chat", "test")
    assert summary["metrics"]["loss"] < 0.2
    assert summary["baselines"]["unigram"]["loss"] > 2.0
    assert summary["intervals"]["loss"][0] < summary["metrics"]["loss"]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert "unanswered" in json.dumps(manifest)

    ended = cli("eval", "run", "--json", "--batch-size", "7")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["metrics"] == pytest.approx(summary["metrics"], abs=1e-6)
    assert found["baselines"] == summary["baselines"]

    asked = "which color has the big near cold {}?"
    ended = cli("generate", "run", asked.format("snow"), "--greedy")
    assert (ended.code, ended.out) == (0, "it is white\n"), ended.err
    lines = [json.dumps({"prompt": asked.format(thing)}) + "\n" for thing in COLORS]
    (tmp_path / "asked.jsonl").write_text("".join(lines))
    ended = cli("generate", "run", "--input", "asked.jsonl", "--greedy")
    texts = [json.loads(line)["text"] for line in ended.out.splitlines()]
    right = [f"it is {color}" for color in COLORS.values()]
    assert sum(a == b for a, b in zip(texts, right, strict=True)) >= 7

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run" / "model")
    assert "<|im_start|>" in tokenizer.chat_template
    ended = cli("predict", "run", "hello")
    assert ended.code == 2
    assert "write with it: lmkit generate" in ended.err


@pytest.mark.slow
def test_packed_conversations_teach_the_same(cli, recipe):
    ended = cli("finetune", recipe, "-o", "packed", "--json", "--set", "task.packing=isolated",
                "--set", "train.total_batch_size=6")  # fmt: skip
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["metrics"]["loss"] < 0.3


def test_what_cannot_be_learned_is_told_with_its_row(cli, recipe, tmp_path):
    rows = (tmp_path / "train.jsonl").read_text().splitlines()
    rows[4] = json.dumps({"messages": [{"role": "asistant", "content": "a"}]})
    (tmp_path / "train.jsonl").write_text("\n".join(rows) + "\n")
    ended = cli("finetune", recipe, "-o", "run")
    assert ended.code == 2
    assert "train.jsonl:5: message 1 has the role `asistant`; did you mean" in ended.err
    assert not (tmp_path / "run").exists()
    ended = cli("finetune", recipe, "-o", "run", "--set", "task.chat_template=chatlm")
    assert ended.code == 2
    ended = cli("data", "inspect", recipe)
    assert "turns out of order" in ended.out + ended.err


def test_a_missing_template_is_told_with_its_cure(cli, recipe):
    ended = cli("finetune", recipe, "--dry-run", "--set", "task.chat_template=null")
    assert ended.code == 2
    assert "has no chat template (it is that of a base model); name one" in ended.err
