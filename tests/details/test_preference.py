"""Details of preferences."""

import numpy as np
import pytest

from lmkit.data.preference_pairs import Pairs, Side
from lmkit.details.preference import details
from lmkit.recipe.options.preference import PreferenceOptions
from lmkit.tasks.preference import Preference


def side(lengths):
    ends = np.cumsum([0, *lengths])
    return Side(np.zeros(ends[-1], np.uint32), ends, np.ones(len(lengths), np.int64))


def test_margins_and_the_worst_pairs(scored, by_name):
    values = [{"prompt": f"p{n}", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(4)]
    pairs = Pairs(side([3, 5, 4]), side([5, 3, 4]), 0, 1, places=(0, 2, 3))
    rows = {"nll": [1.0] * 3, "count": [1] * 3, "chosen": [1.0, 0.0, -1.0], "rejected": [0.0] * 3}
    task = Preference(PreferenceOptions(name="preference"))
    found = by_name(details(scored(task, rows, values, examples=pairs)))
    assert [row[:3] for row in found["by_length_difference"].rows] == [
        ["-2", 1, 1.0], ["0", 1, 0.0], ["2", 1, 0.0],
    ]  # fmt: skip
    assert found["worst_mistakes"].rows == [
        ["test.jsonl:4", -1.0, "good 3", "bad 3", "user: p3"],
        ["test.jsonl:3", 0.0, "good 2", "bad 2", "user: p2"],
    ]
    margins = found["margins"].rows
    assert (margins[0], margins[5], margins[10]) == ([0, -1.0], [50, 0.0], [100, 1.0])
    assert found["by_length"].rows[0][5] == pytest.approx(-1.0)
