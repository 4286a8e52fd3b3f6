"""`data.clean` from end to end: what a run is trained on is what its model is given later."""

import csv
import json
from pathlib import Path

import pytest
import yaml

BERT = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
}  # fmt: skip
RECIPE = {
    "task": {"name": "classification", "max_length": 32},
    "model": {"architecture": "bert", "config": BERT},
    "tokenizer": {"train": {"type": "bpe", "vocab_size": 400}},
    "data": {"train": "data.csv"},
    "train": {
        "max_steps": 4, "total_batch_size": 16, "per_device_train_batch_size": 16,
        "learning_rate": 1e-3, "compile": False, "precision": "float32",
    },
}  # fmt: skip
OVERRIDES = [
    "data.clean.lowercase=true", "data.clean.html=entities", "data.clean.duplicates=exact",
    "data.clean.stop_words=en",
]  # fmt: skip


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return path


def flags(overrides: list[str]) -> list[str]:
    return [word for override in overrides for word in ("--set", override)]


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])


@pytest.mark.slow
def test_a_csv_is_cleaned_learned_scored_and_asked(cli, recipe, test_data, tmp_path):
    with (test_data / "tweet_emotion" / "train.csv").open(newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)][:400]
    write(tmp_path / "data.csv", [*rows, *rows[:7]])
    ended = cli("finetune", recipe, "-o", "run", "--json", *flags(OVERRIDES))
    assert ended.code == 0, ended.err
    assert "train: cleaned (miss " in ended.err
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    counts = manifest["ledger"]["cleaning"]["train"]
    assert counts["documents_in"] == 407
    assert counts["dropped"]["duplicates"] >= 7
    assert counts["documents_out"] == 407 - sum(counts["dropped"].values())
    assert list(counts["changed"]) == ["html", "lowercase", "stop_words"]
    resolved = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert resolved["data"]["clean"]["lowercase"] is True

    # upper-cased and escaped, a text is the same to the model; the answer shows it as it came
    plain = [row for row in rows if row[0].isascii() and "&" not in row[0]][:50]
    hostile = [(f"THE {text.upper().replace('E', '&#69;')}", label) for text, label in plain]
    write(tmp_path / "plain.csv", plain)
    write(tmp_path / "hostile.csv", hostile)
    answers, metrics = {}, {}
    for name in ("plain", "hostile"):
        ended = cli("predict", "run", "--input", f"{name}.csv")
        assert ended.code == 0, ended.err
        answers[name] = [json.loads(line) for line in ended.out.splitlines()]
        ended = cli("eval", "run", "--data", f"{name}.csv", "--json")
        assert ended.code == 0, ended.err
        metrics[name] = json.loads(ended.out)["metrics"]
    assert [answer["text"] for answer in answers["hostile"]] == [text for text, _ in hostile]
    scores = [[answer["scores"] for answer in answers[name]] for name in answers]
    for one, other in zip(*scores, strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    assert metrics["plain"] == pytest.approx(metrics["hostile"], abs=1e-6)

    ended = cli("predict", "run", "of the", "--json")
    assert ended.code == 2
    assert "text 1: nothing is left of the text by the transforms" in ended.err

    ended = cli("eval", "run", "--json")  # the run's own split, from the cache
    assert ended.code == 0, ended.err
    assert "train: cleaned (hit " in ended.err


def test_without_it_nothing_is_said_or_kept(cli, small_recipe, tmp_path):
    ended = cli("data", "prepare", small_recipe, "--json")
    assert ended.code == 0, ended.err
    assert "cleaning" not in json.loads(ended.out)
    assert "cleaned" not in ended.err


def test_counts_of_a_corpus_that_is_prepared(cli, small_recipe, tmp_path):
    text = "".join(f"line {number} of many\n" for number in range(60)) * 2
    (tmp_path / "counting.txt").write_text(text + "short\n" + text.upper())
    arguments = ["data", "prepare", small_recipe, "--json", *flags([
        "data.clean.lowercase=true", "data.clean.duplicates=exact", "data.clean.min_length=10",
    ])]  # fmt: skip
    ended = cli(*arguments)
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    lines = text.splitlines()
    distinct = len(set(lines))
    assert found["cleaning"] == {
        "train": {
            "documents_in": 2 * len(lines) + 1,
            "characters_in": 2 * sum(map(len, lines)) + 5,
            "changed": {"lowercase": len(lines)},
            "dropped": {
                "blank": 0, "min_length": 1, "duplicates": 2 * len(lines) - distinct,
            },
            "conflicting_labels": 0,
            "documents_out": distinct,
            "characters_out": sum(map(len, set(lines))),
        }
    }  # fmt: skip
    assert found["documents"] == distinct
    again = cli(*arguments)
    assert json.loads(again.out)["cleaning"] == found["cleaning"]
    assert json.loads(again.out)["cache"] == "hit"
    assert "train: cleaned (hit " in again.err
    listed = cli("data", "cache", "list")
    assert "clean " in listed.out


def test_a_dry_run_leaves_nothing(cli, small_recipe, tmp_path, monkeypatch):
    cache = tmp_path / "own-cache"
    monkeypatch.setenv("LMKIT_CACHE", str(cache))
    ended = cli("pretrain", small_recipe, "--dry-run", "--set", "data.clean.lowercase=true")
    assert ended.code == 0, ended.err
    assert not (cache / "clean").exists()


def test_a_wrong_pattern_is_told_with_its_place(cli, small_recipe):
    text = small_recipe.read_text() + "\n"
    text = text.replace("validation_share: 0.2}", 'validation_share: 0.2, clean: {drop: ["("]}}')
    small_recipe.write_text(text)
    ended = cli("pretrain", small_recipe)
    assert ended.code == 2
    assert "small.yaml:4:" in ended.err
    assert "data.clean.drop.0: '(' is not a regular expression of Python" in ended.err
