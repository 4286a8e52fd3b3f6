"""The pass over splits: facts against plain counts, columns, tokens whole and sampled."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lmkit.data.doctor import examine as module
from lmkit.data.doctor.examine import View
from lmkit.errors import DataError

VIEW = View("text", "label")


def test_facts(examination, write_csv) -> None:
    rows = [("one two", "a"), ("drei", "b"), ("fünf sechs sieben", "a")]
    found = examination(View("text", "label", limit=2), train=write_csv("t.csv", rows))
    facts = found.splits["train"].as_dict()
    assert facts["rows"] == 3
    assert facts["bytes"] == sum(len(text.encode()) for text, _ in rows)
    assert facts["columns"] == ["text", "label"]
    assert facts["labels"] == {"a": 2, "b": 1}
    assert facts["majority"] == {"label": "a", "share": 0.666667}
    assert facts["tokens"] is None
    assert facts["lengths"]["unit"] == "characters"
    assert facts["lengths"]["max"] == 17
    assert facts["lengths"]["limit"] is None
    assert json.dumps(facts)


def test_tokens_of_all_rows(examination, write_csv) -> None:
    view = View("text", "label", 2, lambda texts: [len(text.split()) for text in texts])
    rows = [("one two", "a"), ("drei", "b"), ("fünf sechs sieben", "a")] * 200
    facts = examination(view, train=write_csv("t.csv", rows)).splits["train"].as_dict()
    assert facts["tokens"] == 6 * 200
    assert facts["tokens_estimated"] is False
    assert facts["lengths"]["over_limit"] == 200


def test_tokens_of_a_sample_are_scaled_up(examination, write_csv, monkeypatch) -> None:
    seen: list[str] = []

    def tokenize(texts: list[str]) -> list[int]:
        seen.extend(texts)
        return [len(text) for text in texts]

    rows = [(f"{number:06}", "ab"[number % 2]) for number in range(20_000)]
    path = write_csv("t.csv", rows)
    monkeypatch.setattr(module, "SAMPLE_BYTES", path.stat().st_size // 10)
    facts = examination(View("text", "label", None, tokenize), train=path).splits["train"].as_dict()
    assert facts["tokens_estimated"] is True
    assert 1600 < len(seen) < 2400  # a tenth of the rows, drawn by hash
    assert facts["tokens"] == 6 * 20_000


def test_known_lengths_are_not_counted_again(examination, write_csv) -> None:
    def tokenize(texts: list[str]) -> list[int]:
        raise AssertionError(texts)

    known = {"train": np.array([3, 4])}
    path = write_csv("t.csv", [("one", "a"), ("two", "b")])
    facts = examination(View("text", "label", None, tokenize, known), train=path).splits["train"]
    assert (facts.tokens, facts.tokens_from) == (7, 2)


def test_columns_that_are_missing_empty_or_no_text(examination, write_lines) -> None:
    path = write_lines(
        "t.jsonl",
        [
            {"text": "fine", "label": "a"},
            {"txt": "no column", "label": "a"},
            {"text": None, "label": "a"},
            {"text": 3, "label": "b"},
            {"text": "no label", "label": ""},
            {"text": "   ", "label": "a"},
            {"text": "no label at all"},
        ],
    )
    found = examination(VIEW, train=path)
    assert found.places() == {
        ("train", "missing_column"): ["t.jsonl:2"],
        ("train", "missing_column+"): ["t.jsonl:7"],
        ("train", "missing_value"): ["t.jsonl:3"],
        ("train", "missing_value+"): ["t.jsonl:5"],
        ("train", "not_text"): ["t.jsonl:4"],
        ("train", "blank"): ["t.jsonl:6"],
        ("train", "rare_label"): ["t.jsonl:4", "t.jsonl:1", "t.jsonl:2", "t.jsonl:3"],
    }
    assert found.findings["train", "missing_column"].message == (
        "1 row has no column `text`; the first has text, label"
    )


def test_nothing_can_be_read(examination, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("{broken\n")
    with pytest.raises(DataError, match=r"t\.jsonl:1:2: broken JSON"):
        examination(VIEW, train=path)


def test_memory_does_not_grow_with_the_texts(examination, write_lines) -> None:
    peaks = []
    for size in (100, 10_000):
        path = write_lines(f"{size}.jsonl", [{"text": f"{i} {'x' * size}"} for i in range(1000)])
        tracemalloc.start()
        examination(View("text", None), train=path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 1_000_000  # of ten million characters
