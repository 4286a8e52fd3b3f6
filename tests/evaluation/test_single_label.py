"""One label a row, against scikit-learn and by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import classification_report, log_loss, roc_auc_score

from lmkit.evaluation.single_label import SingleLabel, log_odds

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def scored():
    """Logits (120, 4) and gold of the first three classes."""
    random = np.random.default_rng(0)
    gold = random.integers(0, 3, 120)
    return torch.from_numpy(random.normal(size=(120, 4)) + 2 * np.eye(4)[gold]), gold


def test_numbers_agree_with_scikit_learn(scored):
    logits, gold = scored
    problem = SingleLabel(NAMES)
    rows = problem.reduce(logits, torch.from_numpy(gold))
    shares = logits.softmax(-1).numpy()
    report = classification_report(
        gold, shares.argmax(1), labels=range(4), target_names=NAMES, output_dict=True,
        zero_division=0,
    )  # fmt: skip
    found = problem.metrics(rows)
    areas = [roc_auc_score(gold == number, shares[:, number]) for number in range(3)]
    assert found["loss"] == pytest.approx(log_loss(gold, shares, labels=range(4)))
    assert found["auroc"] == pytest.approx(np.mean(areas), abs=1e-6)  # `d` has no row
    assert found["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
    assert found["weighted_f1"] == pytest.approx(report["weighted avg"]["f1-score"])
    assert (
        found["micro_f1"] == found["accuracy"] == pytest.approx((shares.argmax(1) == gold).mean())
    )
    per_class = problem.per_class(rows)
    for name in NAMES:
        theirs = report[name]
        assert per_class[name] == pytest.approx(
            {"precision": theirs["precision"], "recall": theirs["recall"],
             "f1": theirs["f1-score"], "support": theirs["support"]}
        )  # fmt: skip


def test_log_odds_rank_what_a_probability_of_one_hides():
    logits = torch.tensor([[0.0, 40.0], [0.0, 50.0], [0.0, 50.0 + 1e-7]], dtype=torch.float64)
    found = log_odds(logits.log_softmax(-1))[:, 1]
    assert logits.softmax(-1)[0, 1] == logits.softmax(-1)[1, 1] == 1.0
    assert found[0] == pytest.approx(40.0, abs=1e-3)
    assert found[0] < found[1] == found[2]  # noise is a tie
    assert math.isfinite(log_odds(torch.tensor([[0.0, 5000.0]]).double().log_softmax(-1))[0, 1])


def test_answers_are_shown_in_a_line():
    problem = SingleLabel(["no", "yes"])
    (answer,) = problem.answers(torch.tensor([[0.0, math.log(3)]]))
    assert answer == {"label": "yes", "scores": pytest.approx({"no": 0.25, "yes": 0.75})}
    assert problem.shown(answer) == "yes           0.75"
