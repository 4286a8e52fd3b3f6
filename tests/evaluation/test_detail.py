"""The shape of details: what JSON gets, what a terminal shows."""

import json
import math

import numpy as np
import pytest

from lmkit.evaluation.detail import LONGEST, Detail, details_json, shortened


def detail(view, columns, rows):
    return Detail("name", "Title", "What it means.", view, columns, rows)


def test_the_json_has_a_fixed_shape_and_plain_values():
    made = detail(
        "table", ["a", "b"], [["x", np.float64(0.5)], ["y", math.nan], ["z", np.int64(3)]]
    )
    found = details_json("ner", "test", [made])
    assert json.loads(json.dumps(found, allow_nan=False)) == {
        "task": "ner",
        "split": "test",
        "details": [
            {
                "name": "name", "title": "Title", "definition": "What it means.", "view": "table",
                "columns": ["a", "b"], "rows": [["x", 0.5], ["y", None], ["z", 3]],
            }
        ],
    }  # fmt: skip


def test_texts_have_a_bounded_length():
    assert shortened("a\n b") == "a b"
    assert len(shortened("word " * 1000)) == LONGEST
    assert shortened("word " * 1000).endswith("\N{HORIZONTAL ELLIPSIS}")
    (row,) = detail("texts", ["text"], [["x" * 10_000]]).as_json()["rows"]
    assert len(row[0]) == LONGEST


def test_a_row_has_as_many_cells_as_there_are_columns():
    with pytest.raises(AssertionError):
        detail("table", ["a", "b"], [["x"]])


def test_a_table_in_a_terminal():
    text = detail("table", ["group", "f1"], [["short", 0.5], ["the long ones", None]]).text()
    assert text.splitlines() == [
        "Title (name)",
        "What it means.",
        "group              f1",
        "short          0.5000",
        "the long ones       -",
    ]


def test_texts_in_a_terminal():
    text = detail("texts", ["where", "loss", "text"], [["a.txt:1", 2.0, "word " * 30]]).text()
    lines = text.splitlines()
    assert lines[2] == "- where a.txt:1, loss 2.0000"
    assert lines[3].startswith("  text: word word")
    assert max(map(len, lines)) <= 88
