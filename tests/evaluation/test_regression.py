"""Numbers on a scale, against scipy and by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from lmkit.evaluation.regression import Regression

PROBLEM = Regression("mark")


def rows_of(told, gold):
    logits = torch.tensor(np.asarray(told, float))[:, None]
    return PROBLEM.reduce(logits, PROBLEM.stack([float(value) for value in gold]))


def test_numbers_agree_with_scipy():
    random = np.random.default_rng(0)
    gold = random.integers(0, 6, 100).astype(float)
    told = gold + random.normal(size=100)
    found = PROBLEM.metrics(rows_of(told, gold))
    assert found["loss"] == found["mse"] == pytest.approx(np.mean((told - gold) ** 2))
    assert found["pearson"] == pytest.approx(stats.pearsonr(told, gold).statistic)
    assert found["spearman"] == pytest.approx(stats.spearmanr(told, gold).statistic)


def test_intervals_agree_with_scipy():
    random = np.random.default_rng(1)
    gold = random.normal(size=200) * 3 + 1000  # far from 0, where squares would cancel
    told = gold + random.normal(size=200) * 2
    found = PROBLEM.intervals(rows_of(told, gold), 0)
    ends = stats.pearsonr(told, gold).confidence_interval(0.95)
    assert found["pearson"] == pytest.approx((ends.low, ends.high), abs=0.02)
    errors = (told - gold) ** 2
    half = 1.96 * errors.std() / math.sqrt(200)
    assert found["mse"] == pytest.approx((errors.mean() - half, errors.mean() + half), rel=0.05)


def test_a_constant_has_no_correlation():
    found = PROBLEM.metrics(rows_of([2.0] * 10, range(10)))
    assert math.isnan(found["pearson"])
    assert math.isnan(found["spearman"])
    assert set(PROBLEM.intervals(rows_of([2.0] * 10, range(10)), 0)) == {"loss", "mse"}


def test_answers_are_numbers():
    (answer,) = PROBLEM.answers(torch.tensor([[2.5]]))
    assert answer == {"score": 2.5}
    assert PROBLEM.shown(answer) == "   2.500"
    assert PROBLEM.per_class({}) == {}
