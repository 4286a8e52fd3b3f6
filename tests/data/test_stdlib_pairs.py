"""Functions and their descriptions: what they are, and that nothing gives the answer away."""

from collections import Counter

import pytest

from lmkit.data.stdlib_pairs import CHOICES, choice_rows, pair_rows

pytestmark = pytest.mark.slow  # it reads the whole library


@pytest.fixture(scope="module")
def pairs():
    return {split: list(pair_rows(split)) for split in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def choices():
    return list(choice_rows("test"))


def test_there_are_enough_and_none_is_in_two_splits(pairs):
    sizes = {split: len(rows) for split, rows in pairs.items()}
    assert sizes["train"] > 1_000
    assert min(sizes["validation"], sizes["test"]) > 50
    codes = [row.values["positive"] for rows in pairs.values() for row in rows]
    assert len(codes) == len(set(codes))


def test_the_description_is_not_in_the_code(pairs):
    told = [row.values["anchor"] in row.values["positive"] for row in pairs["test"]]
    assert sum(told) / len(told) < 0.02  # a help text may repeat it
    assert all(len(row.values["anchor"].split()) >= 3 for row in pairs["test"])


def test_one_of_four_is_right(pairs, choices):
    right = {row.values["positive"]: row.values["anchor"] for row in pairs["test"]}
    assert len(choices) == len(right)
    for row in choices:
        asked = row.values
        assert len(set(asked["choices"])) == CHOICES
        assert asked["choices"][asked["answer"]] == right[asked["question"]]


def test_the_place_tells_nothing_and_is_always_the_same(choices):
    places = Counter(row.values["answer"] for row in choices)
    assert set(places) == set(range(CHOICES))
    assert max(places.values()) / len(choices) < 0.4
    assert [row.values for row in choice_rows("test")] == [row.values for row in choices]
