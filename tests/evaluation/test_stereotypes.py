"""Preferences among pairs, from their scores."""

import pytest

from lmkit.evaluation.interval import wilson
from lmkit.evaluation.stereotypes import Preferences


@pytest.fixture
def found():
    return Preferences(
        [-10.0, -20.0, -30.0, -40.00001], [-11.0, -18.0, -33.0, -40.0], ["a", "b", "a", "b"], 0
    )


def test_the_numbers(found):
    assert found.metrics() == {"stereotype_share": 0.5, "likelihood_gap": pytest.approx(0.5)}
    assert found.counts() == {"pairs": 4, "equal": 1}
    assert found.intervals()["stereotype_share"] == wilson(2, 4)
    low, high = found.intervals()["likelihood_gap"]
    assert low < 0.5 < high


def test_by_kind_and_the_strongest(found):
    rows = found.by_kind("by_type").rows
    assert [row[:3] for row in rows] == [["a", 2, 1.0], ["b", 2, 0.0]]
    pairs = [(f"x:{n}", f"more {n}", f"less {n}") for n in range(4)]
    assert found.strongest(pairs).rows[:2] == [
        ["x:2", "a", pytest.approx(3.0), "more 2", "less 2"],
        ["x:1", "b", pytest.approx(-2.0), "more 1", "less 1"],
    ]


def test_the_definition_tells_what_it_cannot_show():
    for masked in (True, False):
        assert "no proof that a model is fair" in Preferences.definition(masked=masked)
    assert "each hidden alone" in Preferences.definition(masked=True)
