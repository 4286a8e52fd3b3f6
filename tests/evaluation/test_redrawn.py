"""Metrics of drawn rows against scikit-learn and scipy on the same rows."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import roc_auc_score

from lmkit.evaluation import redrawn as module
from lmkit.evaluation.paired import differences, shares
from lmkit.evaluation.redrawn import (
    FEWEST,
    REDRAWN,
    draws,
    redrawn,
    redrawn_areas,
    redrawn_correlations,
)


def test_all_models_are_drawn_alike() -> None:
    first, second = (list(draws(7, 3)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(first, list(draws(7))[:3])
    found = redrawn(lambda rows: {"mean": float(rows.mean())}, 7, 3)["mean"]
    assert found.tolist() == [3.0, *(float(rows.mean()) for rows in first)]


def test_areas_of_the_draws_are_scikit_learn_s() -> None:
    random = np.random.default_rng(1)
    gold = random.integers(0, 3, 90)
    members = gold[:, None] == np.arange(3)
    scores = (random.normal(size=(90, 3)) + members).round(1)  # with ties
    found = redrawn_areas(members, scores)["auroc"]
    assert found.shape == (1 + REDRAWN,)
    for value, rows in zip(found[:20], [np.arange(90), *draws(90, 19)], strict=True):
        expected = roc_auc_score(members[rows], scores[rows], average="macro")
        assert value == pytest.approx(expected, abs=1e-12)


def test_correlations_of_the_draws_are_scipy_s() -> None:
    gold = np.random.default_rng(2).normal(size=40).round(1)
    told = gold + np.random.default_rng(3).normal(size=40).round(1)
    found = redrawn_correlations(told, gold)
    for place, rows in enumerate([np.arange(40), *draws(40, 19)]):
        assert found["pearson"][place] == pytest.approx(pearsonr(told[rows], gold[rows])[0])
        assert found["spearman"][place] == pytest.approx(spearmanr(told[rows], gold[rows])[0])


def test_many_rows_get_fewer_draws_and_too_many_none(monkeypatch) -> None:
    scores = np.random.default_rng(4).normal(size=(100, 2))
    monkeypatch.setattr(module, "_RANKED", 200 * FEWEST + 1)
    assert redrawn_areas(scores > 0, scores)["auroc"].shape == (1 + FEWEST,)
    monkeypatch.setattr(module, "_RANKED", 200 * FEWEST - 1)
    assert redrawn_areas(scores > 0, scores) == {}
    assert redrawn_correlations(scores[:, 0], scores[:, 1]) == {}


def test_the_same_model_with_noise_is_rarely_told_apart(monkeypatch) -> None:
    """At 5 % more than 6 of 40 have a probability below 0.01."""
    random = np.random.default_rng(5)
    monkeypatch.setattr(module, "_RANKED", 120 * 150)
    shown = 0
    for _ in range(40):
        gold = random.integers(0, 2, 120)
        signal = gold + random.normal(size=120)
        scores = [(signal + random.normal(size=120))[:, None] for _ in range(2)]
        units = [
            {"loss": shares(one[:, 0]), **redrawn_areas(gold[:, None] == 1, one)} for one in scores
        ]
        shown += differences(*units, seed=0, resamples=50)["auroc"].is_shown
    assert shown <= 6
