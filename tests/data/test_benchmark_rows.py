"""Files of the two shapes, and what is of neither."""

import pytest

from lmkit.data.benchmark_rows import read_items
from lmkit.data.rows import Row
from lmkit.errors import DataError


def rows(*values):
    return [Row(value, f"line {number}") for number, value in enumerate(values, 1)]


def test_the_last_word_is_asked_for():
    shape, items = read_items(rows({"text": "he gave her the ring."}, {"text": "a b"}))
    assert shape == "last_word"
    assert [(item.context, item.continuations) for item in items] == [
        ("he gave her the", [" ring."]), ("a", [" b"]),
    ]  # fmt: skip


@pytest.mark.parametrize("answer", [1, "B", "two"])
def test_a_question_with_choices(answer):
    row = {"question": "What is 1 + 1?", "choices": ["one", "two", "three"], "answer": answer}
    shape, (item,) = read_items(rows(row))
    assert shape == "multiple_choice"
    assert item.context == "Question: What is 1 + 1?\nAnswer:"
    assert item.continuations == [" one", " two", " three"]
    assert item.gold == 1


def test_no_more_than_asked_for_are_read():
    endless = iter(lambda: rows({"text": "over and over"})[0], None)
    assert len(read_items(endless, 3)[1]) == 3


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            [{"prompt": "x"}],
            r"line 1: has the columns prompt; .*`text`.*`choices`",
        ),
        ([{"text": "a b"}, {"txt": "c"}], r"line 2: .*text"),
        ([{"text": "word"}], "line 1: column `text` does not end in a word after others"),
        ([{"text": "ends in a space "}], "line 1: .* does not end in a word"),
        ([{"question": "q", "choices": ["a", "b"], "answer": "c"}], "line 1: .*none of the 2"),
        ([], "no row to score"),
    ],
)
def test_what_is_neither_is_told(given, told):
    with pytest.raises(DataError, match=told):
        read_items(rows(*given))
