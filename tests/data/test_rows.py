"""Columns and labels of a row, and the hash that decides where a row goes."""

import hashlib
import json

import pytest

from lmkit.data.rows import Row, column, digest, label, number, several, texts_in
from lmkit.errors import DataError


def error(function, values, name, *more):
    with pytest.raises(DataError) as caught:
        function(Row(values, "train.csv:7"), name, *more)
    return str(caught.value)


def test_column_gives_the_text():
    assert column(Row({"text": " a b\n"}, "f:1"), "text") == " a b\n"


def test_column_that_is_missing_names_those_found_and_the_nearest():
    assert error(column, {"txt": "a", "label": "b"}, "text") == (
        "train.csv:7: no column `text`; the columns are `txt`, `label`; did you mean `txt`?"
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (3, "holds the number 3"),
        (True, "holds the boolean true"),
        (["a"], "holds a list"),
        ({"a": 1}, "holds an object"),
        (b"a", "holds a bytes"),
        (None, "is null"),
        (" \n", "is blank"),
    ],
)
def test_column_that_is_no_text_says_what_it_is(value, found):
    assert f"train.csv:7: column `text` {found}" in error(column, {"text": value}, "text")


def test_column_suggests_the_columns_that_hold_text():
    assert "(`body`)" in error(column, {"id": 3, "body": "a"}, "id")


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (1, "1"), (2.0, "2"), (True, "True")])
def test_label_accepts_whole_numbers(value, text):
    assert label(Row({"label": value}, "f:1"), "label") == text


@pytest.mark.parametrize("value", [0.5, ["a"]])
def test_label_refuses_what_is_no_name(value):
    assert "a label is text or a whole number" in error(label, {"label": value}, "label")


def test_label_refuses_an_empty_cell():
    assert "column `label` is blank; fill it in" in error(label, {"label": ""}, "label")


def test_digest_is_of_the_text_alone():
    expected = int(hashlib.sha256("grün".encode()).hexdigest()[:16], 16)
    assert digest(Row({"text": "grün", "id": 1}, "a"), "text") == expected
    assert digest(Row({"text": "grün", "id": 2}, "b"), "text") == expected


def test_digest_without_a_text_column_is_of_all_values_in_any_order():
    values = {"b": [1, None], "a": "ü"}
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    expected = int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
    assert digest(Row(values, "f"), None) == expected
    assert digest(Row(dict(reversed(values.items())), "f"), "text") == expected


def test_digest_of_a_half_surrogate_pair():
    assert digest(Row({"text": "\ud800"}, "f"), "text") >= 0


@pytest.mark.parametrize(
    ("value", "separator", "names"),
    [
        (["b", "a", "b"], None, ["b", "a"]),
        ([], None, []),
        ('["b", 1]', None, ["b", "1"]),
        ("b; a;;b ", ";", ["b", "a"]),
        ("", ";", []),
        ([True, 2.0], None, ["True", "2"]),
    ],
)
def test_several_gives_each_label_once(value, separator, names):
    assert several(Row({"labels": value}, "f:1"), "labels", separator) == names


@pytest.mark.parametrize(("value", "found"), [("2.5", 2.5), (3, 3.0), (" -1e2 ", -100.0)])
def test_number_may_be_written_as_text(value, found):
    assert number(Row({"score": value}, "f:1"), "score", "give one") == found


def test_what_is_no_number_is_named():
    def told(value):
        return error(number, {"score": value}, "score", "a score is one")

    assert told("high") == "train.csv:7: column `score` holds 'high', not a number; a score is one"
    assert "holds a list, not a number" in told([1])
    assert "holds 'inf', not a number" in told("inf")


def test_texts_are_found_however_deep():
    value = {"a": "one", "b": [{"c": "two", "d": 3}, ["three", None]]}
    assert list(texts_in(value)) == ["one", "two", "three"]
