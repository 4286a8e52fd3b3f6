"""Correlations against scipy's, and their interval against Fisher's."""

import math

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from lmkit.evaluation.correlation import correlation_intervals, correlations, settle_ties


def test_both_are_scipys():
    random = np.random.default_rng(0)
    a = random.normal(size=50)
    b = np.round(a + random.normal(size=50), 0)  # with ties
    found = correlations(a, b)
    assert found["pearson"] == pytest.approx(pearsonr(a, b).statistic, abs=1e-12)
    assert found["spearman"] == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


def test_a_constant_side_has_none():
    assert all(math.isnan(value) for value in correlations([1, 1, 1], [1, 2, 3]).values())
    assert all(math.isnan(value) for value in correlations([1], [1]).values())
    assert correlation_intervals([1, 1, 1], [1, 2, 3], 0) == {}
    assert correlation_intervals([1, 2], [1, 2], 0) == {}


def test_the_interval_is_fishers_where_that_holds():
    """For normal pairs atanh(r) has the standard error 1 / sqrt(n - 3)."""
    random = np.random.default_rng(1)
    a = random.normal(size=400)
    b = a + random.normal(size=400)
    r = correlations(a, b)["pearson"]
    low, high = correlation_intervals(a, b, 0)["pearson"]
    half = 1.96 / math.sqrt(397)
    assert low == pytest.approx(math.tanh(math.atanh(r) - half), abs=0.02)
    assert high == pytest.approx(math.tanh(math.atanh(r) + half), abs=0.02)


def test_equal_pairs_are_tied_whatever_the_rounding():
    keys = [[1, 2], [3, 4], [2, 1], [5, 5], [6, 6], [1, 2]]
    found = settle_ties([0.3, 0.1, 0.3 + 1e-7, 1 - 1e-7, 1.0, 0.3 - 1e-7], keys)
    assert found == pytest.approx([0.3, 0.1, 0.3, 1.0, 1.0, 0.3], abs=1e-6)
    assert found[0] == found[2] == found[5]
    assert found[3] == found[4]
