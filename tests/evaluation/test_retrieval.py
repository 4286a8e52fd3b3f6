"""Retrieval against brute force: every query and every candidate by itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit.evaluation import retrieval
from lmkit.evaluation.retrieval import (
    AT,
    Ranked,
    candidates_of,
    rank_vectors,
    retrieval_intervals,
    retrieval_metrics,
)


def brute_force(vectors, keys, temperature):
    """Rank and nll of each row, one candidate after the other."""
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    found = []
    for row, (query, positive, *_) in enumerate(keys):
        right = {own[1] for own in keys if own[0] == query} | {query}
        near = {}
        for other in range(len(keys)):
            for place in range(1, len(keys[0])):
                key = keys[other][place]
                if key == positive or key not in right:
                    near.setdefault(key, float(unit[row, 0] @ unit[other, place]))
        rank = sum(value >= near[positive] for value in near.values())
        total = sum(math.exp(value / temperature) for value in near.values())
        found.append((rank, math.log(total) - near[positive] / temperature))
    return found


@st.composite
def splits(draw):
    """Rows over few texts, so that many are equal; equal texts have equal vectors."""
    texts = draw(st.integers(2, 3))
    rows = draw(st.lists(st.lists(st.integers(0, 6), min_size=texts, max_size=texts), min_size=1,
                         max_size=9))  # fmt: skip
    # of each row the wrong text is another than the right one
    rows = [[q, p, *(7 + n for n in rest)] for q, p, *rest in rows]
    table = np.random.default_rng(draw(st.integers(0, 9))).normal(size=(14, 5))
    return rows, np.array([[table[key] for key in row] for row in rows])


@settings(deadline=None)
@given(splits(), st.sampled_from([1, 7, 1 << 22]))
def test_every_rank_and_likelihood(split, cells):
    keys, vectors = split
    before = retrieval._CELLS
    retrieval._CELLS = cells  # blocks of one query, of a few, of all
    try:
        found = rank_vectors(vectors, keys, 0.3)
    finally:
        retrieval._CELLS = before
    wanted = brute_force(vectors, keys, 0.3)
    assert found.rank.tolist() == [rank for rank, _ in wanted]
    assert found.nll == pytest.approx([nll for _, nll in wanted], abs=1e-9)


def test_candidates_are_unlike():
    found = candidates_of([[0, 5], [1, 5], [2, 6]])
    assert len(found) == 2
    assert found.own.tolist() == [0, 0, 1]
    assert found.first.tolist() == [0, 2]


def test_a_model_that_gives_all_the_same_vector_finds_nothing():
    vectors = np.ones((20, 2, 3))
    keys = np.arange(40).reshape(20, 2)
    assert rank_vectors(vectors, keys, 1.0).rank.tolist() == [20] * 20


def test_metrics_by_hand():
    found = Ranked(np.array([1, 2, 6, 11]), np.array([0.0, 1.0, 2.0, 3.0]))
    assert retrieval_metrics(found) == {
        "loss": 1.5, "recall_at_1": 0.25, "recall_at_5": 0.5, "recall_at_10": 0.75,
        "mrr": pytest.approx((1 + 1 / 2 + 1 / 6 + 1 / 11) / 4),
    }  # fmt: skip


def test_intervals_hold_the_metrics():
    random = np.random.default_rng(0)
    found = Ranked(random.geometric(0.3, 200), random.random(200))
    metrics, intervals = retrieval_metrics(found), retrieval_intervals(found, 1)
    assert set(intervals) == {"loss", "mrr", *(f"recall_at_{k}" for k in AT)}
    for name, (low, high) in intervals.items():
        assert low <= metrics[name] <= high
        assert high - low < 0.15
