"""Picking rows, and the worst of them."""

import numpy as np

from lmkit.details.scored import worst
from lmkit.evaluation.slices import Groups, Measure


def test_rows_are_picked_in_one_pass(scored):
    found = scored(None, {}, [{"text": str(number)} for number in range(9)])
    picked = found.picked([7, 2])
    assert {number: row.values["text"] for number, row in picked.items()} == {2: "2", 7: "7"}
    assert found.source.passes == 1
    assert found.picked([]) == {}
    assert found.source.passes == 1


def test_the_worst_come_first_and_rounding_does_not_decide():
    assert worst([0.1, 0.9, 0.9 + 1e-7, 0.5]) == [1, 2, 3, 0]
    assert worst([0.1, 0.9, 0.8, 0.5], np.array([True, False, True, True]), count=2) == [2, 3]
    assert worst([], count=2) == []


def test_slices_of_units_that_are_not_rows(scored):
    columns = {"kind": Groups(["a", "b"], np.array([0, 1, 1, 0]))}
    found = scored(None, {}, [], columns=columns)
    right = np.array([1, 0, 1])
    by_length, by_column = found.slices(
        [1, 2, 3], [Measure("accuracy", right, np.ones(3), share=True)], places=[0, 2, 3]
    )
    assert by_length.name == "by_length"
    assert by_column.name == "by_column_kind"
    assert [row[:3] for row in by_column.rows] == [["a", 2, 1.0], ["b", 1, 0.0]]
