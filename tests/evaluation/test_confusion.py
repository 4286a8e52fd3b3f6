"""The confusion matrix, against scikit-learn."""

import numpy as np
from sklearn.metrics import confusion_matrix

from lmkit.evaluation.confusion import MOST, confusion


def test_a_few_labels():
    random = np.random.default_rng(1)
    gold, told = random.integers(0, 3, (2, 50))
    found = confusion(["a", "b", "c"], gold, told)
    assert list(found.columns) == ["true", "a", "b", "c"]
    assert [row[0] for row in found.rows] == ["a", "b", "c"]
    assert np.array_equal([row[1:] for row in found.rows], confusion_matrix(gold, told))


def test_of_many_labels_those_with_mistakes():
    names = [str(number) for number in range(100)]
    gold = np.arange(100)
    told = gold.copy()
    told[90:] = np.roll(gold[90:], 1)
    found = confusion(names, gold, told)
    assert len(found.rows) == MOST
    shown = [row[0] for row in found.rows]
    assert shown[-10:] == names[90:]
    whole = confusion_matrix(gold, told)
    kept = np.array(list(map(int, shown)))
    assert np.array_equal([row[1:] for row in found.rows], whole[np.ix_(kept, kept)])
    assert "40 of 100" in found.definition
