"""The fates of entities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.evaluation.entity_errors import FATES, entity_errors, fate, spurious

TRUE = ("PER", 2, 4)


@pytest.mark.parametrize(
    ("predicted", "wanted"),
    [
        ([("PER", 2, 4)], "right"),
        ([("PER", 2, 3), ("PER", 2, 4)], "right"),
        ([("ORG", 2, 4)], "wrong_type"),
        ([("PER", 3, 4)], "wrong_ends"),
        ([("PER", 0, 2)], "wrong_ends"),
        ([("ORG", 4, 6)], "wrong_both"),
        ([("ORG", 1, 2), ("PER", 4, 4)], "wrong_ends"),
        ([("PER", 5, 6), ("PER", 0, 1)], "missed"),
        ([], "missed"),
    ],
)
def test_each_fate(predicted, wanted):
    assert fate(TRUE, predicted) == wanted


SPANS = st.lists(
    st.tuples(st.sampled_from(["PER", "ORG"]), st.integers(0, 9), st.integers(0, 2)), max_size=5
).map(lambda found: [(kind, first, first + more) for kind, first, more in found])


@given(st.lists(st.tuples(SPANS, SPANS), max_size=4))
def test_every_true_entity_has_one_fate(pairs):
    table, matrix = entity_errors(["PER", "ORG"], pairs)
    columns = dict(zip(table.columns, zip(*table.rows, strict=True), strict=True))
    total = sum(len(gold) for gold, _ in pairs)
    assert columns["gold"][-1] == total
    assert sum(columns[name][-1] for name in FATES) == total
    assert columns["right"][-1] == sum(
        entity in predicted for gold, predicted in pairs for entity in gold
    )
    assert columns["spurious"][-1] == sum(
        len(spurious(predicted, gold)) for gold, predicted in pairs
    )
    assert sum(sum(row[1:]) for row in matrix.rows) == total


def test_the_table():
    table, matrix = entity_errors(
        ["PER", "ORG"], [([TRUE, ("ORG", 7, 7)], [("PER", 2, 4), ("PER", 7, 7), ("ORG", 9, 9)])]
    )
    assert table.rows == [
        ["PER", 1, 1, 0, 0, 0, 0, 0],
        ["ORG", 1, 0, 1, 0, 0, 0, 1],
        ["(all)", 2, 1, 1, 0, 0, 0, 1],
    ]
    assert matrix.rows == [["PER", 1, 0, 0], ["ORG", 1, 0, 0]]
