"""`lmkit eval --contamination` on a run, with copies planted in its test data."""

import json

import pytest

from tests.commands.conftest import run_of


@pytest.fixture
def run(tmp_path, tiny_gpt2_folder, tiny_corpus):
    """A run whose second test document holds lines that was trained on."""
    copied = "\n".join((tiny_corpus / "03.txt").read_text().splitlines()[2:5])
    test = [
        {"text": "0123456789 " * 4},
        {"text": f"+-*/ {copied} {{}}"},
        {"text": "short"},
    ]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, test)))
    data = {"train": tiny_corpus, "test": tmp_path / "test.jsonl"}
    return run_of(tmp_path / "run", tiny_gpt2_folder, data), copied


def test_planted_lines_are_found(cli, run, tmp_path):
    folder, lines = run
    result = cli("eval", folder, "--contamination", "--json", "--details", "found.json")
    assert result.code == 0, result.err
    told = json.loads(result.out)["contamination"]
    assert (told["documents"], told["dirty_documents"]) == (3, 1)
    details = json.loads((tmp_path / "found.json").read_text())["details"]
    by_name = {one["name"]: one["rows"] for one in details}
    ((where, runs, found, share),) = by_name["contamination"]
    assert where.endswith("test.jsonl:2")
    assert 0 < found < runs
    assert share == found / runs
    ((_, tokens, text),) = by_name["copies"]
    assert text.strip() in lines.replace("\n", " ")
    assert tokens == found + 12
    assert [row[:2] for row in by_name["by_contamination"]] == [["clean", 2], ["contaminated", 1]]
    shown = cli("eval", folder, "--contamination", "--run-tokens", "500").out
    assert "contamination: no document has 500 tokens" in shown
    own = cli("eval", folder, "--data", "test.jsonl", "--contamination", "--json")
    assert json.loads(own.out)["contamination"] == told
    trained = json.loads(cli("eval", folder, "--split", "train", "--contamination", "--json").out)
    assert trained["contamination"]["share"] == 1.0


def test_what_has_no_training_data(cli, tiny_gpt2_folder, classifier, tmp_path):
    (tmp_path / "test.jsonl").write_text('{"text": "a b", "label": "low"}')
    result = cli("eval", tiny_gpt2_folder, "--data", "test.jsonl", "--contamination")
    assert result.code == 2
    assert "is no run folder, so it does not say what it was trained on" in result.err
    result = cli("eval", classifier, "--data", "test.jsonl", "--contamination")
    assert result.code == 2
    assert "--contamination: is for language models (causal_lm, masked_lm)" in result.err
