"""From questions and answers to a model that chooses: `lmkit finetune`, `eval`, `predict`."""

import json
import random

import pytest
import yaml

WORDS = {
    "sea": ("wave", "fish", "boat", "salt", "tide"),
    "sky": ("cloud", "bird", "wind", "star", "moon"),
    "soil": ("root", "worm", "seed", "clay", "mud"),
}
BERT = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.1,
}  # fmt: skip
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 2, "initializer_range": 0.1} | dict.fromkeys(
    ("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0
)


def rows(count, seed):
    """Two words of a kind, and one word each of two or three kinds to choose from."""
    draw = random.Random(seed)
    for _ in range(count):
        kinds = draw.sample(sorted(WORDS), draw.randint(2, 3))
        right = draw.choice(kinds)
        one, two, three = draw.sample(WORDS[right], 3)
        choices = [three if kind == right else draw.choice(WORDS[kind]) for kind in kinds]
        answer = draw.choice([kinds.index(right), "ABC"[kinds.index(right)], three])
        yield {"question": f"{one} {two}", "choices": choices, "answer": answer}


@pytest.fixture
def recipe(tmp_path):
    """A function that writes data and a recipe of a tiny model, and gives its path."""
    for name, count, seed in (("train", 600, 1), ("dev", 80, 2), ("test", 150, 3)):
        lines = [json.dumps(row) + "\n" for row in rows(count, seed)]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))

    def write(architecture="bert", config=BERT, tokenizer="wordpiece", **train):
        content = {
            "task": {"name": "multiple_choice", "max_length": 16},
            "model": {"architecture": architecture, "config": config},
            "tokenizer": {"train": {"type": tokenizer, "vocab_size": 300}},
            "data": {"train": "train.jsonl", "validation": "dev.jsonl", "test": "test.jsonl"},
            "train": {
                "num_train_epochs": 8, "total_batch_size": 16, "per_device_train_batch_size": 16,
                "learning_rate": 3e-3, "compile": False, "precision": "float32",
                "eval_strategy": "epoch", "save_strategy": "epoch",
            } | train,
        }  # fmt: skip
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
def test_the_answer_of_the_same_kind_is_chosen(cli, recipe, architecture):
    more = {"architecture": "gpt2", "config": GPT2, "tokenizer": "bpe"}
    ended = cli("finetune", recipe(**more if architecture == "gpt2" else {}), "-o", "run", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    best = max(found["accuracy"] for found in summary["baselines"].values())
    assert best < 0.65
    assert summary["metrics"]["accuracy"] > 0.85
    assert summary["metrics"]["loss"] < summary["baselines"]["random"]["loss"]

    ended = cli("eval", "run", "--json", "--batch-size", "7")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["metrics"] == pytest.approx(summary["metrics"], abs=1e-6)
    assert found["baselines"] == summary["baselines"]

    ended = cli("predict", "run", "--input", "test.jsonl")
    assert ended.code == 0, ended.err
    answers = [json.loads(line) for line in ended.out.splitlines()]
    right = 0
    for answer, row in zip(answers, rows(150, 3), strict=True):
        assert answer["question"] == row["question"]
        assert list(answer["scores"]) == row["choices"]
        assert sum(answer["scores"].values()) == pytest.approx(1.0)
        said = row["answer"]
        right += said in (answer["index"], "ABC"[answer["index"]], answer["label"])
    assert right / 150 == pytest.approx(summary["metrics"]["accuracy"])

    ended = cli("predict", "run", "boat fish", "cloud", "tide", "mud")
    assert json.loads(ended.out)["label"] == "tide"
    assert cli("predict", "run", "boat", "cloud").code == 2


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"question": "q", "choices": ["a", "b"], "answer": "c"}, "holds `c`, which is none of"),
        ({"question": "q", "choices": ["a"], "answer": "a"}, "holds 1 choices"),
        ({"question": "q", "choices": "a, b", "answer": "a"}, "text, not a list of choices"),
        ({"question": "q", "options": ["a", "b"], "answer": "a"}, "no column `choices`"),
        ({"question": " ", "choices": ["a", "b"], "answer": "a"}, "column `question` is blank"),
    ],
)
def test_bad_data_is_told_before_anything_is_trained(cli, recipe, tmp_path, row, says):
    path = recipe()
    lines = (tmp_path / "dev.jsonl").read_text().splitlines()[:2]
    (tmp_path / "dev.jsonl").write_text("\n".join([*lines, json.dumps(row)]) + "\n")
    ended = cli("finetune", path, "-o", "run")
    assert ended.code == 2, ended.err
    assert "dev.jsonl:3: " in ended.err
    assert says in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "run").exists()
