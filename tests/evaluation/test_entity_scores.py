"""Scores of entities against seqeval's own, and their intervals against drawing sentences anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from lmkit.evaluation.entity_scores import (
    count_entities,
    entity_metrics,
    entity_ratios,
    named_tags,
    sentence_metrics,
    sentence_rows,
)
from lmkit.evaluation.interval import bootstrap, ratio_intervals
from lmkit.evaluation.tagging import TagSet, tag_names
from lmkit.labels import SHARED

TAGS = TagSet(tag_names(["a", "b"]))
PAIRS = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8),
    min_size=1, max_size=6,
)  # fmt: skip


def named(sentences):
    return [[TAGS.names[tag] for tag in tags] for tags in sentences]


@settings(deadline=None)
@given(PAIRS)
def test_metrics_are_seqevals(pairs):
    gold = [TAGS.whole([pair[0] for pair in sentence]) for sentence in pairs]
    guess = [TAGS.whole([pair[1] for pair in sentence]) for sentence in pairs]
    found = entity_metrics(TAGS, count_entities(TAGS, guess, gold))
    truth, ours = named(gold), named(guess)
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, ours))
    strict = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    if any(tag != "O" for sentence in (*truth, *ours) for tag in sentence):
        assert found["precision"] == pytest.approx(precision_score(truth, ours, **strict))
        assert found["recall"] == pytest.approx(recall_score(truth, ours, **strict))
        assert found["f1"] == pytest.approx(f1_score(truth, ours, **strict))
        kinds = sorted({tag[2:] for sentence in (*truth, *ours) for tag in sentence} - {""})
        by_type = f1_score(truth, ours, average=None, **strict)
        for kind, value in zip(kinds, by_type, strict=True):
            assert found[f"f1_{kind}"] == pytest.approx(value)
    else:
        assert (found["precision"], found["recall"], found["f1"]) == (0.0, 0.0, 0.0)


def test_one_type_has_no_score_of_its_own():
    tags = TagSet(tag_names(["a"]))
    assert list(entity_metrics(tags, count_entities(tags, [[1]], [[1]]))) == [
        "precision", "recall", "f1", "accuracy"
    ]  # fmt: skip


def test_intervals_are_those_of_sentences_drawn_anew():
    random = np.random.default_rng(0)
    gold = [TAGS.whole(random.integers(0, 5, 6).tolist()) for _ in range(60)]
    keep = [random.random(6) < 0.8 for _ in gold]
    guess = [
        TAGS.whole(np.where(kept, tags, random.integers(0, 5, 6)).tolist())
        for kept, tags in zip(keep, gold, strict=True)
    ]
    counts = count_entities(TAGS, guess, gold)
    found = ratio_intervals(entity_ratios(TAGS, counts), 3)
    assert found.keys() == entity_metrics(TAGS, counts).keys()

    def f1(drawn):
        ours, truth = [guess[i] for i in drawn], [gold[i] for i in drawn]
        return entity_metrics(TAGS, count_entities(TAGS, ours, truth))["f1"]

    low, high = bootstrap(f1, len(gold), 4, resamples=300)
    assert found["f1"] == pytest.approx((float(low), float(high)), abs=0.02)


def test_windows_are_joined_to_sentences():
    rows = {
        "document": [0, 0, 1], "nll": [1.0, 2.0, 4.0], "count": [2, 1, 1],
        "predicted": [[0, 1], [2, SHARED], [2]], "gold": [[0, 1], [2, 0], [0]],
    }  # fmt: skip
    assert sentence_rows(TAGS, rows) == {
        "nll": [3.0, 4.0], "count": [3, 1], "predicted": [[0, 1, 2, 2], [1]],
        "gold": [[0, 1, 2, 0], [0]],
    }  # fmt: skip


def test_sentences_of_windows_have_their_tags_by_name():
    rows = {"document": [0, 1, 0], "nll": [1.0, 2, 3], "count": [1, 1, 2],
            "predicted": [[1], [0], [2, SHARED]], "gold": [[1], [3], [2, 2]]}  # fmt: skip
    told, gold = named_tags(TAGS, rows)
    assert (told, gold) == ([["B-a", "I-a", "I-a"], ["O"]], [["B-a", "I-a", "I-a"], ["B-b"]])
    found = sentence_metrics(TAGS, rows)
    assert found["loss"] == 6 / 4
    assert found["f1"] == pytest.approx(f1_score(gold, told))
