"""The model card: metadata that the hub reads, scores for people, and texts that stay texts."""

import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from lmkit.reports.card import Subject, card
from tests.reports.conftest import MANIFEST, SUMMARY

SUBJECT = Subject("topics", "bert", 1_234_567, "org/base", "train.csv")


def test_the_hub_reads_its_head() -> None:
    told = ModelCard(card(SUBJECT, SUMMARY, MANIFEST)).data
    assert told.pipeline_tag == "text-classification"
    assert told.base_model == "org/base"
    assert told.tags == ["lmkit", "classification"]
    assert told.model_name == "topics"
    assert {one.metric_type: one.metric_value for one in told.eval_results} == SUMMARY["metrics"]
    assert {one.dataset_name for one in told.eval_results} == {"test.csv"}


def test_people_read_scores_and_origin() -> None:
    text = card(SUBJECT, SUMMARY, MANIFEST)
    for told in (
        "A bert model for classification, 1,234,567 parameters",
        "for 4 steps (100 tokens), from org/base, on train.csv.",
        "On its test data (40 rows):",
        "| accuracy | 0.7500 | 0.6000 to 0.8500 | 0.5000 |",
        "| loss | 0.5000 | - | - |",
        "The model beats the best baseline.",
        "| test | ab12 |",
        "| energy_kwh | 0.2500 |",
        "`lmkit finetune recipe.yaml`",
        "neither for bias nor for safety",
    ):
        assert told in text, told


def test_a_model_of_this_machine_is_named_without_its_path(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    subject = Subject("x", "gpt2", 1, str(base), "a.txt", "Open it after `import x`.")
    text = card(subject, {**SUMMARY, "task": "summary"}, {})
    assert "from base," in text
    assert str(tmp_path) not in text
    assert "base_model" not in text
    assert "pipeline_tag" not in text
    assert "Open it after `import x`." in text
    assert "from nothing" in card(Subject("x", "gpt2", 1, None, "a"), SUMMARY, {})


def test_without_scores_there_is_no_table_of_them() -> None:
    bare = {**SUMMARY, "metrics": {}, "intervals": {}, "baselines": {}, "split": None}
    text = card(SUBJECT, bare, MANIFEST)
    assert "## Scores" not in text
    assert "model-index" not in text
    infinite = {**SUMMARY, "metrics": {"loss": 1.0, "perplexity": None}}
    assert [
        one.metric_type for one in ModelCard(card(SUBJECT, infinite, {})).data.eval_results
    ] == ["loss"]


@pytest.mark.parametrize("hostile", ["a\n---\n# b", "x: [y", "<script>", "| a | b |", "`c` [d](e)"])
def test_texts_are_only_texts(hostile: str) -> None:
    subject = Subject(hostile, "bert", 1, None, hostile)
    data = {hostile: {"files": [{"path": hostile}], "sha256": hostile}}
    summary = {**SUMMARY, "definition": hostile, "split": hostile}
    text = card(subject, summary, {"data": data})
    told = ModelCard(text)
    assert told.data.model_name == hostile
    assert told.data.eval_results[0].dataset_split == hostile
    assert not re.search(r"(?<!\\)<script>", told.text)
    heads = [line for line in told.text.splitlines() if line.startswith("#")]
    assert len(heads) == 4
    assert "[d](e)" not in told.text


def test_secrets_are_not_repeated() -> None:
    subject = Subject("x", "bert", 1, None, "https://user:hunter2hunter2@data.example/x")
    assert "hunter2" not in card(subject, SUMMARY, MANIFEST)
