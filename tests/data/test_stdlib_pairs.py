"""Functions and their descriptions: what they are, and that nothing gives the answer away."""

from collections import Counter, defaultdict

import pytest

from lmkit.data.stdlib_pairs import CHOICES, sibling_choice_rows, triple_rows
from lmkit.evaluation.text_similarity import choice_baselines

pytestmark = pytest.mark.slow  # it reads the whole library


@pytest.fixture(scope="module")
def pairs():
    return {split: list(triple_rows(split)) for split in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def choices():
    return list(sibling_choice_rows("test"))


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
    assert 0.9 * len(right) < len(choices) <= len(right)
    for row in choices:
        asked = row.values
        assert len(set(asked["choices"])) == CHOICES
        assert asked["choices"][asked["answer"]] == right[asked["question"]]


def test_what_is_wrong_is_of_the_same_file(pairs, choices):
    """Else words that a whole file has in common would tell."""
    described, written = defaultdict(set), defaultdict(set)
    for row in pairs["test"]:
        described[row.values["path"]].add(row.values["anchor"])
        written[row.values["path"]].add(row.values["positive"])
    for row in pairs["test"]:
        assert row.values["negative"] in written[row.values["path"]] - {row.values["positive"]}
    assert all(set(row.values["choices"]) <= described[row.values["path"]] for row in choices)


def test_words_alone_find_fewer_than_they_would_among_all(choices):
    asked = [(row.values["question"], row.values["choices"]) for row in choices]
    found = choice_baselines(asked, [row.values["answer"] for row in choices], None)
    assert 0.35 < found["tfidf"]["accuracy"] < 0.75  # 0.85 with descriptions of any file


def test_the_place_tells_nothing_and_is_always_the_same(choices):
    places = Counter(row.values["answer"] for row in choices)
    assert set(places) == set(range(CHOICES))
    assert max(places.values()) / len(choices) < 0.4
    assert [row.values for row in sibling_choice_rows("test")] == [row.values for row in choices]
