"""Labels found in rows, and rows whose label is wrong."""

import logging

import pytest

from lmkit.data.classes import Classes, find_labels
from lmkit.data.rows import Row
from lmkit.errors import DataError


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
    return find_labels(Listed(*labels, **keys), text_column="text", label_column="label")


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
        find_labels(source, text_column="text", label_column="lable")


def test_a_column_of_texts_is_wondered_at(caplog):
    with caplog.at_level(logging.INFO, logger="lmkit"):
        assert len(found(*(f"text {number}" for number in range(60)))) == 60
    assert "holds 60 labels in 60 rows; is it the right one (task.label_column)?" in caplog.text
    assert "and 40 more" in caplog.text


def test_ids_are_places_among_the_names():
    classes = Classes(["no", "yes"], "label")
    assert [classes.id(row) for row in Listed("yes", "no", "yes").rows()] == [1, 0, 1]
    assert len(classes) == 2


def test_an_unknown_label_names_the_row_and_those_known():
    classes = Classes(["negative", "positive"], "label")
    (row,) = Listed("positve").rows()
    says = (
        r"d\.csv:2: the label `positve` is none of those that are learned: negative, positive; "
        r"did you mean `positive`\?; .*task\.labels"
    )
    with pytest.raises(DataError, match=says):
        classes.id(row)
