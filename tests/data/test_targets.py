"""What is read of rows, for each problem."""

import pytest

from lmkit.data.rows import Row
from lmkit.data.targets import Targets
from lmkit.errors import DataError
from lmkit.recipe.options.classification import ClassificationOptions


class Listed:
    name = "train"

    def __init__(self, *labels):
        self.labels = labels

    def rows(self):
        for number, label in enumerate(self.labels, start=1):
            yield Row({"text": "a", "other": "b", "label": label}, f"d:{number}")


def targets(**keys):
    return Targets(ClassificationOptions.model_validate({"name": "classification", **keys}))


def resolved(source, **keys):
    return Targets(targets(**keys).resolve(source))


def test_one_label():
    source = Listed("b", "a", "b", "b")
    found = resolved(source)
    assert found.names == ["a", "b"]
    assert [found.of(row) for row in source.rows()] == [1, 0, 1, 1]
    assert found.texts(next(source.rows())) == ("a",)


def test_many_labels_by_a_separator():
    source = Listed("b; a", "", "b")
    found = resolved(source, problem="multi_label", label_separator=";")
    assert found.names == ["a", "b"]
    assert [found.of(row).tolist() for row in source.rows()] == [[1, 1], [0, 0], [0, 1]]


def test_numbers():
    source = Listed("0.5", 2, 3.0)
    found = resolved(source, problem="regression", label_column="label")
    assert (found.names, [found.of(row) for row in source.rows()]) == (["label"], [0.5, 2.0, 3.0])
    with pytest.raises(DataError, match="d:1: column `label` holds 'x', not a number"):
        found.check(Listed("x"))


def test_pairs_need_both_texts():
    found = resolved(Listed("a", "b"), text_pair_column="other")
    assert found.texts(next(Listed("a").rows())) == ("a", "b")
    with pytest.raises(DataError, match="d:9: column `other` is blank"):
        found.texts(Row({"text": "a", "other": " "}, "d:9"))


def test_balanced_weights_are_written_out_also_for_given_labels():
    source = Listed("b", "a", "b", "b")
    weights = {"a": 2.0, "b": pytest.approx(2 / 3)}
    assert resolved(source, class_weights="balanced").options.class_weights == weights
    mild = resolved(source, class_weights="balanced_sqrt").options.class_weights
    assert mild["a"] / mild["b"] == pytest.approx(3**0.5)
    given = resolved(source, class_weights="balanced", labels=["b", "a"]).options
    assert given.class_weights == weights
    assert "max_length" not in given.model_fields_set  # it may still follow the model
    again = Targets(given).resolve(Listed("a", "b"))
    assert again.class_weights == given.class_weights  # what a run was trained with is kept


def test_a_weight_for_a_label_that_the_data_lack_is_an_error():
    with pytest.raises(DataError, match="no training row has the label `c`; the labels are a, b"):
        resolved(Listed("a", "b"), class_weights={"c": 2.0})
