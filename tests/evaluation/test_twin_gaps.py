"""Gaps of metrics between rows and their twins, by the ratios written out."""

import math

import numpy as np
import pytest

from lmkit.evaluation.twin_gaps import TwinGaps

NLL = np.array([[4.0, 6.0, 9.0], [2.0, 2.0, 3.0]])
AFTER = np.array([[8.0, 6.0, 3.0], [2.0, 3.0, 3.0]])
WAYS = [1, -1, 0]
TOLD = ("loss", "perplexity", "f1")


@pytest.fixture
def gaps():
    rows = ({"nll": NLL[0]}, {"nll": AFTER[0]})
    return TwinGaps({"loss": NLL}, {"loss": AFTER}, rows, WAYS, 0, TOLD)


def test_a_gap_is_one_ratio_of_sums_less_another(gaps):
    found = gaps.metrics()
    assert set(found) == {"loss_gap", "perplexity_gap"}
    assert found["loss_gap"] == pytest.approx(17 / 8 - 19 / 7)
    assert found["perplexity_gap"] == pytest.approx(math.exp(17 / 8) - math.exp(19 / 7))
    low, high = gaps.intervals()["loss_gap"]
    assert low <= found["loss_gap"] <= high
    assert gaps.counts() == {"rows": 3, "one_way": 2}


def test_an_interval_draws_a_row_with_its_twin():
    """Twins that all cost one nat more differ by that in each draw."""
    random = np.random.default_rng(0)
    before = np.stack([random.normal(9, 5, 50), np.ones(50)])
    after = np.stack([before[0] + 1, before[1]])
    found = TwinGaps({"loss": before}, {"loss": after}, ({}, {}), [1] * 50, 0, TOLD).intervals()
    assert found["loss_gap"] == pytest.approx((1.0, 1.0))


def test_the_kinds_are_held_against_each_other(gaps):
    """The second row has the words of the second kind itself, its twin those of the first."""
    rows = {row[0]: row for row in gaps.by_kind("name", ("men", "women")).rows}
    metric, count, first, second, difference, *_ = rows["loss"]
    assert (metric, count) == ("loss", 2)
    assert first == pytest.approx((4 + 6) / (2 + 3))
    assert second == pytest.approx((8 + 6) / (2 + 2))
    assert difference == second - first


def test_the_rows_that_change_most(gaps):
    assert gaps.largest() == [0, 2, 1]
    (row,) = gaps.texts([(2, "x:3", "he", "she")]).rows
    assert row == ["x:3", -2.0, 3.0, 1.0, "he", "she"]


def test_items_that_are_told_otherwise():
    """Windows of a row are joined, and rows whose twins have other items are passed over."""
    before = {"document": [0, 0, 1, 2], "predicted": [[0, 1], [2], [1, 1], [5]]}
    after = {"document": [0, 1, 2], "predicted": [[0, 1, 1], [1, 1], [5, 5]]}
    gaps = TwinGaps({"loss": NLL}, {"loss": NLL}, (before, after), WAYS, 0, TOLD)
    assert gaps.metrics()["changed_share"] == pytest.approx(1 / 5)
    assert "changed_share" in gaps.definition("x")
    chosen = ({"predicted": [0, 1, 2]}, {"predicted": [0, 0, 0]})
    assert TwinGaps({}, {}, chosen, WAYS, 0, TOLD).metrics() == {
        "changed_share": pytest.approx(2 / 3)
    }
    texts = ({"predicted": ["a"]}, {"predicted": ["b"]})
    assert TwinGaps({}, {}, texts, [1], 0, TOLD).metrics() == {}


def test_a_ratio_of_nothing_has_no_gap():
    nothing = {"loss": NLL, "f1": np.zeros((2, 3))}
    gaps = TwinGaps(nothing, {"loss": AFTER, "f1": np.ones((2, 3))}, ({}, {}), WAYS, 0, TOLD)
    assert set(gaps.metrics()) == {"loss_gap", "perplexity_gap"}
    assert set(gaps.intervals()) == {"loss_gap", "perplexity_gap"}


def test_what_is_no_metric_of_the_task_is_not_told():
    """A loss that is no one's of tokens has no perplexity, though its units would give one."""
    gaps = TwinGaps({"loss": NLL}, {"loss": AFTER}, ({}, {}), WAYS, 0, ("loss",))
    assert set(gaps.metrics()) == set(gaps.intervals()) == {"loss_gap"}
    assert [row[0] for row in gaps.by_kind("n", ("x", "y")).rows] == ["loss"]


def test_words_that_went_both_ways_have_no_direction():
    gaps = TwinGaps({"loss": NLL}, {"loss": AFTER}, ({}, {}), [0, 0, 0], 0, TOLD)
    assert gaps.by_kind("n", ("x", "y")).rows == []
