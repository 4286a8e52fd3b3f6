"""JSON in all its shapes; Python's own parser is the reference."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data import text as module
from lmkit.data.formats import data_file
from lmkit.data.json_rows import read_json, read_json_lines
from lmkit.data.text import Reading
from lmkit.errors import DataError

ROWS = [{"text": "eins"}, {"text": "zwei", "n": [1, {"a": None}]}, {"text": "drei ü"}]


@pytest.fixture
def write(tmp_path):
    def write(content, name="a.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return data_file(path)

    return write


def values(file, **options):
    reader = read_json if file.kind == "json" else read_json_lines
    return [row.values for row in reader(file, Reading(**options))]


def message(file, **options):
    with pytest.raises(DataError) as caught:
        values(file, **options)
    return str(caught.value).partition(str(file.path))[2]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_json_lines(write):
    file = write("\n" + lines(ROWS) + "  \n", "a.jsonl")
    assert values(file) == ROWS
    assert [row.origin.rpartition(":")[2] for row in read_json_lines(file, Reading())] == list(
        "234"
    )


def test_broken_line_is_named_with_its_column(write):
    file = write('{"text": "a"}\n{"text": oops}\n', "a.jsonl")
    assert message(file).startswith(":2:10: broken JSON: Expecting value (near ")


def test_line_that_is_no_object(write):
    assert message(write('{"text": "a"}\n["b"]\n', "a.jsonl")) == (
        ':2: a row is a JSON object (`{"text": ...}`), found ["b"]'
    )


@pytest.mark.parametrize(
    ("line", "found"), [("[" * 100_000, "nested too deeply"), ("1" * 5000, "broken JSON")]
)
def test_hostile_lines_are_no_crash(write, line, found):
    assert found in message(write(f'{{"text": {line}}}\n', "a.jsonl"))


def test_half_a_surrogate_pair(write):
    file = write('{"text": "a\\ud800b"}\n', "a.jsonl")
    found = message(file)
    assert found.startswith(":1: character 1 of `text` is half of a surrogate pair (\\ud800)")
    assert [row["text"].encode().decode()[0] for row in values(file, errors="replace")] == ["a"]
    assert values(file, errors="ignore") == [{"text": "ab"}]


@pytest.mark.parametrize("indent", [None, 2])
def test_array(write, indent):
    assert values(write(json.dumps(ROWS, indent=indent))) == ROWS


def test_array_rows_know_their_lines(write):
    file = write('[\n {"text": "a"},\n\n {"text":\n "b"}]')
    assert [row.origin.rpartition(":")[2] for row in read_json(file, Reading())] == ["2", "4"]


@pytest.mark.parametrize("name", ["data", "rows"])
def test_object_that_holds_a_list(write, name):
    assert values(write({"version": 1, name: ROWS, "names": ["a"]})) == ROWS


def test_object_that_holds_two_lists(write):
    assert "holds several lists (`train`, `test`)" in message(write({"train": ROWS, "test": ROWS}))


def test_one_object_is_one_row(write):
    assert values(write(json.dumps({"text": "a", "b": {"c": []}}, indent=1))) == [
        {"text": "a", "b": {"c": []}}
    ]


def test_json_lines_under_the_name_of_json(write):
    assert values(write("\n" + lines(ROWS))) == ROWS


@pytest.mark.parametrize("content", ["", " \n\n"])
def test_nothing_in_nothing_out(write, content):
    assert values(write(content)) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('[{"a": 1},\n {"a": oops}]', ":2:8: broken JSON: Expecting value"),
        ('[{"a": 1}\n {"a": 2}]', ":2:2: broken JSON: expected `,` or `]`"),
        ('[{"a": 1},\n', "broken JSON: Expecting value"),
        ('[{"a": 1}', ":1:10: broken JSON: expected `,` or `]`"),
        ('[{"a": 1}] []', ":1:12: broken JSON: text after the end"),
        ('[{"a": "b', ":1:8: broken JSON: Unterminated string"),
        ("[1, 2]", ":1: a row is a JSON object"),
        ('{"a": }', ":1:7: broken JSON: Expecting value"),
        ("hello", ":1:1: broken JSON: Expecting value"),
        ("3", ": holds neither an object nor a list of objects"),
    ],
)
def test_broken_json_is_named(write, content, found):
    assert message(write(content)).startswith(found) or found in message(write(content))


@given(
    rows=st.lists(
        st.dictionaries(
            st.text(max_size=2), st.text(max_size=4) | st.floats() | st.lists(st.none())
        ),
        max_size=3,
    ),
    indent=st.sampled_from([None, 0, 3]),
    ascii_only=st.booleans(),
    size=st.integers(1, 20),
)
def test_streamed_array_equals_a_whole_parse(tmp_path_factory, rows, indent, ascii_only, size):
    path = tmp_path_factory.getbasetemp() / "array.json"
    text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
    path.write_bytes(text.encode("utf-8", "replace"))
    expected = json.loads(path.read_text())
    before, module._CHUNK = module._CHUNK, size
    try:
        found = values(data_file(path), text_column=None)
    finally:
        module._CHUNK = before
    assert json.dumps(found) == json.dumps(expected)


@given(cut=st.integers(0, 400), size=st.integers(1, 60))
def test_error_of_a_damaged_array_is_where_the_parser_says(tmp_path_factory, cut, size):
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    text = json.dumps([{"text": f"number {i}", "n": i} for i in range(12)], indent=1)
    text = text[: cut % len(text)] + "~" + text[cut % len(text) :]
    path.write_text(text)
    try:
        json.loads(text)
    except json.JSONDecodeError as problem:
        place = f":{problem.lineno}:{problem.colno}: broken JSON"
    else:
        return
    before, module._CHUNK = module._CHUNK, size
    try:
        with pytest.raises(DataError) as caught:
            values(data_file(path))
    finally:
        module._CHUNK = before
    # Between rows and around the array the words are ours; inside an object they are the parser's.
    ours = ("expected `,`", "text after", "neither an object")
    assert place in str(caught.value) or any(word in str(caught.value) for word in ours)


def test_squad(write):
    question = {"id": "q1", "question": "Who?", "answers": [{"text": "A", "answer_start": 0}]}
    unanswerable = {"id": "q2", "question": "Why?", "answers": [], "is_impossible": True}
    paragraph = {"context": "A did.", "qas": [question, unanswerable]}
    file = write({"version": "2", "data": [{"title": "T", "paragraphs": [paragraph]}]})
    common = {"title": "T", "context": "A did."}
    assert values(file) == [
        common | {"id": "q1", "question": "Who?", "answers": {"text": ["A"], "answer_start": [0]}},
        common | {"id": "q2", "question": "Why?", "answers": {"text": [], "answer_start": []}},
    ]


def test_squad_that_lacks_a_key(write):
    file = write({"data": [{"paragraphs": [{"context": "A", "qas": [{"id": "q"}]}]}]})
    assert "not the SQuAD layout at or after question 1 (no 'question')" in message(file)


def test_squad_from_the_field(test_data):
    rows = list(read_json(data_file(test_data / "xquad_en" / "train.json"), Reading()))
    assert len(rows) == 927
    for row in rows:
        answers = row.values["answers"]
        for text, start in zip(answers["text"], answers["answer_start"], strict=True):
            assert row.values["context"][start:].startswith(text)


def test_squad_without_answers_to_be_asked(write):
    paragraph = {"context": "A did.", "qas": [{"id": "q", "question": "Who?"}]}
    (row,) = values(write({"data": [{"paragraphs": [paragraph]}]}))
    assert "answers" not in row  # unlike a question that is known to have none
