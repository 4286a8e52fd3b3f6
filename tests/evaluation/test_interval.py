"""Intervals against scipy, closed formulas, and their promised coverage."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from lmkit.evaluation import interval
from lmkit.evaluation.interval import (
    bootstrap,
    bootstrap_metrics,
    bootstrap_ratio,
    macro_f1,
    macro_f1_interval,
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


def test_macro_f1_agrees_with_scikit_learn():
    random = np.random.default_rng(4)
    gold, predicted = random.integers(0, 4, 60), random.integers(0, 5, 60)
    confusion = np.zeros((6, 6), int)  # class 4 is never gold, class 5 never met
    np.add.at(confusion, (gold, predicted), 1)
    expected = f1_score(gold, predicted, labels=range(6), average="macro", zero_division=0)
    assert float(macro_f1(confusion)) == pytest.approx(expected, abs=1e-12)


def test_macro_f1_interval_agrees_with_drawing_the_rows():
    random = np.random.default_rng(6)
    gold = random.integers(0, 3, 400)
    predicted = np.where(random.random(400) < 0.7, gold, random.integers(0, 3, 400))

    def statistic(drawn):
        return f1_score(gold[drawn], predicted[drawn], average="macro")

    low, high = bootstrap(statistic, 400, seed=1, resamples=400)
    found = macro_f1_interval(gold, predicted, 3, seed=0, resamples=2000)
    assert found == pytest.approx((low, high), abs=0.012)


def test_macro_f1_interval_of_one_row():
    assert macro_f1_interval([1], [1], 2, seed=0) is None
