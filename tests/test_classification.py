"""Classifiers of every kind by the real command: what they learn, and what bad data is told."""

import json
import random

import pytest
import yaml
from safetensors.torch import load_file

WORDS = {"sea": ("wave", "boat", "salt"), "sky": ("cloud", "bird", "star"), "soil": ("root", "mud")}
COMMON = ("the", "a", "and", "of", "on", "old", "new")
BERT = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.1,  # 0.02 is for widths of 768
}  # fmt: skip


def rows(count, seed):
    """Rows with the words of one or two labels: `label`, `labels`, `number`, and a second text."""
    draw = random.Random(seed)
    for _ in range(count):
        names = sorted(draw.sample(sorted(WORDS), draw.choice((1, 1, 2))))
        words = draw.choices(COMMON, k=draw.randint(2, 6))
        for name in names:
            words.insert(draw.randrange(len(words)), draw.choice(WORDS[name]))
        yield {
            "text": " ".join(words), "other": " ".join(draw.choices(COMMON, k=3)),
            "label": names[0], "labels": names, "number": len(names) + ("sky" in names) / 2,
        }  # fmt: skip


@pytest.fixture
def data(tmp_path):
    """train.jsonl and test.jsonl."""
    for name, count, seed in (("train", 300, 1), ("test", 100, 2)):
        lines = (json.dumps(row) for row in rows(count, seed))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def recipe(data):
    """A function from task and train keys to a recipe of a small BERT."""

    def write(task, **train):
        content = {
            "task": {"name": "classification", "max_length": 24} | task,
            "model": {"architecture": "bert", "config": BERT},
            "tokenizer": {"train": {"type": "wordpiece", "vocab_size": 120}},
            "data": {"train": "train.jsonl", "test": "test.jsonl", "validation_share": 0.2},
            "train": {
                "num_train_epochs": 12, "total_batch_size": 16, "per_device_train_batch_size": 16,
                "learning_rate": 3e-3, "compile": False, "precision": "float32",
                "eval_strategy": "epoch", "save_strategy": "epoch",
            } | train,
        }  # fmt: skip
        (data / "recipe.yaml").write_text(yaml.safe_dump(content))
        return data / "recipe.yaml"

    return write


PROBLEMS = {
    "multi_label": {"problem": "multi_label", "label_column": "labels"},
    "regression": {"problem": "regression", "label_column": "number"},
    "pair": {"text_pair_column": "other"},
    "balanced": {"class_weights": "balanced"},
    "focal": {"loss": "focal", "class_weights": {"soil": 3.0}},
}
BETTER = {"multi_label": "macro_f1", "regression": "mse"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PROBLEMS)
def test_what_is_learned_beats_the_constant(cli, recipe, data, kind):
    ended = cli("finetune", recipe(PROBLEMS[kind]), "-o", "run", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    metrics, baselines = summary["metrics"], summary["baselines"]
    if kind == "regression":
        assert metrics["mse"] < 0.6 * baselines["mean"]["mse"]
        assert metrics["spearman"] > 0.7
        assert "per_class" not in summary
    else:
        assert metrics["macro_f1"] > 0.85 > 1.5 * baselines["majority"]["macro_f1"]
        assert set(summary["per_class"]) == set(WORDS)
    assert set(summary["intervals"]) == set(metrics)
    assert summary["against_baselines"]["metric"] == BETTER.get(kind, "macro_f1")
    assert "evaluations; training went to step" in summary["kept_because"]

    ended = cli("eval", "run", "--json", "--batch-size", "7")
    found = json.loads(ended.out)
    assert found["metrics"] == pytest.approx(metrics, abs=1e-5)
    assert found["per_class"] == summary["per_class"] if "per_class" in summary else True
    table = cli("eval", "run").out
    assert f"baseline {'mean' if kind == 'regression' else 'majority'}: " in table
    assert "the best baseline (tfidf_" in table

    ended = cli("predict", "run", "--input", "test.jsonl")
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert len(answers) == 100
    if kind == "multi_label":
        right = sum(set(a["labels"]) == set(a["input_labels"]) for a in answers) / 100
        assert right == pytest.approx(metrics["subset_accuracy"])
    elif kind == "regression":
        error = sum((a["score"] - a["number"]) ** 2 for a in answers) / 100
        assert error == pytest.approx(metrics["mse"], rel=1e-4)
    else:
        right = sum(a["label"] == a["input_label"] for a in answers) / 100
        assert right == pytest.approx(metrics["accuracy"])

    # without its recipe the saved model still tells what it is
    column = PROBLEMS[kind].get("label_column", "label")
    (data / "recipe.yaml").unlink()
    (data / "run" / "model").rename(data / "alone")
    if kind != "pair":
        ended = cli("eval", "alone", "--data", "test.jsonl", "--json")
        if column == "labels":  # the column of the labels is no part of a model
            assert "column `label` holds a str, not a list of labels" in ended.err
        else:
            assert json.loads(ended.out)["metrics"] == pytest.approx(metrics, abs=1e-5)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[] if kind == "multi_label" else [pytest.mark.slow])
        for kind in PROBLEMS
        if kind != "pair"
    ],
)
def test_accumulation_changes_nothing(cli, recipe, data, kind):
    """(8, 1) and (2, 4) give the same weights and losses; the last batch is a short one."""
    keys = {"optim": "sgd", "learning_rate": 0.1, "num_train_epochs": 1, "total_batch_size": 8}
    keys |= {"logging_steps": 1, "eval_strategy": "no", "save_strategy": "no", "max_grad_norm": 0.0}
    if kind == "regression":
        keys["learning_rate"] = 0.02  # errors are squared
    else:
        keys["label_smoothing_factor"] = 0.1
    found, losses = [], []
    for micro in (8, 2):
        path = recipe(PROBLEMS[kind], **keys, per_device_train_batch_size=micro)
        sets = ("--set", "data.max_documents=60")
        ended = cli("finetune", path, "-o", f"run-{micro}", "--json", *sets)
        assert ended.code == 0, ended.err
        found.append(load_file(data / f"run-{micro}" / "model" / "model.safetensors"))
        lines = (data / f"run-{micro}" / "metrics.jsonl").read_text().splitlines()
        losses.append([line["loss"] for line in map(json.loads, lines) if "loss" in line])
    assert len(losses[0]) == 8  # 60 rows, the last step holds 4
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert losses[0][0] != pytest.approx(losses[0][-1], abs=1e-4)
    for key, value in found[0].items():
        assert float((value - found[1][key]).abs().max()) < 1e-6, key


MULTI, NUMBER = PROBLEMS["multi_label"], PROBLEMS["regression"]
FOUR = "text,label\nx,a\ny,b\nz,a\nw,b\n"
CSV = ("--set", "data={train: train.csv}", "--set", "data.validation_share=0.3")


@pytest.mark.parametrize(
    ("task", "content", "says"),
    [
        ({}, "text,label\nx,0.5\ny,1.5\n", "numbers on a scale are not classes (for those"),
        ({}, "text,label\nx,a\ny,a\nz,a\n", "train data: every row has the label `a`"),
        ({}, "text,label\n ,a\n,b\n", "nothing but white space"),
        ({}, "text,label,text\nx,a,y\n", "train.csv:1: the header names column `text` more than"),
        ({}, 'text,label\nx,a\n"y" z,b\n', "train.csv:3: row 2: "),
        (PROBLEMS["pair"], "text,other,label\nx,y,a\nz,,b\n", "csv:3: column `other` is blank"),
        (NUMBER, "text,number\nx,1\ny,high\n", "train.csv:3: column `number` holds 'high', not a"),
        (NUMBER, "text,number\nx,2\ny,2.0\n", "every row has the number 2 in column `number`"),
        (MULTI, "text,labels\nx,a;b\ny,b\n", "name what stands between the labels with task.label"),
        ({"class_weights": {"c": 2.0}}, FOUR, "no training row has the label `c`"),
        ({"max_length": 600}, FOUR, "600 tokens are asked for, but bert"),
    ],
)  # fmt: skip
def test_bad_data_is_told_before_anything_is_trained(cli, recipe, data, task, content, says):
    (data / "train.csv").write_text(content)
    more = ("--set", "model.config.max_position_embeddings=64") if "max_length" in task else ()
    ended = cli("finetune", recipe(task), "-o", "run", *CSV, *more)
    assert ended.code == 2, ended.err
    assert says in ended.err
    assert "step 1/" not in ended.err
    assert not (data / "run").exists()


def test_two_spellings_of_a_label_are_told(cli, recipe, data):
    lines = (f"{row['text']},{row['label']}" for row in rows(40, 3))
    (data / "train.csv").write_text(
        "text,label\n" + "\n".join(lines) + "\nold boat,Sea\nmud,sea \n"
    )
    ended = cli("finetune", recipe({}, max_steps=1), "-o", "run", *CSV)
    assert ended.code == 0, ended.err
    assert "another differs from only by case or space: 'sea' (" in ended.err
    assert "'Sea' (1), 'sea ' (1); write each label one way" in ended.err


def test_from_one_csv_to_a_measured_classifier(cli, recipe, data):
    """Cleaning, a stratified split in three, labels, training, a test that is touched once."""
    lines = [f"{row['text']} {number},{row['label']}" for number, row in enumerate(rows(200, 3))]
    rare = [f"rare words {number},rare" for number in range(8)]
    (data / "train.csv").write_text("text,label\n" + "\n".join(lines + rare + lines[:5]) + "\n")
    sets = ("--set", "data.test_share=0.2", "--set", "data.clean={duplicates: exact}")
    ended = cli("finetune", recipe({}, max_steps=2), "-o", "run", "--json", *CSV, *sets)
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert summary["split"] == "test"
    assert summary["per_class"]["rare"]["support"] in (1, 2, 3)  # a fifth of 8
    assert sum(row["support"] for row in summary["per_class"].values()) == pytest.approx(42, abs=9)
    assert "exact duplicate" in ended.err or "duplicates" in ended.err
    resolved = yaml.safe_load((data / "run" / "recipe.yaml").read_text())
    assert resolved["task"]["labels"] == ["rare", "sea", "sky", "soil"]
    again = cli("eval", "run", "--json")
    assert json.loads(again.out)["metrics"] == pytest.approx(summary["metrics"], abs=1e-6)


def test_pairs_are_copies_only_where_both_texts_are(cli, recipe, data):
    """Not where they share the first text, as those of a premise do."""
    lines = ["the boat,a wave,yes", "the boat,a star,no", "the moon,a star,yes", "mud,a root,no"]
    lines += ["the boat,a wave,yes"] + [f"bird {number},wind,yes" for number in range(9)]
    (data / "train.csv").write_text("text,other,label\n" + "\n".join(lines) + "\n")
    path = recipe(PROBLEMS["pair"], max_steps=1)
    sets = ("--set", "data={train: train.csv, validation: train.csv}")
    ended = cli("finetune", path, "-o", "run", *sets)
    assert ended.code == 0, ended.err
    assert "train: 1 row repeats an earlier row" in ended.err
    ended = cli("finetune", path, "-o", "other", *sets, "--set", "data.clean={duplicates: exact}")
    assert ended.code == 0, ended.err
    assert "train: cleaned" in ended.err
    assert "14 documents in; changed: nothing; dropped: 0 blank, 1 duplicates; 13 out" in ended.err
