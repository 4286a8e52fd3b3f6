"""Words by their places: of scripts with and without spaces, and of anything at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.word_bounds import word_bounds


def words(text):
    starts, ends = word_bounds(text)
    return [text[a:b] for a, b in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("He isn't in New-York, e.g.", "He isn ' t in New - York , e . g ."),
        ("a_1 = x**2.5", "a_1 = x * * 2 . 5"),
        ("Zwölf cafe\u0301s", "Zwölf cafe\u0301s"),
        ("我在北京 ok", "我 在 北 京 ok"),
        ("हिन्दी में", "हिन्दी में"),
        ("กรุงเทพ", "ก รุ ง เ ท พ"),
        ("a👩\u200d👧b", "a 👩\u200d 👧 b"),
        (" \u0301 x", "\u0301 x"),
        ("\t \xa0\u3000\n", ""),
        ("", ""),
    ],
)
def test_words(text, found):
    assert words(text) == found.split(" ") if found else words(text) == []


@given(st.text())
def test_every_character_but_space_is_in_one_word(text):
    starts, ends = word_bounds(text)
    assert all(a < b for a, b in zip(starts, ends, strict=True))
    assert all(end <= later for end, later in zip(ends, starts[1:], strict=False))
    assert "".join(words(text)) == "".join(text.split())
