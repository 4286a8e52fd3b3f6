"""Duplicates beside brute force: equal texts, and Jaccard similarities of sets of n-grams."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.duplicates import ExactFinder, NearFinder, finder
from lmkit.recipe.cleaning import CleanSection


def firsts(made, texts):
    for text in texts:
        made.add(text)
    return made.firsts().tolist()


@given(st.lists(st.text(alphabet="ab\x00é", max_size=3), max_size=40))
def test_equal_texts_are_found_and_no_others(texts):
    assert firsts(ExactFinder(), texts) == [texts.index(text) for text in texts]


def jaccard(one, other):
    return len(one & other) / len(one | other)


def grams(text, units, size):
    """n-grams by another way than the finder's."""
    items = text.casefold().split() if units == "words" else list(" ".join(text.lower().split()))
    between = " " if units == "words" else ""
    if len(items) <= size:
        return {between.join(items)}
    return {between.join(part) for part in zip(*(items[i:] for i in range(size)), strict=False)}


@pytest.mark.parametrize(("units", "size"), [("words", 1), ("words", 5), ("characters", 4)])
@given(text=st.text(alphabet="aB cd\n", min_size=1, max_size=40).filter(str.strip))
def test_ngrams(text, units, size):
    made = NearFinder(0.8, units, size).ngrams(text)
    assert made == {gram.encode() for gram in grams(text, units, size)}


def edited(draw, words, share):
    """The words, each exchanged for another with a chance."""
    return [str(draw.random()) if draw.random() < share else word for word in words]


@pytest.fixture(scope="module")
def pairs():
    """1,200 pairs of texts of 300 words and their similarities, spread over [0.4, 1]."""
    draw = random.Random(1)
    found = []
    for number in range(1200):
        words = [f"{number}-{draw.randrange(10_000)}" for _ in range(300)]
        # a word exchanged costs one of the two sets: J = (1 - x) / (1 + x)
        other = edited(draw, words, share=draw.uniform(0.0, 0.4) if number % 20 else 0.0)
        texts = " ".join(words), " ".join(other)
        found.append((*texts, jaccard(*(grams(text, "words", 1) for text in texts))))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.95])
def test_near_texts_are_found_with_the_known_error(pairs, threshold):
    near = NearFinder(threshold, "words", 1)
    for one, other, _ in pairs:
        near.add(one)
        near.add(other)
    numbers = near.firsts().reshape(-1, 2)
    assert (numbers[:, 0] == np.arange(0, 2 * len(pairs), 2)).all()  # pairs share no word
    told = numbers[:, 0] == numbers[:, 1]
    similarity = np.array([value for *_, value in pairs])
    # three standard deviations of the estimate away, it is told rightly
    error = 3 * np.sqrt(threshold * (1 - threshold) / 128)
    assert not told[similarity < threshold - error].any()
    sure = similarity >= min(threshold + error, 1)
    assert sure.sum() > 20
    assert told[sure].mean() > 0.97
    assert told[similarity == 1].all()
    # at the threshold itself an estimate is too low half of the time
    around = abs(similarity - threshold) < 0.02
    assert 0.1 < told[around].mean() < 0.9
    precision = (similarity[told] >= threshold).mean()
    recall = told[similarity >= threshold].mean()
    assert precision > 0.85
    assert recall > 0.85


def test_a_text_is_compared_with_what_was_kept():
    words = [str(number) for number in range(100)]

    def text(changed):
        return " ".join(f"x{word}" if int(word) < changed else word for word in words)

    near = NearFinder(0.75, "words", 1)
    # J of 0 and 8 words changed: 92 / 108 = 0.85; of 0 and 30: 70 / 130; of 8 and 30: 78 / 122
    assert firsts(near, [text(0), text(8), text(30), text(0), text(31)]) == [0, 0, 2, 0, 2]


@pytest.mark.parametrize("options", [{}, {"duplicates": "exact"}])
def test_equal_ones_by_default(options):
    assert isinstance(finder(CleanSection(**options)), ExactFinder)


def test_case_and_white_space_make_nothing_new():
    near = finder(CleanSection(duplicates="near", near_threshold=1.0))
    assert isinstance(near, NearFinder)
    assert firsts(near, ["One  two\nthree", "one two three", "one two", ""]) == [0, 0, 2, 3]


def test_scripts_without_spaces():
    near = finder(CleanSection(duplicates="near", near_units="characters", near_ngram=2))
    one, other = "我们明天早上八点在学校门口见面" * 2, "天气预报说下午会有大雨"
    assert firsts(near, [one, other, one + "吧"]) == [0, 1, 0]


def test_room_grows():
    near = NearFinder(0.8, "words", 5)
    texts = [f"text number {number}" for number in range(1100)]
    assert firsts(near, [*texts, *texts]) == [*range(1100), *range(1100)]
