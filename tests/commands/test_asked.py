"""Rows in windows, those that cannot be read among them."""

import gzip

import pytest

from lmkit.commands import asked
from lmkit.commands.asked import Asked, from_files, from_texts, windows
from lmkit.data.rows import Row
from lmkit.errors import DataError


def read(path, column="text"):
    return [item for window in from_files(str(path), column) for item in window]


def test_windows_end_by_rows_and_by_characters(monkeypatch):
    monkeypatch.setattr(asked, "WINDOW", 3)
    monkeypatch.setattr(asked, "WINDOW_CHARACTERS", 10)
    texts = ["a", "b", "c", "d", "eeeeeeeeeeee", "f"]
    found = windows(from_texts([{"text": text} for text in texts]))
    assert [[item.row.values["text"] for item in window] for window in found] == [
        ["a", "b", "c"], ["d", "eeeeeeeeeeee"], ["f"],
    ]  # fmt: skip


def test_texts_are_numbered():
    assert list(from_texts([{"text": "a"}, {"text": "b"}]))[1] == Asked(
        Row({"text": "b"}, "text 2")
    )


def test_a_line_that_is_not_utf8_stands_in_its_place_once(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\nt\xffo\nthree\n")
    found = read(tmp_path / "a.txt")
    assert [item.row.values.get("text") for item in found] == ["one", None, "three"]
    assert str(found[1].error) == (
        f"{tmp_path}/a.txt:2: byte 5 is not UTF-8 (0xff: invalid start byte); convert the file, or "
        "set data.errors: replace (or ignore)"
    )


def test_a_row_of_too_many_cells_and_a_stray_quote_keep_their_places(tmp_path):
    (tmp_path / "a.csv").write_text('text\none\ntwo,2\n"th"ree\nfour\n"fi"ve\n')
    found = read(tmp_path / "a.csv")
    assert [item.row.values.get("text") for item in found] == ["one", None, None, "four", None]
    assert [item.row.origin.rpartition(":")[2] for item in found] == ["2", "3", "4", "5", "6"]
    assert "row 2 has 2 cells, the header has 1" in str(found[1].error)
    assert "row 5" in str(found[4].error)


def test_a_sentence_with_a_broken_line_is_one_row(tmp_path):
    (tmp_path / "a.conll").write_text("one O\ntwo\nthree\n\nfour O\n")
    found = read(tmp_path / "a.conll")
    assert [item.error is None for item in found] == [False, True]
    assert found[1].row.values["tokens"] == ["four"]


def test_a_damaged_file_is_told_after_the_rows_before_it(tmp_path, monkeypatch):
    monkeypatch.setattr(asked, "WINDOW", 2)
    packed = gzip.compress("".join(f"line {n} {n * 7919 % 1009}\n" for n in range(40000)).encode())
    (tmp_path / "a.txt.gz").write_bytes(packed[:-2000])
    reading = from_files(str(tmp_path / "a.txt.gz"), "text")
    assert next(reading)[0].row.values == {"text": "line 0 0"}
    with pytest.raises(DataError, match="damaged or cut-off"):
        list(reading)


def test_nothing_to_read_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("text\n")
    with pytest.raises(DataError, match=r"--input: .*a\.csv: the file holds no row of data"):
        read(tmp_path / "a.csv")


def test_a_format_that_is_named_outweighs_the_extension(tmp_path):
    (tmp_path / "a.dat").write_text('text,n\n"one,\ntwo",1\nth"ree,2\n')
    (window,) = from_files(str(tmp_path / "a.dat"), "text", "csv")
    assert window[0].row.values == {"text": "one,\ntwo", "n": "1"}
    assert [item.error is None for item in window] == [True, True]
    assert read(tmp_path / "a.dat")[0].row.values == {"text": "text,n"}
