"""Changed texts: by the draws alone, with words left, and with what is kept in its place."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.augment import Augmenter, Replacement, is_kept, replaced, typo
from lmkit.recipe.augmenting import AugmentSection

TEXT = "The service was not good, but the kitchen never disappoints anybody here"
WORDS = st.lists(
    st.text(alphabet=string.ascii_letters + "'äß,.", min_size=1, max_size=9),
    min_size=1,
    max_size=12,
)


def augmenter(seed=1, **keys):
    return Augmenter(AugmentSection(**{"share": 1.0, **keys}), seed)


def changed(text, number, **keys):
    made = augmenter(**keys)
    return made.change(text, made.draw(0, number))


@given(
    words=WORDS, number=st.integers(0, 99), dropout=st.floats(0.01, 0.99), swap=st.floats(0, 0.99),
    typos=st.floats(0, 0.99), case=st.floats(0, 0.99),
)  # fmt: skip
def test_something_is_left_and_the_draw_decides(words, number, dropout, swap, typos, case):
    keys = {"word_dropout": dropout, "word_swap": swap, "typos": typos, "case": case}
    found = changed(" ".join(words), number, **keys)
    assert found.strip()
    assert found == changed(" ".join(words), number, **keys)
    assert len(found.split()) <= len(words)


@given(words=WORDS, number=st.integers(0, 99), share=st.floats(0.01, 0.99))
def test_swapped_and_dropped_words_are_words_of_the_text(words, number, share):
    text = " ".join(words)
    assert sorted(changed(text, number, word_swap=share).split()) == sorted(text.split())
    left = changed(text, number, word_dropout=share).split()
    rest = iter(text.split())
    assert all(word in rest for word in left)  # in their order
    assert changed(text, number, case=share).casefold() == text.casefold() or "ß" in text


def test_what_is_kept_stays():
    for number in range(60):
        found = changed(TEXT, number, word_dropout=0.9, typos=0.9, case=0.9)
        assert {"not", "never"} <= set(found.split())
    assert is_kept("don't", ())
    assert is_kept("don\u2019t", ())
    assert is_kept("Bad,", {"bad"})
    assert not is_kept("nothing", {"not"})


def test_white_space_is_as_it_was():
    text = "  one\ttwo \n three  "
    assert changed(text, 3, word_swap=0.0, typos=0.01) == text


def test_shares_of_texts_and_words():
    made = augmenter(share=0.3, word_dropout=0.2)
    drawn = [made.draw(epoch, index) for epoch in range(5) for index in range(400)]
    assert 0.25 < sum(draw is not None for draw in drawn) / len(drawn) < 0.35
    text = " ".join(["word"] * 50)
    left = [len(made.change(text, draw).split()) for draw in drawn if draw is not None]
    assert 39 < sum(left) / len(left) < 41


def test_epochs_rows_and_seeds_differ():
    made = augmenter(typos=0.9)
    found = {made.change(TEXT, made.draw(epoch, index)) for epoch in (0, 1) for index in (0, 1)}
    other = augmenter(seed=2, typos=0.9)
    found.add(other.change(TEXT, other.draw(0, 0)))
    assert len(found) == 5


@given(
    word=st.text(alphabet=string.ascii_letters, min_size=4, max_size=12), seed=st.integers(0, 99)
)
def test_a_typo_is_one_slip_that_leaves_the_first_letter(word, seed):
    found = typo(word, random.Random(seed))
    assert found[0] == word[0]
    assert abs(len(found) - len(word)) <= 1
    if len(found) == len(word):
        wrong = [at for at, (a, b) in enumerate(zip(word, found, strict=True)) if a != b]
        assert len(wrong) <= 2
        if len(wrong) == 2:
            first, second = wrong
            assert second == first + 1
            assert word[first] + word[second] == found[second] + found[first]


@pytest.mark.parametrize("word", ["cat", "1234567", "a.b.c", ""])
def test_short_words_and_numbers_are_typed_right(word):
    assert all(typo(word, random.Random(seed)) == word for seed in range(20))


def test_a_letter_beside_is_one_of_the_keyboard():
    found = {typo("gggg", random.Random(seed)) for seed in range(200)}
    letters = {letter for word in found for letter in word}
    assert letters == {"g", "f", "h"}


def test_replacements_stand_where_the_words_stood():
    text = "a fine day at sea"
    spots = [Replacement(2, 6, ("good", "nice")), Replacement(14, 17, ("home",))]
    found = {replaced(text, spots, random.Random(seed)) for seed in range(60)}
    assert found == {f"a {a} day at {b}" for a in ("fine", "good", "nice") for b in ("sea", "home")}
