"""`lmkit predict`: rows without an answer, CSV, and fewer bits."""

import csv
import json
import random
import re

import pytest

from lmkit.commands import asked, narrow
from lmkit.commands.predict import PredictOptions, predict
from lmkit.errors import DataError
from lmkit.training.hardware import choose_precision

WORDS = ("the", "cat", "sat", "on", "mat", "and", "looked", "dog", "one", "house", "red", "door")


def answers(rows):
    return [(row["text"], row["label"], row["scores"]) for row in rows]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "", r"--input: .*a\.csv: the file is empty"),
        ("a.csv", "text\n", r"--input: .*a\.csv: the file holds no row of data"),
        ("a.txt", " \n\n", r"--input: .*a\.txt: the file holds nothing but white space"),
        ("a.csv", "body\nx\n", r"a\.csv:2: no column `text`; the columns are `body`"),
        ("a.csv", "text,n\nx,1\n,2\n", r"a\.csv:3: column `text` is blank"),
        ("a.jsonl", '{"text": "x"}\n{"text": 3}\n', r"a\.jsonl:2: .*holds the number 3, not text"),
        ("a.jsonl", '{"text": 1,}\n', r"a\.jsonl:1:\d+: broken JSON"),
    ],
)
def test_the_first_row_without_an_answer_is_an_error_where_strict(
    lines, tmp_path, name, content, says
):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=says):
        lines(input=str(tmp_path / name), strict=True)


def test_rows_without_an_answer_keep_their_places(lines, tmp_path, caplog):
    """Line N of the output is row N of the input, whatever is wrong with it."""
    rows = [
        '{"text": "the cat", "n": 1}',
        '{"text": 1,}',
        '{"text": " ", "n": 3}',
        '{"body": "x"}',
        '{"text": ["the"], "error": "mine"}',
        '{"text": "a dog \\ud800", "n": 6}',
        "[1]",
        '{"text": "a dog", "error": "mine"}',
        "not json",
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(rows) + "\n")
    with (tmp_path / "a.jsonl").open("ab") as file:
        file.write(b'{"text": "\xff"}\n{"text": "the mat"}\n')
    found = lines(input=str(tmp_path / "a.jsonl"))
    assert len(found) == 11
    says = [
        None, r"a\.jsonl:2:\d+: broken JSON", r"a\.jsonl:3: column `text` is blank",
        r"a\.jsonl:4: no column `text`; the columns are `body`", r"a\.jsonl:5: .* holds a list",
        r"a\.jsonl:6: character 6 of `text` is half of a surrogate", r"a\.jsonl:7: a row is a JSON",
        None, r"a\.jsonl:9:1: broken JSON", r"a\.jsonl:10: byte \d+ is not UTF-8", None,
    ]  # fmt: skip
    for row, expected in zip(found, says, strict=True):
        assert ("label" in row) == (expected is None)
        assert re.search(expected or "^$", row.get("error", ""))
    assert found[4] == {"text": ["the"], "error": found[4]["error"], "input_error": "mine"}
    assert found[2]["n"] == 3
    assert answers([found[0], found[7]]) == answers(lines(texts=["the cat", "a dog"]))
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told[:-1] == [row["error"] for row in found if "error" in row]
    assert told[-1].startswith("8 of 11 rows could not be answered; the line of each says why")


def test_what_is_before_the_first_row_without_an_answer_is_written_where_strict(
    lines, tmp_path, capsys
):
    (tmp_path / "a.csv").write_text('text\nthe cat\na dog\n"x" y\na mat\n')
    with pytest.raises(DataError, match=r"a\.csv:4: row 3: "):
        lines(input=str(tmp_path / "a.csv"), strict=True)
    written = [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]
    assert written == ["the cat", "a dog"]
    assert [row.get("text") for row in lines(input=str(tmp_path / "a.csv"))] == [
        "the cat", "a dog", None, "a mat",
    ]  # fmt: skip


def test_an_input_of_which_no_row_can_be_answered_is_an_error(lines, tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("txt\nthe cat\na dog\n")
    output = tmp_path / "o.jsonl"
    with pytest.raises(DataError, match=r"(?s)did you mean `txt`.*no row of the first 2 can be"):
        lines(input=str(tmp_path / "a.csv"), output=str(output))
    assert not output.exists()
    monkeypatch.setattr(asked, "WINDOW", 2)
    (tmp_path / "a.jsonl").write_text('{"text": "the cat"}\n' * 4 + "x\n" * 4)
    with pytest.raises(DataError, match=r"(?s)a\.jsonl:7:1.*the 2 rows before it cannot be read"):
        lines(input=str(tmp_path / "a.jsonl"))


def test_csv_has_a_column_for_each_score(classifier, lines, tmp_path):
    rows = [
        {"id": 1, "text": " "},
        {"text": 'the "cat"', "id": 2, "tags": ["a"]},
        {"text": "a dog"},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    expected = lines(input=str(tmp_path / "a.jsonl"))
    for options in ({"output": str(tmp_path / "o.csv")}, {"format": "csv"}):
        predict(classifier, PredictOptions(input=str(tmp_path / "a.jsonl"), **options))
    with (tmp_path / "o.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == [
        "text", "label", "scores.low", "scores.mid", "scores.high", "id", "tags", "error",
    ]  # fmt: skip
    for row, other in zip(found, expected, strict=True):
        assert row["text"] == other["text"]
        assert (row["label"], row["error"]) == (other.get("label", ""), other.get("error", ""))
        for name, score in other.get("scores", {}).items():
            assert float(row[f"scores.{name}"]) == score
    assert [(row["id"], row["tags"]) for row in found] == [("1", ""), ("2", '["a"]'), ("", "")]


def test_the_same_lines_of_csv_on_standard_output(classifier, capsys, tmp_path):
    predict(classifier, PredictOptions(texts=["the cat"], format="csv"))
    predict(classifier, PredictOptions(texts=["the cat"], output=str(tmp_path / "o.csv")))
    assert capsys.readouterr().out == (tmp_path / "o.csv").read_text()


@pytest.mark.skipif(choose_precision("auto").value == "float32", reason="no products of fewer bits")
def test_fewer_bits_change_no_label(lines, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO", logger="lmkit")
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(1, 12))) for _ in range(600)]
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n")
    exact = lines(input=str(tmp_path / "a.txt"), precision="float32")
    monkeypatch.setattr(narrow, "MOST_CLOSE", 1.0)
    found = lines(input=str(tmp_path / "a.txt"))
    assert "precision bfloat16: scores differ by up to" in caplog.text
    assert [row["label"] for row in found] == [row["label"] for row in exact]
    changes = [
        abs(a["scores"]["low"] - b["scores"]["low"]) for a, b in zip(found, exact, strict=True)
    ]
    assert 0 < max(changes) < 0.05
    assert changes.count(0.0) < 300  # most of them were answered in bfloat16
    monkeypatch.setattr(narrow, "MOST_CLOSE", -1.0)
    assert answers(lines(input=str(tmp_path / "a.txt"))) == answers(exact)
    assert "precision float32: in bfloat16" in caplog.text
