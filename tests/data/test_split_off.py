"""Validation and test data split off as a recipe says: disjoint, stable, each label its share."""

from collections import Counter

import pytest

from lmkit.data.rows import Row, Splits
from lmkit.data.split_off import split_off
from lmkit.errors import DataError
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.sections import DataSection

CLASSES = ClassificationOptions(name="classification")
NUMBERS = ClassificationOptions(name="classification", problem="regression")
TEXT = CausalLMOptions(name="causal_lm")


class Labeled:
    """`rare` is every 20th row."""

    name = "train"

    def __init__(self, count, begin=0):
        self.numbers = range(begin, begin + count)

    def rows(self):
        for number in self.numbers:
            label = "rare" if number % 20 == 0 else "common"
            yield Row({"text": f"text {number}", "label": label}, f"d:{number}")

    def fingerprint(self):
        return repr(self.numbers)

    def describe(self):
        return [{"path": "d", "bytes": 1, "sha256": "0"}]


def split(source, options=CLASSES, **data):
    section = DataSection(train="d", **data)
    return split_off(Splits(source, None, None), section, options)


def texts(source, label=None):
    return {row.values["text"] for row in source.rows() if label in (None, row.values["label"])}


def labels(source):
    return Counter(row.values["label"] for row in source.rows())


def test_each_label_has_its_share_on_every_side():
    train, validation, test = split(Labeled(1000), validation_share=0.1, test_share=0.2)
    assert texts(train) | texts(validation) | texts(test) == texts(Labeled(1000))
    assert len(texts(train)) + len(texts(validation)) + len(texts(test)) == 1000
    for side, share in ((validation, 0.1), (test, 0.2)):
        for label, count in (("rare", 50), ("common", 950)):
            assert labels(side)[label] == pytest.approx(share * count, abs=0.2 * share * count + 1)
    assert (validation.name, test.name) == ("validation", "test")
    assert len({side.fingerprint() for side in (train, validation, test)}) == 3
    assert "of the documents" in test.describe()[0]["part"]


def test_a_rare_label_is_on_every_side_where_the_hash_alone_leaves_it_out():
    few = Labeled(60)  # three rows of `rare`
    _, plain, _ = split(few, stratify=False)
    _, evened, _ = split(few)
    assert labels(plain)["rare"] == 0
    assert labels(evened)["rare"] == 1


def test_growth_moves_nothing_of_a_label_with_many_rows():
    _, before, _ = split(Labeled(2000), validation_share=0.1)
    _, after, _ = split(Labeled(4000), validation_share=0.1)
    assert texts(before, "common") == texts(after, "common") & texts(Labeled(2000))


def test_a_test_leaves_validation_as_it_was():
    _, alone, _ = split(Labeled(500), stratify=False)
    _, beside, test = split(Labeled(500), stratify=False, test_share=0.2)
    assert texts(alone) == texts(beside)
    assert len(texts(test)) == pytest.approx(100, abs=20)


def test_numbers_and_running_text_are_split_by_the_hash_alone():
    for options in (NUMBERS, TEXT):
        train, validation, test = split(Labeled(400), options, test_share=0.1)
        assert not train.moved
        assert not validation.moved
        assert texts(test)


@pytest.mark.parametrize(
    ("options", "keys", "says"),
    [
        (NUMBERS, {"stratify": True}, "data.stratify: this classification task has no column"),
        (TEXT, {"test_share": 0.1}, r"d: 5 documents are too few .* set data\.test"),
    ],
)
def test_what_cannot_be_split(options, keys, says):
    with pytest.raises(DataError, match=says):
        split(Labeled(5), options, **keys)


def test_a_test_that_is_there_is_not_made_anew():
    splits = Splits(Labeled(50), Labeled(9), Labeled(8, 90))
    assert split_off(splits, DataSection(train="d"), CLASSES) == splits
    with pytest.raises(DataError, match="the data set has a test split"):
        split_off(splits, DataSection(train="d", test_share=0.1), CLASSES)
