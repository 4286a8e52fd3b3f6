"""Intervals against scipy, closed formulas, and their promised coverage."""

import numpy as np
import pytest
from scipy import stats

from lmkit.evaluation import interval
from lmkit.evaluation.interval import (
    bootstrap,
    bootstrap_metrics,
    bootstrap_ratio,
    bootstrap_sums,
    fisher,
    normal,
    wilson,
)


@pytest.fixture
def documents():
    random = np.random.default_rng(3)
    counts = random.integers(5, 200, size=300).astype(float)
    return counts * random.gamma(9.0, 0.4, size=300), counts


def test_ratio_agrees_with_scipy(documents):
    found = bootstrap_ratio(*documents, seed=0, resamples=4000)
    other = stats.bootstrap(
        documents,
        lambda x, y, axis: x.sum(axis) / y.sum(axis),
        paired=True,
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    width = other.high - other.low
    assert found == pytest.approx((other.low, other.high), abs=0.06 * width)


def test_ratio_holds_the_true_value_in_about_95_of_100_samples():
    random = np.random.default_rng(5)
    held = 0
    for seed in range(200):
        sizes = random.integers(1, 50, size=80)
        low, high = bootstrap_ratio(sizes * random.exponential(2.0, 80), sizes, seed, 300)
        held += low <= 2.0 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_ratio_depends_on_the_seed_alone(documents):
    assert bootstrap_ratio(*documents, seed=7) == bootstrap_ratio(*documents, seed=7)
    assert bootstrap_ratio(*documents, seed=7) != bootstrap_ratio(*documents, seed=8)


def test_grouping_of_many_documents_keeps_the_width(monkeypatch):
    random = np.random.default_rng(0)
    counts = random.integers(1, 9, size=9000).astype(float)
    sums = counts * random.exponential(1.0, 9000)
    exact = bootstrap_ratio(sums, counts, 0)
    monkeypatch.setattr(interval, "_UNITS", 2000)
    grouped = bootstrap_ratio(sums, counts, 0)
    assert grouped[1] - grouped[0] == pytest.approx(exact[1] - exact[0], rel=0.1)


def test_one_document_has_no_interval():
    assert bootstrap_ratio([3.0], [2.0], seed=0) is None


def test_documents_without_a_byte_do_not_divide_by_zero():
    low, high = bootstrap_ratio([1.0, 1.0, 0.5], [2.0, 0.0, 0.0], seed=0)
    assert 0.5 <= low <= high < np.inf


def test_bootstrap_of_a_mean_agrees_with_the_normal_interval():
    sample = np.random.default_rng(2).normal(4.0, 1.5, size=500)
    low, high = bootstrap(lambda drawn: sample[drawn].mean(), 500, seed=0)
    half = 1.96 * sample.std() / np.sqrt(500)
    assert (low, high) == pytest.approx(
        (sample.mean() - half, sample.mean() + half), abs=0.15 * half
    )


def test_bootstrap_of_several_numbers():
    sample = np.arange(10.0)
    low, high = bootstrap(lambda drawn: [sample[drawn].mean(), 1.0], 10, seed=0, resamples=50)
    assert low.shape == high.shape == (2,)
    assert low[1] == high[1] == 1.0


def test_metrics_of_rows_that_hold_lists():
    rows = {"tags": [[1, 0], [1], [0, 0, 0], [1, 1]] * 20, "gold": ["a", "b", "a", "a"] * 20}

    def metrics(drawn):
        assert isinstance(drawn["tags"], list)
        return {"share": sum(sum(tags) for tags in drawn["tags"]) / len(drawn["gold"])}

    low, high = bootstrap_metrics(metrics, rows, seed=0, resamples=100)["share"]
    assert low < 1.0 < high


def test_metrics_of_one_row_have_no_interval():
    def metrics(rows):
        return {"x": 1.0}

    assert bootstrap_metrics(metrics, {"a": [1]}, seed=0) == {}
    assert bootstrap_metrics(metrics, {}, seed=0) == {}


@pytest.mark.parametrize(("successes", "count"), [(0, 1), (0, 10), (7, 10), (10, 10), (812, 1000)])
def test_wilson_agrees_with_scipy(successes, count):
    other = stats.binomtest(successes, count).proportion_ci(0.95, method="wilson")
    assert wilson(successes, count) == pytest.approx((other.low, other.high), abs=1e-12)


def test_sums_agree_with_drawing_the_rows():
    random = np.random.default_rng(0)
    x, y = random.normal(size=300), random.random(300) + 0.5

    def ratio(sums):
        return {"ratio": sums[:, 0] / sums[:, 1]}

    found = bootstrap_sums(ratio, np.stack([x, y], axis=1), np.ones(300), 1, resamples=4000)
    low, high = interval.bootstrap(lambda rows: x[rows].sum() / y[rows].sum(), 300, 2, 4000)
    assert found["ratio"] == pytest.approx((low, high), abs=0.01)


def test_equal_rows_may_be_counted():
    kinds, counts = np.array([[1.0, 1.0], [0.0, 1.0]]), [30, 70]

    def share(sums):
        return {"share": sums[:, 0] / sums[:, 1]}

    found = bootstrap_sums(share, kinds, counts, 1, resamples=4000)["share"]
    rows = np.repeat(kinds, counts, axis=0)
    assert found == pytest.approx(
        bootstrap_sums(share, rows, np.ones(100), 2, resamples=4000)["share"], abs=0.011
    )
    half = 1.96 * np.sqrt(0.3 * 0.7 / 100)
    assert found == pytest.approx((0.3 - half, 0.3 + half), abs=0.015)


def test_groups_keep_the_width(monkeypatch):
    monkeypatch.setattr(interval, "_UNITS", 200)
    x = np.random.default_rng(0).normal(size=2000)
    units = np.stack([x, np.ones(2000)], axis=1)
    low, high = bootstrap_sums(
        lambda sums: {"mean": sums[:, 0] / sums[:, 1]}, units, np.ones(2000), 0, 4000
    )["mean"]
    assert high - low == pytest.approx(2 * 1.96 * x.std() / np.sqrt(2000), rel=0.15)


def test_a_number_that_no_draw_defines_has_no_interval():
    found = bootstrap_sums(
        lambda sums: {"never": sums[:, 0] * np.nan, "once": sums[:, 0]}, [[1.0]], [5], 0, 10
    )
    assert found == {"once": (5.0, 5.0)}
    assert bootstrap_sums(lambda sums: {"x": sums[:, 0]}, [[1.0]], [1], 0) == {}


def test_fisher_agrees_with_scipy():
    random = np.random.default_rng(3)
    x = random.normal(size=60)
    y = x + random.normal(size=60)
    theirs = stats.pearsonr(x, y)
    ends = theirs.confidence_interval(0.95)
    assert fisher(theirs.statistic, 60) == pytest.approx((ends.low, ends.high))
    wider = fisher(theirs.statistic, 60, ranks=True)
    assert wider[0] < ends.low < ends.high < wider[1]
    assert fisher(1.0, 60) is None
    assert fisher(float("nan"), 60) is None
    assert fisher(0.5, 3) is None


def test_a_normal_interval_stays_within_its_bounds():
    assert normal(0.5, 0.1) == pytest.approx((0.304, 0.696), abs=1e-4)
    assert normal(0.99, 0.1)[1] == 1.0
