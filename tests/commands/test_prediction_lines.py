"""JSON Lines and CSV of answers."""

import csv
import io
import json

import pytest

from lmkit.commands.asked import Asked
from lmkit.commands.prediction_lines import Lines, choose_format
from lmkit.data.rows import Row
from lmkit.errors import DataError, UsageError

ANSWER = {"label": "a", "scores": {"a": 0.75, "b": 0.25}}


def row(**values):
    return Asked(Row(values, "f:1"))


def failed(**values):
    return Asked(Row(values, "f:2"), DataError("f:2: broken"))


@pytest.mark.parametrize(
    ("asked", "output", "expected"),
    [
        (None, None, "jsonl"), (None, "a.csv", "csv"), (None, "a.CSV", "csv"),
        ("jsonl", "a.csv", "jsonl"), ("csv", None, "csv"), (None, "a.txt", "jsonl"),
    ],
)  # fmt: skip
def test_the_format_is_that_of_the_option_else_of_the_name(asked, output, expected):
    assert choose_format(asked, output) == expected


def test_a_name_of_another_format_is_refused():
    with pytest.raises(UsageError, match=r"--output a\.parquet: JSON Lines or CSV is written"):
        choose_format(None, "a.parquet")


def written(form, *windows, columns=("text",)):
    file = io.StringIO()
    lines = Lines(file, form, columns)
    for window in windows:
        lines.write(window)
    return file.getvalue(), lines


def test_json_lines():
    text, lines = written(
        "jsonl", [(row(text="x", label="mine", n=1), ANSWER), (failed(text=3, error="e"), None)]
    )
    assert [json.loads(line) for line in text.splitlines()] == [
        {"text": "x", **ANSWER, "input_label": "mine", "n": 1},
        {"text": 3, "error": "f:2: broken", "input_error": "e"},
    ]
    assert lines.renamed == {"label", "error"}


def test_several_columns_keep_their_names():
    text, _ = written("jsonl", [(row(a="x", b="y"), ANSWER)], columns=("a", "b"))
    assert json.loads(text) == {**ANSWER, "a": "x", "b": "y"}


def test_csv_keeps_the_columns_of_the_first_window():
    text, lines = written(
        "csv",
        [(failed(text="\n,"), None), (row(text='"q"', m={"k": [1]}, f=True), ANSWER)],
        [(row(text="z", later=1), {"label": "b", "scores": {"a": 0.0, "b": 1.0}, "more": []})],
    )
    assert list(csv.reader(io.StringIO(text))) == [
        ["text", "label", "scores.a", "scores.b", "m", "f", "error"],
        ["\n,", "", "", "", "", "", "f:2: broken"],
        ['"q"', "a", "0.75", "0.25", '{"k": [1]}', "true", ""],
        ["z", "b", "0.0", "1.0", "", "", ""],
    ]
    assert lines.left_out == {"later", "more"}


def test_half_a_surrogate_pair_in_a_column_is_written_escaped(tmp_path):
    for form in ("jsonl", "csv"):
        with (tmp_path / form).open("w", encoding="utf-8") as file:
            Lines(file, form, ("text",)).write([(row(text="ü", other="\ud800"), ANSWER)])
    assert json.loads((tmp_path / "jsonl").read_text())["other"] == "\ud800"
    assert (tmp_path / "csv").read_text().splitlines()[1] == "ü,a,0.75,0.25,?,"
