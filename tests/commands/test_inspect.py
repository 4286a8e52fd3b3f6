"""`lmkit data inspect`: facts and findings of a recipe's data, as JSON and for people."""

import csv
import json
from pathlib import Path

import pytest

from lmkit.commands.data import PrepareOptions, prepare
from lmkit.commands.inspect import inspect
from lmkit.errors import DataError
from lmkit.recipe.load import parse_recipe
from lmkit.recipe.sections import Recipe

CLASSIFIER = """
task: {name: classification, max_length: 8}
model: {architecture: bert, config: {num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2}}
tokenizer: {train: {type: byte}}
data: {train: train.csv, validation: dev.csv}
"""
CORPUS = """
task: {name: causal_lm, block_size: 64}
model: {architecture: gpt2, config: {n_layer: 1, n_embd: 16, n_head: 1}}
tokenizer: {train: {type: bpe, vocab_size: 280}}
data: {train: corpus}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, rows: list[tuple[str, str]]) -> None:
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("text", "label"), *rows])


@pytest.fixture
def classifier() -> Recipe:
    write("train.csv", [("one", "a"), ("two two two", "b"), ("three", "a")] + [("x", "a")] * 7)
    write("dev.csv", [("two two two", "b"), ("six", "c")])
    return parse_recipe(CLASSIFIER, "classifier.yaml")


def told(recipe: Recipe, capsys: pytest.CaptureFixture[str], sample: int = 0) -> dict:
    capsys.readouterr()
    inspect(recipe, as_json=True, sample=sample)
    return json.loads(capsys.readouterr().out)


def test_facts_and_findings(classifier: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(classifier, capsys)
    train = found["splits"]["train"]
    assert train["rows"] == 10
    assert train["tokens"] == 3 + 11 + 5 + 7 + 2 * 10  # a token a byte, [CLS] and [SEP]
    assert train["lengths"]["over_limit"] == 1
    assert train["majority"] == {"label": "a", "share": 0.9}
    assert found["notes"]
    kinds = {(f["split"], f["kind"]): f for f in found["findings"]}
    assert kinds["validation", "leak"]["rows"] == ["dev.csv:2"]
    assert kinds["validation", "leak"]["others"] == ["train.csv:3"]
    assert kinds["validation", "unknown_label"]["rows"] == ["dev.csv:3"]
    assert kinds["train", "duplicate"]["count"] == 6
    keys = {"kind", "severity", "split", "count", "rows", "message", "cure"}
    assert all(keys <= set(finding) for finding in found["findings"])
    assert [f["severity"] for f in found["findings"]][:2] == ["error", "error"]


def test_lines_for_people(classifier: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    inspect(classifier, as_json=False, sample=1)
    out = capsys.readouterr().out
    assert "train: 10 rows, 26 bytes, 46 tokens\n" in out
    assert "  10 % of the rows are longer than task.max_length (8 tokens) and are cut there" in out
    assert "  labels: a 90.0 %, b 10.0 %" in out
    assert "error: validation: 1 row stands in train too\n    dev.csv:2 (as train.csv:3)" in out
    assert "    take them out of train, or the scores of validation are too good" in out
    assert "train: 1 rows, drawn by their content\n  train.csv:" in out
    assert "\x1b[" not in out


def test_a_sample(classifier: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = told(classifier, capsys, sample=3)["sample"]
    assert [len(rows) for rows in drawn.values()] == [3, 2]
    assert all(row["before"] == row["after"] for row in drawn["train"])


def test_the_tokens_of_a_corpus_are_those_of_the_cache(
    tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = parse_recipe(CORPUS, "corpus.yaml")
    guessed = told(recipe, capsys)
    assert "first megabyte" in guessed["notes"][0]
    prepare(recipe, PrepareOptions(as_json=True))
    prepared = json.loads(capsys.readouterr().out)["splits"]
    found = told(recipe, capsys)
    assert found["notes"] == []
    for name in ("train", "validation"):
        assert found["splits"][name]["tokens"] == prepared[name]["tokens"]
        assert found["splits"][name]["rows"] == prepared[name]["documents"]
    # the sample was the whole text, and a document's end token is counted
    assert guessed["splits"]["train"]["tokens"] == prepared["train"]["tokens"]


def test_no_tokenizer_to_be_had(classifier: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    text = CLASSIFIER.replace("{train: {type: byte}}", "{source: ./nowhere}")
    found = told(parse_recipe(text, "classifier.yaml"), capsys)
    assert "in characters" in found["notes"][0]
    assert "no such tokenizer folder" in found["notes"][0]
    assert found["splits"]["train"]["lengths"]["unit"] == "characters"


def test_a_bad_first_row_is_no_end(classifier: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    Path("train.csv").write_text("text,label\nonly one cell\none,a\ntwo,b\n")
    found = told(classifier, capsys)
    assert found["splits"]["train"]["rows"] == 2
    first = found["findings"][0]
    assert (first["kind"], first["split"], first["rows"]) == (
        "unreadable", "train", ["train.csv:2"],
    )  # fmt: skip


def test_nothing_can_be_read(classifier: Recipe) -> None:
    for name in ("train.csv", "dev.csv"):
        Path(name).write_text("text,label\nonly one cell\n")
    with pytest.raises(DataError, match=r"train\.csv:2: row 1 has 1 cells"):
        inspect(classifier, as_json=True)


def test_one_split_that_cannot_be_read_is_a_finding(
    classifier: Recipe, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("dev.csv").write_text("text,label\nonly one cell\n")
    found = told(classifier, capsys)
    assert found["splits"]["validation"]["rows"] == 0
    assert found["findings"][0]["split"] == "validation"
    assert found["findings"][0]["rows"] == ["dev.csv:2"]
