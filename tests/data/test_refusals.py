"""Rows that cannot be used: an error for a run, noted and passed over where that is asked for."""

from pathlib import Path

import pytest

from lmkit.data.file_source import FileSource
from lmkit.data.files import find_files
from lmkit.data.refusals import MOST, Refusals, keeping_refusals, note_blank, noting, refuse
from lmkit.data.text import Reading
from lmkit.errors import DataError


def source(*paths: Path, document: str = "line") -> FileSource:
    files = find_files([str(path) for path in paths], "data.train")
    return FileSource("train", files, Reading(document, "strict", "text"))


def kept(*paths: Path) -> tuple[list[str], Refusals]:
    """The places of the rows that could be read, and what was refused."""
    with keeping_refusals() as refusals:
        rows = [row.origin.rpartition("/")[2] for row in source(*paths).rows()]
    return rows, refusals


@pytest.mark.parametrize(
    ("name", "text", "rows", "bad"),
    [
        ("t.jsonl", '{"text": "a"}\n{x\n{"text": "b"}\n3\n', [1, 3], ["2:2", "4"]),
        ("t.csv", "text,label\na,b\nc\nd,e\n", [2, 4], ["3"]),
        ("t.csv", 'text,label\na,b\n"c"x,d\ne,f\n', [2, 4], ["3"]),
        ("t.tsv", "text\tlabel\na\tb\nc\nd\te\n", [2, 4], ["3"]),
        ("t.json", '[{"text": "a"},\n 3,\n {"text": "b"}]', [1, 3], ["2"]),
        ("t.conll", "a O\n\nb\nc O\n\nd O\n", [1, 4, 6], ["3"]),
    ],
)
def test_the_rows_around_a_bad_one_are_read(
    tmp_path: Path, name: str, text: str, rows: list[int], bad: list[str]
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError) as stopped:
        list(source(path).rows())
    found, refusals = kept(path)
    assert found == [f"{name}:{row}" for row in rows]
    assert [origin.rpartition("/")[2] for origin in refusals.origins] == [
        f"{name}:{place}" for place in bad
    ]
    assert refusals.count == len(bad)
    assert str(refusals.errors[0]) == str(stopped.value)  # as a run tells it


def test_bytes_that_are_no_text_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"one\ntw\xff\nthree\n")
    found, refusals = kept(path)
    assert found == ["t.txt:1", "t.txt:2", "t.txt:3"]
    assert refusals.origins == [f"{path}:2"]
    assert "byte 6 is not UTF-8" in str(refusals.errors[0])


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "b.parquet").write_bytes(b"no such thing")
    (tmp_path / "c.jsonl").write_text('{"text": "c"}\n')
    found, refusals = kept(*(tmp_path / n for n in ("a.jsonl", "b.parquet", "c.jsonl")))
    assert found == ["a.jsonl:1", "c.jsonl:1"]
    assert refusals.origins == [str(tmp_path / "b.parquet")]


def test_blank_rows_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a"}\n{"text": " "}\n')
    _, refusals = kept(path)
    assert refusals.blank == [f"{path}:2"]
    assert refusals.blank_count == 1


def test_outside_nothing_is_kept() -> None:
    with pytest.raises(DataError, match="x"):
        refuse(DataError("x"))
    note_blank("x")
    with keeping_refusals() as refusals:
        refuse(DataError("here: x"))
    assert refusals.origins == ["here"]
    with pytest.raises(DataError, match="y"):
        refuse(DataError("y"))


def test_no_more_are_held_than_anyone_reads() -> None:
    with keeping_refusals() as refusals:
        for number in range(MOST + 7):
            refuse(DataError(f"x:{number}: wrong"))
            note_blank("x")
    assert refusals.count == refusals.blank_count == MOST + 7
    assert len(refusals.errors) == len(refusals.origins) == len(refusals.blank) == MOST


def test_what_one_reader_refuses_is_noted_and_another_still_raises(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('x\n{"text": "a"}\ny\n{"text": "b"}\n')
    refusals = Refusals()
    reading = noting(refusals, source(tmp_path / "a.jsonl").read())
    assert next(reading).values == {"text": "a"}
    with pytest.raises(DataError, match=r"a\.jsonl:1:1: broken JSON"):
        list(source(tmp_path / "a.jsonl").read())
    assert [row.values for row in reading] == [{"text": "b"}]
    assert [origin.rpartition("/")[2] for origin in refusals.origins] == [
        "a.jsonl:1:1",
        "a.jsonl:3:1",
    ]
