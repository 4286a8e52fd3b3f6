"""Areas and correlations against scikit-learn and scipy; the interval against drawing rows."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from lmkit.evaluation.ranking import macro_auroc, macro_auroc_interval, pearson, spearman


def drawn(rows, classes, seed=0):
    """Members (N, C) of one class a row, and scores with ties that know a little of them."""
    random = np.random.default_rng(seed)
    members = np.eye(classes, dtype=bool)[random.integers(0, classes, rows)]
    return members, np.round(random.normal(size=(rows, classes)) + members, 1)


def test_the_area_agrees_with_scikit_learn():
    members, scores = drawn(200, 4)
    assert macro_auroc(members, scores) == pytest.approx(roc_auc_score(members, scores))


def test_the_area_of_probabilities_is_one_against_the_rest():
    members, scores = drawn(150, 3, seed=1)
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    theirs = roc_auc_score(members.argmax(1), shares, multi_class="ovr", average="macro")
    assert macro_auroc(members, shares) == pytest.approx(theirs)


def test_a_class_without_rows_or_without_others_is_left_out():
    members, scores = drawn(60, 3)
    wider = np.concatenate([members, np.zeros((60, 1), bool), np.ones((60, 1), bool)], axis=1)
    more = np.concatenate([scores, scores[:, :2]], axis=1)
    assert macro_auroc(wider, more) == macro_auroc(members, scores)
    assert macro_auroc_interval(wider, more) == macro_auroc_interval(members, scores)
    assert math.isnan(macro_auroc(wider[:, 3:], more[:, 3:]))
    assert macro_auroc_interval(wider[:, 3:], more[:, 3:]) is None


def test_the_interval_is_that_of_drawing_the_rows():
    members, scores = drawn(300, 3, seed=2)
    random = np.random.default_rng(3)
    areas = []
    for _ in range(400):
        rows = random.integers(300, size=300)
        areas.append(macro_auroc(members[rows], scores[rows]))
    low, high = macro_auroc_interval(members, scores)
    assert high - low == pytest.approx(2 * 1.96 * np.std(areas), rel=0.12)
    assert (low + high) / 2 == pytest.approx(macro_auroc(members, scores))


def test_one_class_has_the_interval_of_delong():
    """The two variances of the paper, written out with loops."""
    members, scores = drawn(40, 1, seed=4)
    members = np.random.default_rng(5).random((40, 1)) < 0.4
    has, score = members[:, 0], scores[:, 0]

    def beats(a, b):
        return 1.0 if a > b else 0.5 if a == b else 0.0

    won = [np.mean([beats(a, b) for b in score[~has]]) for a in score[has]]
    lost = [np.mean([beats(a, b) for a in score[has]]) for b in score[~has]]
    variance = np.var(won) / len(won) + np.var(lost) / len(lost)
    half = 1.959964 * math.sqrt(variance)
    area = np.mean(won)
    assert macro_auroc_interval(members, scores) == pytest.approx((area - half, area + half))


def test_correlations_agree_with_scipy():
    random = np.random.default_rng(6)
    x = random.integers(0, 9, 80)
    y = x + random.normal(size=80) * 3
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert math.isnan(pearson(np.ones(5), np.arange(5)))
    assert math.isnan(spearman(np.arange(5), np.ones(5)))


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e300])
def test_a_constant_has_no_correlation(constant):
    """The mean of equal numbers may miss them by a rounding, which is no spread."""
    numbers = np.arange(7.0)
    for pair in ((np.full(7, constant), numbers), (numbers, np.full(7, constant))):
        assert math.isnan(pearson(*pair))
        assert math.isnan(spearman(*pair))
    assert math.isnan(pearson([1.0], [2.0]))
