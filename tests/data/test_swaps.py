"""Texts and their twins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.rows import Row
from lmkit.data.swaps import BUILT_IN, GENDER, NAMES, Affected, Swaps, read_swaps
from lmkit.errors import DataError

GENDERED = Swaps(GENDER)


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


@pytest.mark.parametrize(
    ("text", "twin", "ways"),
    [
        ("He told his son.", "She told her daughter.", {1}),
        ("SHE and the Queen", "HE and the King", {-1}),
        ("the man saw her", "the woman saw his", {1, -1}),
        ("This human theme", "This human theme", set()),
        ("Mr. Smith, sir!", "Mrs. Smith, madam!", {1}),
    ],
)
def test_whole_words_in_their_case(text, twin, ways):
    assert GENDERED.swapped(text) == (twin, ways)


def test_names_are_no_common_words():
    names = Swaps(NAMES)
    assert names.swapped("Mark will mark Mary's work") == ("Emily will mark James's work", {1, -1})


@given(st.lists(st.sampled_from([word for pair in NAMES for word in pair]), max_size=8))
def test_twice_is_the_text_again(words):
    text = " and ".join(words)
    names = Swaps(NAMES)
    once, ways = names.swapped(text)
    again, back = names.swapped(once)
    assert again == text
    assert back == {-way for way in ways}


def test_built_in_words_stand_in_one_pair_of_names():
    assert set(BUILT_IN) == {"gender", "names"}
    words = [word for pair in NAMES for word in pair]
    assert len(words) == len(set(words))


def test_a_file_of_swaps():
    assert read_swaps(Listed({"from": "cat ", "to": "dog"})).swapped("a Cat") == ("a Dog", {1})
    with pytest.raises(DataError, match="`from` and `to` are equal"):
        read_swaps(Listed({"from": "cat", "to": "cat"}))
    with pytest.raises(DataError, match="no column `to`"):
        read_swaps(Listed({"from": "cat"}))


def test_the_rows_that_are_affected():
    rows = [{"a": "he", "b": "x"}, {"a": "none", "b": "y"}, {"a": "he", "b": "she"}]
    plain, swapped = (Affected(Listed(*rows), GENDERED, ("a", "b"), way) for way in (False, True))
    assert [row.values for row in plain.rows()] == [rows[0], rows[2]]
    assert [row.values["a"] for row in swapped.rows()] == ["she", "she"]
    assert [row.values["b"] for row in swapped.rows()] == ["x", "he"]
    assert [way for _, _, way in plain.pairs()] == [1, 0]
    assert plain.fingerprint() != swapped.fingerprint()
    assert (plain.name, plain.describe()) == ("test", [])
