"""What is told of documents that were trained on."""

from dataclasses import replace

import numpy as np
import pytest

from lmkit.evaluation.contamination import Contamination


@pytest.fixture
def found():
    return Contamination(13, np.array([10, 0, 20, 5]), np.array([0, 0, 5, 5]), seed=0)


def test_the_numbers(found):
    told = found.as_json()
    assert (told["runs"], told["found"], told["share"]) == (35, 10, pytest.approx(10 / 35))
    assert (told["rows"], told["too_short"], told["dirty_rows"]) == (4, 1, 2)
    assert told["interval"][0] <= told["share"] <= told["interval"][1]
    assert "28.57%" in found.line()
    assert "in 2 of 4 rows; 1 are too short" in found.line()


def test_the_rows_and_the_loss_of_the_others(found):
    units = {"loss": np.array([[4.0, 1.0, 2.0, 1.0], [2, 1, 4, 1]])}
    table, copies, groups = found.details({2: "c", 3: "d"}, [(2, 17, "some text")], units)
    assert table.rows == [["d", 5, 5, 1.0], ["c", 20, 5, 0.25]]
    assert copies.rows == [["c", 17, "some text"]]
    assert [row[:3] for row in groups.rows] == [
        ["clean", 2, pytest.approx(5 / 3)], ["contaminated", 2, pytest.approx(3 / 5)],
    ]  # fmt: skip


def test_nothing_long_enough_and_nothing_found():
    none = Contamination(13, np.zeros(2, int), np.zeros(2, int), seed=0)
    assert none.as_json()["share"] is None
    assert none.line() == "contamination: no row has a text of 13 tokens"
    clean = Contamination(13, np.array([3]), np.array([0]), seed=0)
    assert clean.as_json()["interval"] is None
    assert clean.line() == (
        "contamination: 0.00% of 3 runs of 13 tokens were trained on, in 0 of 1 rows"
    )
    assert [one.rows for one in clean.details({}, [], {})] == [[], []]


def test_another_runs_training_is_told_as_its_own(found):
    other = replace(found, by="runs/pre")
    assert other.as_json()["trained"] == "runs/pre"
    assert other.line().startswith("contamination by runs/pre: 28.57%")
    names = [one.name for one in other.details({2: "c", 3: "d"}, [], {})]
    assert names == ["pretraining_contamination", "pretraining_copies"]
