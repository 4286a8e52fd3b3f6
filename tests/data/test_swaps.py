"""Texts and their twins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.rows import Row
from lmkit.data.swaps import ALONE, BUILT_IN, GENDER, NAMES, Swaps, moved, read_swaps
from lmkit.errors import DataError

GENDERED = Swaps(GENDER, ALONE)


class Listed:
    name = "test"

    def __init__(self, *rows):
        self.listed = rows

    def rows(self):
        return (Row(values, f"test.jsonl:{n}") for n, values in enumerate(self.listed, 1))


@pytest.mark.parametrize(
    ("text", "twin", "ways"),
    [
        ("He told his son.", "She told her daughter.", {1}),
        ("SHE and the Queen", "HE and the King", {-1}),
        ("the man saw her", "the woman saw him", {1, -1}),
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


HER = [
    ("She saw her.", "He saw him."),
    ("He gave her the book", "She gave him the book"),
    ("her book and HER dog", "his book and HIS dog"),
    ("a friend of his came, and his dog", "a friend of her came, and her dog"),
    ("a friend of his and his", "a friend of hers and hers"),
    ("Her 'old' car; tell her", "His 'old' car; tell him"),
    ("near her\nhouse with her 3 cars", "near his\nhouse with his 3 cars"),
    ("it is Hers, not HIS!", "it is His, not HERS!"),
]


@pytest.mark.parametrize(("text", "twin"), HER)
def test_her_is_told_by_what_follows(text, twin):
    assert GENDERED.swapped(text)[0] == twin


def test_what_follows_may_be_another_token():
    assert GENDERED.swapped("her", " book")[0] == "his"
    assert GENDERED.swapped("her", " and")[0] == "him"
    assert GENDERED.swapped("her", " ")[0] == "him"


@given(st.lists(st.sampled_from(["her dog", "saw her.", "she", "told him that", "is his."])))
def test_told_words_come_back(parts):
    text = " ".join(parts)
    assert GENDERED.swapped(GENDERED.swapped(text)[0])[0] == text


@given(st.lists(st.sampled_from(["he", "a dog", "Sir", "the woman", "x"]), max_size=6), st.data())
def test_places_move_with_their_words(words, data):
    """A span of whole words holds the same words in the twin."""
    text = " ".join(words)
    ends = [0, *(at for at, sign in enumerate(text) if sign == " "), len(text)]
    first, last = sorted(data.draw(st.lists(st.sampled_from(ends), min_size=2, max_size=2)))
    edits = GENDERED.edits(text)
    twin, _ = GENDERED.swapped(text)
    found = twin[moved(first, edits) : moved(last, edits)]
    assert found == GENDERED.swapped(text[first:last])[0]


def test_a_place_within_a_word_goes_to_its_end():
    edits = GENDERED.edits("the king is")
    assert [moved(at, edits) for at in (4, 6, 8, 9)] == [4, 9, 9, 10]
