"""Many labels a row, against scikit-learn and by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score, roc_auc_score

from lmkit.evaluation.multi_label import MultiLabel


@pytest.fixture
def scored():
    """Logits (90, 3) and whether each row has each label."""
    random = np.random.default_rng(0)
    gold = random.random((90, 3)) < (0.2, 0.5, 0.6)
    return torch.from_numpy(random.normal(size=(90, 3)) + 2 * gold - 1), gold


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_numbers_agree_with_scikit_learn(scored, threshold):
    logits, gold = scored
    problem = MultiLabel(["a", "b", "c"], threshold)
    shares = logits.sigmoid().numpy()
    given = shares >= threshold
    found = problem.metrics(problem.reduce(logits, torch.from_numpy(gold.astype(np.float32))))
    costs = [log_loss(gold[:, number], shares[:, number]) for number in range(3)]
    assert found["loss"] == pytest.approx(np.mean(costs))
    assert found["subset_accuracy"] == pytest.approx(accuracy_score(gold, given))
    for average in ("macro", "micro", "weighted"):
        assert found[f"{average}_f1"] == pytest.approx(f1_score(gold, given, average=average))
    assert found["recall"] == pytest.approx(recall_score(gold, given, average="macro"))
    assert found["auroc"] == pytest.approx(roc_auc_score(gold, shares), abs=1e-6)


def test_answers_for_metrics_of_others_are_lists(scored):
    logits, gold = scored
    problem = MultiLabel(["a", "b", "c"])
    rows = problem.reduce(logits, torch.from_numpy(gold.astype(np.float32)))
    assert problem.given(rows["gold"]) == gold.astype(int).tolist()
    assert problem.tried == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_each_label_has_its_support(scored):
    logits, gold = scored
    problem = MultiLabel(["a", "b", "c"])
    rows = problem.reduce(logits, torch.from_numpy(gold.astype(np.float32)))
    found = problem.per_class(rows)
    assert [found[name]["support"] for name in "abc"] == gold.sum(0).tolist()
    theirs = f1_score(gold, logits.numpy() >= 0, average=None)
    assert [found[name]["f1"] for name in "abc"] == pytest.approx(theirs)


def test_answers_are_the_labels_above_the_threshold():
    problem = MultiLabel(["a", "b", "c"], 0.25)
    logits = torch.tensor([[math.log(1 / 3) + 1e-6, -9.0, math.log(3)], [-9.0, -9.0, -9.0]])
    one, none = problem.answers(logits)
    assert one["labels"] == ["c", "a"]
    assert one["scores"]["c"] == pytest.approx(0.75)
    assert none["labels"] == []
    assert problem.shown(one) == "c 0.75, a 0.25"
    assert problem.shown(none) == "(none)"
