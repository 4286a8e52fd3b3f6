"""Every way to give prompts, and every way to get them wrong."""

import io
import json
import sys

import pytest

from lmkit.errors import DataError, UsageError
from lmkit.generation.prompts import from_arguments, from_file


def _texts(path, column=None):
    return [prompt.text for prompt in from_file(str(path), column)]


def _standard_input(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_arguments_keep_their_order_and_none_is_one_empty_prompt():
    assert [(p.index, p.text) for p in from_arguments(["a", "", "c"])] == [
        (0, "a"), (1, ""), (2, "c"),
    ]  # fmt: skip
    assert [(p.index, p.text) for p in from_arguments([])] == [(0, "")]


def test_an_argument_that_is_not_utf8_is_named():
    with pytest.raises(UsageError, match="prompt 2: is not valid UTF-8"):
        from_arguments(["fine", "bad \udcff"])


def test_a_text_file_has_a_prompt_a_line(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_bytes("\ufefffirst \r\nsecond\u2028still\x0bsecond\n  third".encode())
    assert _texts(path) == ["first ", "second\u2028still\x0bsecond", "  third"]


def test_blank_lines_are_left_out_and_counted(tmp_path, caplog):
    path = tmp_path / "prompts.txt"
    path.write_text("\na\n  \nb\n\n")
    assert [(p.index, p.text) for p in from_file(str(path))] == [(0, "a"), (1, "b")]
    assert f"{path}: blank lines left out: 3" in caplog.text


def test_json_lines_keep_their_other_columns(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"id": 7, "prompt": "ä"}\n\n{"prompt": "", "id": [1]}\n', encoding="utf-8")
    first, second = from_file(str(path))
    assert (first.text, first.columns, first.origin) == ("ä", {"id": 7}, f"{path}:1")
    assert (second.text, second.columns, second.origin) == ("", {"id": [1]}, f"{path}:3")


def test_a_column_makes_any_file_json_lines(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text('{"question": "why?"}\n')
    assert _texts(path, "question") == ["why?"]


def test_standard_input_is_told_by_its_first_line(monkeypatch):
    _standard_input(monkeypatch, b"{not json\nsecond\n")
    assert _texts("-") == ["{not json", "second"]
    _standard_input(monkeypatch, b'\n{"prompt": "p"}\n')
    assert _texts("-") == ["p"]
    _standard_input(monkeypatch, b'{"q": "p"}\n')
    assert _texts("-", "q") == ["p"]


def test_prompts_are_read_as_they_are_asked_for(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "good"}\nbroken\n')
    prompts = from_file(str(path))
    assert next(prompts).text == "good"
    with pytest.raises(DataError):
        next(prompts)


@pytest.mark.parametrize(
    ("name", "content", "column", "text"),
    [
        ("p.txt", b"", None, "{path}: holds no prompt"),
        ("p.txt", b"\n \n", None, "{path}: holds no prompt"),
        ("p.txt", b"\xef\xbb\xbfab\ncd\xff", None, "{path}:2: byte 0xff at offset 8 is not UTF-8"),
        ("p.txt", b"\xef\xbb\xbfab\xff", None, "{path}:1: byte 0xff at offset 5 is not UTF-8"),
        ("p.jsonl", b'{"prompt": "a"}\n{"prompt": \n', None, "{path}:2: is not JSON: Expecting"),
        ("p.jsonl", b"[1]\n", None, "{path}:1: holds a list; JSON Lines have one object a line"),
        (
            "p.jsonl",
            b'{"promt": "a", "id": 1}\n',
            None,
            "{path}:1: has no column 'prompt'; found: promt, id; did you mean --column promt?",
        ),
        (
            "p.jsonl",
            b'{"x": 1}\n',
            "question",
            "{path}:1: has no column 'question'; found: x; --column names another",
        ),
        ("p.jsonl", b'{"prompt": 5}\n', None, "{path}:1: column 'prompt' holds 5, not a text"),
        (
            "p.jsonl",
            b'{"prompt": "\\ud800"}\n',
            None,
            "{path}:1: column 'prompt' holds half of a surrogate pair",
        ),
    ],
)
def test_what_cannot_be_read_is_named_by_line(tmp_path, name, content, column, text):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(from_file(str(path), column))
    assert str(caught.value).startswith(text.format(path=path))


def test_a_missing_file_is_told_at_once_with_its_neighbor(tmp_path):
    (tmp_path / "prompts.txt").write_text("a")
    with pytest.raises(DataError) as caught:
        from_file(str(tmp_path / "promts.txt"))
    assert str(caught.value) == (
        f"--input {tmp_path}/promts.txt: there is no such file; "
        f"did you mean {tmp_path}/prompts.txt?"
    )
    with pytest.raises(DataError, match="is not a file"):
        from_file(str(tmp_path))


def test_json_text_and_columns_survive(tmp_path):
    rows = [{"prompt": "line\nbreak \U0001f600", "n": None}, {"prompt": "x", "n": 1.5}]
    path = tmp_path / "p.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [{"prompt": p.text, **p.columns} for p in from_file(str(path))] == rows


def test_no_prompt_where_something_is_piped_says_how_to_read_it(monkeypatch, caplog):
    caplog.set_level("INFO", "lmkit")
    _standard_input(monkeypatch, b"not read\n")
    assert [prompt.text for prompt in from_arguments([])] == [""]
    assert "`--input -` reads standard input" in caplog.text
