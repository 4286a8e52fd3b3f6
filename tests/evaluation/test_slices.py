"""Parts of the data, against sums by hand and statsmodels-like formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.evaluation.interval import wilson
from lmkit.evaluation.slices import Groups, Measure, by_quantile, sliced


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_quarters_hold_every_value_once_and_in_order(values):
    groups = by_quantile(values)
    array = np.asarray(values)
    assert len(groups.names) <= 4
    assert set(groups.of.tolist()) == set(range(len(groups.names)))
    tops = [array[groups.of == number].max() for number in range(len(groups.names))]
    lows = [array[groups.of == number].min() for number in range(len(groups.names))]
    assert all(top < low for top, low in zip(tops, lows[1:], strict=False))


def test_quarters_are_about_equal():
    groups = by_quantile(np.arange(100))
    assert np.bincount(groups.of).tolist() == [25] * 4
    assert groups.names == ["0 to 24", "25 to 49", "50 to 74", "75 to 99"]


def test_each_group_alone():
    groups = Groups(["a", "empty", "b"], np.array([0, 0, 2, 2, 2]))
    right = np.array([1, 0, 1, 1, 1])
    nll, count = np.array([2.0, 4.0, 1.0, 1.0, 1.0]), np.array([1, 3, 1, 1, 2])
    found = sliced(
        "name", "Title", groups,
        [Measure("accuracy", right, np.ones(5), share=True), Measure("loss", nll, count)],
        unit="rows", seed=0, further={"size": len},
    )  # fmt: skip
    assert list(found.columns) == [
        "group", "rows", "accuracy", "accuracy_low", "accuracy_high", "loss", "loss_low",
        "loss_high", "size",
    ]  # fmt: skip
    first, second = found.rows
    assert first[:5] == ["a", 2, 0.5, *wilson(1, 2)]
    assert first[5] == pytest.approx(6 / 4)
    assert second[:5] == ["b", 3, 1.0, *wilson(3, 3)]
    assert second[5] == pytest.approx(3 / 4)
    assert second[6] <= second[5] <= second[7]
    assert second[8] == 3


def test_a_group_without_anything_to_divide_by_or_with_one_unit():
    groups = Groups(["a", "b"], np.array([0, 1]))
    found = sliced("n", "T", groups, [Measure("f1", [0, 2], [0, 4])], unit="rows", seed=0)
    assert found.rows == [["a", 1, None, None, None], ["b", 1, 0.5, None, None]]
