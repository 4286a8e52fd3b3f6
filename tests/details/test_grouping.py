"""Groups of rows by what their columns hold and by where they come from."""

import numpy as np
import pytest

from lmkit.data.rows import Row
from lmkit.details.grouping import MOST, column_groups, source_groups
from lmkit.errors import UsageError


def groups_of(groups):
    return [groups.names[number] for number in groups.of]


def test_values_are_groups(listed):
    rows = [{"kind": "a", "n": 1}, {"kind": None, "n": True}, {"n": [1, "x"]}, {"kind": "b"}]
    found = column_groups(listed(rows), ["kind", "n"])
    assert groups_of(found["kind"]) == ["a", "(none)", "(none)", "b"]
    assert groups_of(found["n"]) == ["1", "true", '[1, "x"]', "(none)"]


def test_rare_values_are_together(listed):
    rows = [{"kind": str(number % 30)} for number in range(30)] + [{"kind": "0"}] * 5
    found = column_groups(listed(rows), ["kind"])["kind"]
    assert len(found.names) == MOST
    assert found.names[-1] == "(other)"
    assert np.bincount(found.of)[-1] == 30 - (MOST - 1)


def test_many_numbers_are_cut_in_quarters(listed):
    rows = [{"age": number} for number in range(40)] + [{"age": None}]
    found = column_groups(listed(rows), ["age"])["age"]
    assert found.names == ["0 to 9", "10 to 19", "20 to 29", "30 to 39", "(none)"]
    assert np.bincount(found.of).tolist() == [10, 10, 10, 10, 1]


def test_no_column_no_pass(listed):
    source = listed([{"a": 1}])
    assert column_groups(source, []) == {}
    assert source.passes == 0


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        ("knd", ["--slice knd: test has no such column; it has text, kind", "mean `kind`"]),
        ("text", ["--slice text: test holds more than 1000 different texts there"]),
    ],
)
def test_columns_that_cannot_be_sliced_by(listed, column, texts):
    source = listed([{"text": str(number), "kind": "a"} for number in range(1001)])
    with pytest.raises(UsageError) as caught:
        column_groups(source, [column])
    for text in texts:
        assert text in str(caught.value)


def test_sources_are_files_folders_or_what_the_data_says():
    files = [Row({}, "a/x.jsonl:1"), Row({}, "a/x.jsonl:row 2"), Row({}, "b/y.txt")]
    assert groups_of(source_groups(files)) == ["a/x.jsonl", "a/x.jsonl", "b/y.txt"]
    many = [Row({}, f"{'ab'[number % 2]}/{number}.txt") for number in range(50)]
    assert groups_of(source_groups(many)) == ["a", "b"] * 25
    embedded = [Row({}, f"stdlib:{'json/' * (n % 2)}{n}.py:7") for n in range(50)]
    assert groups_of(source_groups(embedded)) == ["stdlib:", "stdlib:json"] * 25
    plain = [Row({}, f"{number}.txt") for number in range(50)]
    assert groups_of(source_groups(plain)) == ["."] * 50
    addresses = [Row({"source": str(number)}, f"{number % 2}.txt:1") for number in range(1100)]
    assert source_groups(addresses).names[:2] == ["0.txt", "1.txt"]
    told = [Row({"source": "web"}, "x:1"), Row({}, "x:2")]
    assert groups_of(source_groups(told)) == ["web", "(none)"]
