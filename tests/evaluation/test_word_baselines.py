"""Baselines are scored as models are, on the same rows."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score

from lmkit.evaluation.regression import Regression
from lmkit.evaluation.single_label import SingleLabel
from lmkit.evaluation.word_baselines import word_baselines

TEXTS = [("old boat",), ("salt wave",), ("a star",), ("the moon",), ("boat and wave",)]
ASKED = [("new boat",), ("a star",), ("moon",)]


def test_both_baselines_have_every_metric():
    problem = SingleLabel(["sea", "sky"])
    gold = np.array([0, 0, 1, 1, 0])
    found = word_baselines(problem, gold, TEXTS, ASKED, problem.stack([0, 1, 1]))
    assert list(found) == ["majority", "tfidf_logistic"]
    dummy = DummyClassifier(strategy="most_frequent").fit(np.zeros((5, 1)), gold)
    guessed = dummy.predict(np.zeros((3, 1)))
    assert found["majority"]["accuracy"] == pytest.approx(1 / 3)
    assert found["majority"]["macro_f1"] == pytest.approx(
        f1_score([0, 1, 1], guessed, average="macro", zero_division=0)
    )
    assert found["majority"]["auroc"] == 0.5
    assert found["majority"]["mcc"] == 0.0
    assert found["tfidf_logistic"]["accuracy"] == 1.0
    assert found["tfidf_logistic"].keys() == found["majority"].keys()


def test_what_is_not_defined_is_left_out():
    problem = Regression("mark")
    gold = np.array([1.0, 1.0, 3.0, 3.0, 1.0])
    found = word_baselines(problem, gold, TEXTS, ASKED, problem.stack([1.0, 3.0, 3.0]))
    assert set(found["mean"]) == {"loss", "mse"}
    assert found["mean"]["mse"] == pytest.approx((0.8**2 + 1.2**2 * 2) / 3)
    assert found["tfidf_ridge"]["spearman"] > 0.8


def test_texts_without_a_word_leave_the_majority_alone():
    problem = SingleLabel(["sea", "sky"])
    found = word_baselines(
        problem, np.array([0, 1, 1]), [("!",), ("?",), ("...",)], [("a",)], problem.stack([1])
    )
    assert list(found) == ["majority"]
    assert found["majority"]["accuracy"] == 1.0
