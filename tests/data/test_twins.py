"""Rows that hold words to swap, and their twins."""

import pytest

from lmkit.data.rows import Row
from lmkit.data.swaps import ALONE, GENDER, Swaps
from lmkit.data.text_columns import TextColumns
from lmkit.data.twins import Affected

GENDERED = Swaps(GENDER, ALONE)


class Listed:
    name = "test"

    def __init__(self, *rows):
        self.listed = rows

    def rows(self):
        return (Row(values, f"test.jsonl:{n}") for n, values in enumerate(self.listed, 1))

    def fingerprint(self):
        return str(self.listed)

    def describe(self):
        return []


def test_the_rows_that_are_affected():
    rows = [{"a": "he", "b": "x"}, {"a": "none", "b": "y"}, {"a": "he", "b": "she"}]
    columns = TextColumns(("a", "b"))
    plain, swapped = (Affected(Listed(*rows), GENDERED, columns, way) for way in (False, True))
    assert [row.values for row in plain.rows()] == [rows[0], rows[2]]
    assert [row.values["a"] for row in swapped.rows()] == ["she", "she"]
    assert [row.values["b"] for row in swapped.rows()] == ["x", "he"]
    assert [way for _, _, way in plain.pairs()] == [1, 0]
    assert plain.fingerprint() != swapped.fingerprint()
    assert (plain.name, plain.describe()) == ("test", [])


@pytest.mark.parametrize(
    ("row", "twin"),
    [
        (
            {"tokens": ["He", "saw", "her", "and", "her", "dog"], "tags": ["O"] * 6},
            {"tokens": ["She", "saw", "him", "and", "his", "dog"], "tags": ["O"] * 6},
        ),
        (
            {"text": "he met Sir John .", "spans": [{"start": 7, "end": 15, "label": "P"}]},
            {"text": "she met Madam John .", "spans": [{"start": 8, "end": 18, "label": "P"}]},
        ),
    ],
)
def test_words_keep_their_tags_and_spans_their_words(row, twin):
    columns = TextColumns(("text",), words="tokens")
    (found,) = Affected(Listed(row), GENDERED, columns, is_swapped=True, spans="spans").rows()
    assert found.values == twin


def test_messages_are_swapped_where_they_stand():
    row = {"messages": [{"role": "user", "content": "is he?"}, {"role": "he", "content": "no"}]}
    (twin,) = Affected(Listed(row), GENDERED, TextColumns(("messages",)), is_swapped=True).rows()
    assert [item["content"] for item in twin.values["messages"]] == ["is she?", "no"]
    assert twin.values["messages"][1]["role"] == "he"
