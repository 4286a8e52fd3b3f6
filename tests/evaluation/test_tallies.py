"""Figures of a class against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef, precision_recall_fscore_support

from lmkit.evaluation.tallies import Tallies, by_class, figures, matthews, of_classes

AVERAGES = {"macro_f1": "macro", "micro_f1": "micro", "weighted_f1": "weighted"}


@pytest.fixture(params=[(3, 40), (7, 25), (2, 4)])
def drawn(request):
    """Class ids of gold and predicted rows; of seven classes some are never met."""
    classes, count = request.param
    random = np.random.default_rng(classes)
    return classes, random.integers(0, classes, count), random.integers(0, classes - 1, count)


def test_averages_agree_with_scikit_learn(drawn):
    classes, gold, predicted = drawn
    found = figures(of_classes(gold, predicted, classes))
    options = {"labels": range(classes), "zero_division": 0}
    for name, average in AVERAGES.items():
        assert found[name] == pytest.approx(f1_score(gold, predicted, average=average, **options))
    precision, recall, _, _ = precision_recall_fscore_support(
        gold, predicted, average="macro", **options
    )
    assert (found["precision"], found["recall"]) == pytest.approx((precision, recall))


def test_classes_agree_with_scikit_learn(drawn):
    classes, gold, predicted = drawn
    names = [f"c{number}" for number in range(classes)]
    found = by_class(of_classes(gold, predicted, classes), names)
    theirs = precision_recall_fscore_support(
        gold, predicted, labels=range(classes), zero_division=0
    )
    for number, name in enumerate(names):
        expected = [float(column[number]) for column in theirs]
        assert list(found[name].values()) == pytest.approx(expected)
    assert list(found["c0"]) == ["precision", "recall", "f1", "support"]
    assert isinstance(found["c0"]["support"], int)


def test_matthews_agrees_with_scikit_learn(drawn):
    classes, gold, predicted = drawn
    found = matthews(of_classes(gold, predicted, classes))
    assert found == pytest.approx(matthews_corrcoef(gold, predicted))
    assert matthews(of_classes(gold, np.zeros_like(gold), classes)) == 0.0


def test_many_samples_at_once(drawn):
    classes, gold, predicted = drawn
    one, other = of_classes(gold, predicted, classes), of_classes(predicted, gold, classes)
    both = Tallies(*(np.stack(parts) for parts in zip(one, other, strict=True)))
    for name, values in figures(both).items():
        assert values.tolist() == [figures(one)[name], figures(other)[name]]
    assert matthews(both).tolist() == [matthews(one), matthews(other)]


def test_of_many_labels_a_row():
    random = np.random.default_rng(0)
    gold, predicted = random.random((50, 4)) < 0.3, random.random((50, 4)) < 0.4
    tallies = Tallies((gold & predicted).sum(0), gold.sum(0), predicted.sum(0))
    for name, average in AVERAGES.items():
        theirs = f1_score(gold, predicted, average=average, zero_division=0)
        assert figures(tallies)[name] == pytest.approx(theirs)
