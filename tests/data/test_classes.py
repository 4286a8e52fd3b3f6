"""Labels found in rows, and rows whose label is wrong."""

import logging

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from lmkit.data.classes import Classes, LabelColumn, balanced, check_numbers, find_labels
from lmkit.data.rows import Row
from lmkit.errors import DataError

ONE = LabelColumn("label")
MANY = LabelColumn("label", many=True)


class Listed:
    """Rows in memory."""

    name = "train"

    def __init__(self, *labels, text="some text"):
        self.values = [{"text": text, "label": label} for label in labels]

    def rows(self):
        for number, values in enumerate(self.values, start=2):
            yield Row(values, f"d.csv:{number}")

    def fingerprint(self):
        return ""

    def describe(self):
        return []


def found(*labels, **keys):
    counts, rows = find_labels(Listed(*labels, **keys), ("text",), ONE)
    assert rows == len(labels)
    return list(counts)


def test_labels_are_sorted_as_text():
    assert found("b", "a", "c", "a") == ["a", "b", "c"]
    assert found(10, 9, 2) == ["10", "2", "9"]


def test_numbers_and_booleans_become_text():
    assert found(1, 0, 1.0) == ["0", "1"]
    assert found(True, False) == ["False", "True"]
    assert found("1.0", "2.0") == ["1.0", "2.0"]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["a", "0.37"], r"d\.csv:3: column `label` holds the number 0\.37; .*whole number"),
        (["1", "-1.5"], r"d\.csv:3: .*the number -1\.5"),
        ([0.5, 1.5], r"d\.csv:2: column `label` holds the number 0\.5; a label is text or"),
        (["a", None], r"d\.csv:3: column `label` is null"),
        (["a", " "], r"d\.csv:3: column `label` is blank"),
        (["a", ["b"]], r"d\.csv:3: column `label` holds a list"),
        (["a", "a"], r"train data: every row has the label `a`; .* two or more"),
    ],
)
def test_what_is_no_label_is_named(labels, says):
    with pytest.raises(DataError, match=says):
        found(*labels)


def test_a_text_is_missed_before_anything_is_encoded():
    with pytest.raises(DataError, match=r"d\.csv:2: column `text` is null"):
        found("a", "b", text=None)


def test_a_missing_column_names_those_found():
    source = Listed("a", "b")
    with pytest.raises(
        DataError, match=r"no column `lable`; .*`text`, `label`; did you mean `label`"
    ):
        find_labels(source, ("text",), LabelColumn("lable"))


def test_a_column_of_texts_is_wondered_at(caplog):
    with caplog.at_level(logging.INFO, logger="lmkit"):
        assert len(found(*(f"text {number}" for number in range(60)))) == 60
    assert "holds 60 labels in 60 rows; is it the right one (task.label_column)?" in caplog.text
    assert "and 40 more" in caplog.text


def test_ids_are_places_among_the_names():
    classes = Classes(["no", "yes"], ONE)
    assert [classes.id(row) for row in Listed("yes", "no", "yes").rows()] == [1, 0, 1]
    assert len(classes) == 2


def test_an_unknown_label_names_the_row_and_those_known():
    classes = Classes(["negative", "positive"], ONE)
    (row,) = Listed("positve").rows()
    says = (
        r"d\.csv:2: the label `positve` is none of those that are learned: negative, positive; "
        r"did you mean `positive`\?; .*task\.labels"
    )
    with pytest.raises(DataError, match=says):
        classes.id(row)


def test_labels_of_many_are_counted_by_the_row():
    source = Listed(["b", "a"], [], ["b", "b"], '["c"]')
    counts, rows = find_labels(source, ("text",), MANY)
    assert (dict(counts), rows) == ({"a": 1, "b": 2, "c": 1}, 4)
    classes = Classes(list(counts), MANY)
    assert [classes.hot(row).tolist() for row in source.rows()] == [
        [1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1],
    ]  # fmt: skip
    assert classes.count(source) == (counts, 4)
    with pytest.raises(DataError, match=r"d\.csv:2: the label `d` is none of those"):
        classes.hot(next(Listed(["a", "d"]).rows()))


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([["a", "b"], ["b", "a"]], "every row has the label `a`, `b`"),
        ([[], []], "every row has the label none"),
        ([["a"], []], "`a` is the only label; .* write both"),
        (
            [["a"], "a;b"],
            r"d\.csv:3: column `label` holds a str, not a list of labels; .*separator",
        ),
        ([["a"], "[a"], r"d\.csv:3: column `label` is no JSON list"),
        ([["a"], None], r"d\.csv:3: column `label` is null"),
        ([["a"], [0.5]], r"d\.csv:3: column `label` holds the number 0\.5"),
    ],
)
def test_what_is_no_list_of_labels_is_named(labels, says):
    with pytest.raises(DataError, match=says):
        find_labels(Listed(*labels), ("text",), MANY)


def test_two_ways_to_write_a_label_are_told(caplog):
    assert found("Sea", "sea ", "sea ", "sky") == ["Sea", "sea ", "sky"]
    assert "only by case or space: 'sea ' (2), 'Sea' (1); write each label one way" in caplog.text


def test_balanced_weights_are_those_of_scikit_learn():
    gold = [0] * 7 + [1] * 2 + [2]
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=np.array(gold))
    ours = balanced({"a": 7, "b": 2, "c": 1, "never": 0}, 10, many=False)
    assert list(ours.values()) == pytest.approx([*theirs, 1.0])
    assert sum(theirs[label] for label in gold) == pytest.approx(10)  # a row weighs 1 on average
    assert balanced({"a": 2, "b": 10}, 10, many=True) == {"a": 4.0, "b": 1.0}


def test_milder_weights_are_the_roots_and_a_row_still_weighs_one_on_average():
    counts = {"a": 7, "b": 2, "c": 1, "never": 0}
    full = balanced(counts, 10, many=False)
    mild = balanced(counts, 10, many=False, power=0.5)
    assert sum(mild[name] * count for name, count in counts.items()) == pytest.approx(10)
    assert mild["c"] / mild["a"] == pytest.approx((full["c"] / full["a"]) ** 0.5)
    assert mild["never"] == 1.0
    assert balanced({"a": 2}, 10, many=True, power=0.5) == {"a": 2.0}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1, "2.5", "high"], r"d\.csv:4: column `label` holds 'high', not a number; a regression"),
        ([1, True], r"d\.csv:3: column `label` holds the boolean true, not a number"),
        ([1, "nan"], r"d\.csv:3: column `label` holds 'nan', not a number"),
        ([1, None], r"d\.csv:3: column `label` is null"),
        ([2, "2.0"], "train data: every row has the number 2 in column `label`; .* tell apart"),
    ],
)
def test_what_is_no_number_is_named(values, says):
    with pytest.raises(DataError, match=says):
        check_numbers(Listed(*values), ("text",), "label")


def test_both_texts_of_a_pair_are_asked_for():
    with pytest.raises(DataError, match=r"d\.csv:2: no column `other`; the columns are `text`, "):
        check_numbers(Listed(1, 2), ("text", "other"), "label")
    with pytest.raises(DataError, match=r"d\.csv:2: column `text` is blank"):
        check_numbers(Listed(1, 2, text=" "), ("text",), "label")
