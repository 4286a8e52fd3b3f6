"""Words in common: by hand, by pairs and by table alike."""

import math

import numpy as np
import pytest

from lmkit.evaluation.text_similarity import Overlap, TfIdf, choice_baselines, found_by_words

LEFT = ["the red door", "get_item of a list", "", "nothing else here"]
RIGHT = ["a red red door", "item list", "!!!", "cat"]


@pytest.mark.parametrize("way", [Overlap(), TfIdf(LEFT + RIGHT)], ids=["overlap", "tfidf"])
def test_pairs_are_the_diagonal_of_the_table(way):
    table = way.table(LEFT, RIGHT)
    assert table.shape == (4, 4)
    assert np.diagonal(table) == pytest.approx(way.pairs(LEFT, RIGHT))
    assert way.pairs(LEFT, LEFT)[[0, 1, 3]] == pytest.approx(1.0)
    assert table[2].tolist() == [0.0] * 4


def test_overlap_by_hand():
    assert Overlap().pairs(LEFT, RIGHT).tolist() == [2 / 4, 2 / 5, 0.0, 0.0]


def test_tfidf_by_hand():
    """Idf = 1 + ln((1 + n) / (1 + df)) (scikit-learn), n = 2 texts."""
    found = TfIdf(["a b", "b"]).pairs(["a b"], ["b c"])
    a, b = 1 + math.log(3 / 2), 1 + math.log(3 / 3)
    assert found[0] == pytest.approx(b / math.sqrt(a * a + b * b))


def test_texts_without_a_word_are_like_nothing():
    for way in (Overlap(), TfIdf(["!", "?"])):
        assert way.pairs(["!"], ["?"]).tolist() == [0.0]
        assert way.table(["!"], ["?", "."]).tolist() == [[0.0, 0.0]]


def test_what_words_find():
    texts = [["red door", "the red door"], ["a cat", "one cat"], ["x", "y"]]
    found = found_by_words(Overlap(), texts, [[0, 1], [2, 3], [4, 5]])
    assert found["recall_at_1"] == pytest.approx(2 / 3)
    assert found["mrr"] == pytest.approx((1 + 1 + 1 / 3) / 3)  # what is as near counts as before
    assert "loss" not in found


def test_choosing_without_understanding():
    asked = [
        ("where is the red door", ["a cat", "the red door"]),
        ("what is it", ["it", "a very long answer", "no"]),
        ("x", ["y", "z"]),
    ]
    found = choice_baselines(asked, [1, 0, 0], {2: 9, 1: 5, 0: 1})
    assert found["random"]["accuracy"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 3)
    assert found["random"]["loss"] == pytest.approx((2 * math.log(2) + math.log(3)) / 3)
    assert found["longest"] == {"accuracy": pytest.approx(2 / 3)}  # of equals the first
    assert found["tfidf"] == {"accuracy": 1.0}
    assert found["position"] == {"accuracy": pytest.approx(1 / 3)}  # 1, 2, 1
    assert "position" not in choice_baselines(asked, [1, 0, 0], None)
