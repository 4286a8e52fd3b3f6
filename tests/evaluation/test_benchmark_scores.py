"""Metrics of benchmarks by the definitions written out, and by scikit-learn's."""

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from lmkit.evaluation.benchmark_scores import (
    choice,
    choice_units,
    last_word,
    last_word_units,
)


def test_last_words():
    rows = {"nll": [1.0, 2.0, 3.0, 4.0], "greedy": [True, False, False, True]}
    metrics, intervals = last_word(rows, seed=0)
    assert metrics == {"accuracy": 0.5, "perplexity": pytest.approx(math.exp(2.5))}
    for name, value in metrics.items():
        low, high = intervals[name]
        assert low < value < high
    assert "perplexity" not in last_word({"nll": [1.0], "greedy": [True]}, seed=0)[1]


def test_choices():
    random = np.random.default_rng(0)
    choices = [["x" * n for n in random.integers(1, 9, size=c)] for c in random.integers(2, 6, 50)]
    gold = [int(random.integers(len(texts))) for texts in choices]
    nll = random.uniform(0, 5, sum(map(len, choices)))
    metrics, intervals, baselines = choice({"nll": nll.tolist()}, choices, gold)
    at, plain, normed = 0, [], []
    for texts in choices:
        part = nll[at : at + len(texts)].tolist()
        plain.append(part.index(min(part)))
        each = [value / len(text) for value, text in zip(part, texts, strict=True)]
        normed.append(each.index(min(each)))
        at += len(texts)
    assert metrics["accuracy"] == accuracy_score(gold, plain)
    assert metrics["accuracy_norm"] == accuracy_score(gold, normed)
    assert baselines["chance"]["accuracy"] == pytest.approx(np.mean([1 / len(c) for c in choices]))
    assert all(low < metrics[name] < high for name, (low, high) in intervals.items())


def test_the_units_add_up_to_the_metrics():
    rows = {"nll": [3.0, 1.0, 2.0, 5.0], "greedy": [True, False, True, True]}
    choices, gold = [["a", "long"], ["b", "c"]], [1, 1]
    metrics, _, _ = choice(rows, choices, gold)
    units = choice_units(rows, choices, gold)
    assert {name: above.sum() / below.sum() for name, (above, below) in units.items()} == metrics
    ((above, below),) = last_word_units(rows).values()
    assert above.sum() / below.sum() == last_word(rows, 0)[0]["accuracy"]
