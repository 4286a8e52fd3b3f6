"""Answers against SQuAD's own script, written out anew; the threshold against every other one."""

import collections
import re
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.evaluation.answers import (
    RightAnswers,
    baselines,
    best_threshold,
    normalize,
    overlapping_sentence,
    sentences,
)

WORDS = st.lists(st.sampled_from(["the", "A", "an", "Bob", "bob's", "x-y", ".", "élan", "1,000"]))
TEXTS = WORDS.map(" ".join) | st.text(max_size=20)


def official_normalize(s):
    """`normalize_answer` of evaluate-v2.0.py, step by step."""
    lowered = s.lower()
    bare = "".join(ch for ch in lowered if ch not in set(string.punctuation))
    without = re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", bare)
    return " ".join(without.split())


def official(golds, given):
    """`get_raw_scores` of evaluate-v2.0.py for one question."""
    golds = [gold for gold in golds if official_normalize(gold)] or [""]
    exact = max(int(official_normalize(gold) == official_normalize(given)) for gold in golds)
    best = 0.0
    for gold in golds:
        right, told = official_normalize(gold).split(), official_normalize(given).split()
        same = sum((collections.Counter(right) & collections.Counter(told)).values())
        if not right or not told:
            best = max(best, int(right == told))
        elif same:
            precision, recall = same / len(told), same / len(right)
            best = max(best, 2 * precision * recall / (precision + recall))
    return exact, best


@given(st.lists(TEXTS, max_size=3), TEXTS)
def test_scores_are_those_of_the_official_script(golds, given):
    assert RightAnswers(golds).score(given) == pytest.approx(official(golds, given))


def test_scores_by_hand():
    assert normalize("  The U.S.A.  isn't ") == "usa isnt"
    right = RightAnswers(["the red door", "door"])
    assert right.score("A Door!") == (1.0, 1.0)
    assert right.score("red door frame") == (0.0, pytest.approx(0.8))  # 2 of 2 and 2 of 3
    assert right.score("") == (0.0, 0.0)
    assert RightAnswers([]).score("") == (1.0, 1.0)
    assert RightAnswers([]).score("door") == (0.0, 0.0)


NUMBERS = st.floats(-9, 9).map(lambda value: round(value, 1))
ROWS = st.lists(
    st.tuples(NUMBERS, st.sampled_from([0.0, 0.4, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1
)


@given(ROWS)
def test_no_other_threshold_is_better(rows):
    gaps, f1, empty = map(np.array, zip(*rows, strict=True))

    def total(threshold):
        return float(np.where(gaps <= threshold, f1, empty).sum())

    chosen = best_threshold(gaps, f1, empty)
    everywhere = [*gaps, *(gaps - 1e-6), gaps.min() - 5, gaps.max() + 5]
    assert total(chosen) >= max(map(total, everywhere)) - 1e-6


def test_the_threshold_lies_halfway():
    gaps, f1, empty = np.array([-3.0, 1.0, 2.0]), np.array([1.0, 1.0, 0]), np.array([0, 0, 1.0])
    assert best_threshold(gaps, f1, empty) == 1.5


def test_sentences_and_lines():
    assert sentences("Ann left. Bob, too! And\nEve?") == ["Ann left.", "Bob, too!", "And", "Eve?"]
    assert sentences("one") == ["one"]


def test_a_rare_word_tells_more_than_common_ones():
    context = "The cat is on the mat. The dog is red. The cat is on the roof."
    assert overlapping_sentence("Is the dog the one on it?", context) == "The dog is red."
    assert overlapping_sentence("Where is the cat?", context) == "The cat is on the mat."


def test_baselines_are_whole_sentences_or_nothing():
    questions = [("Who is red?", "Cats sleep. Dogs are red."), ("Why?", "Nobody knows.")]
    right = [RightAnswers(["Dogs"]), RightAnswers([])]
    found = baselines(questions, right, no_answer=True)
    assert found["first_sentence"] == {"exact_match": 0.0, "f1": 0.0}
    assert found["overlap_sentence"] == {"exact_match": 0.0, "f1": 0.25}  # 1 of 3 words, recall 1
    assert found["no_answer"] == {"exact_match": 0.5, "f1": 0.5}
    assert set(baselines(questions, right, no_answer=False)) == {
        "first_sentence", "overlap_sentence",
    }  # fmt: skip
