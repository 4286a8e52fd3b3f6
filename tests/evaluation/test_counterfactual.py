"""Twins, from what a model says of both."""

import numpy as np
import pytest
from scipy.special import logit

from lmkit.evaluation.counterfactual import Twins
from lmkit.evaluation.interval import wilson


@pytest.fixture
def twins():
    """Three texts; the model says `b` where a woman is spoken of."""
    before = {"gold": [0, 1, 0], "predicted": [0, 1, 0]}
    after = {"gold": [0, 1, 0], "predicted": [1, 0, 0]}
    shares = [[0.2, 0.7, 0.3], [0.8, 0.3, 0.4]]  # of b, before and after
    for rows, b in zip((before, after), shares, strict=True):
        rows["odds"] = [logit([1 - one, one]) for one in b]
    return Twins(before, after, [1, -1, 0], ["a", "b"], seed=0)


def test_the_numbers(twins):
    found = twins.metrics()
    assert found["changed_share"] == pytest.approx(2 / 3)
    assert found["accuracy_gap"] == pytest.approx(-2 / 3)
    assert found["mean_shift"] == pytest.approx((0.6 + 0.4 + 0.1) / 3)
    ends = twins.intervals()
    assert ends["changed_share"] == wilson(2, 3)
    assert ends["accuracy_gap"][0] <= -2 / 3 <= ends["accuracy_gap"][1]
    assert twins.counts() == {"rows": 3, "one_way": 2}


def test_the_difference_of_the_kinds_has_a_sign(twins):
    rows = twins.by_kind("name", ("men", "women")).rows
    assert [row[:3] for row in rows] == [
        ["a", 2, pytest.approx(-0.5)], ["b", 2, pytest.approx(0.5)],
    ]  # fmt: skip
    assert rows[1][3] == pytest.approx(0.4)
    assert rows[1][4] == pytest.approx(0.6)


def test_the_texts_that_change_most(twins):
    assert twins.largest() == [0, 1, 2]
    rows = twins.texts([(0, "x:1", "he", "she")]).rows
    assert rows == [["x:1", pytest.approx(0.6), "a", "b", "he", "she"]]


def test_several_labels_and_numbers():
    gold = [np.array([True, False]), np.array([True, True])]
    before = {"gold": gold, "predicted": gold, "odds": [[1.0, -1.0], [1.0, 1.0]]}
    after = {**before, "predicted": [gold[0], gold[0]], "odds": [[1.0, -1.0], [1.0, -1.0]]}
    found = Twins(before, after, [1, 1], ["a", "b"], seed=0)
    assert found.metrics()["changed_share"] == 0.5
    assert found.metrics()["accuracy_gap"] == -0.5
    assert found.texts([(1, "x:2", "t", "u")]).rows[0][2:4] == ["a, b", "a"]
    before = {"gold": [1.0, 2.0], "predicted": [1.0, 2.0]}
    after = {"gold": [1.0, 2.0], "predicted": [1.5, 2.0]}
    found = Twins(before, after, [-1, 1], ["score"], seed=0)
    assert found.metrics() == {"mean_shift": 0.25}
    assert found.by_kind("n", ("x", "y")).rows[0][:3] == ["score", 2, -0.25]
    assert "the number" in found.definition("x")


def test_words_that_went_both_ways_have_no_direction():
    rows = {"gold": [0.0], "predicted": [1.0]}
    assert Twins(rows, rows, [0], ["score"], seed=0).by_kind("n", ("x", "y")).rows == []
