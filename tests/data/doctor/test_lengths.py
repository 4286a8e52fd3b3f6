"""Percentiles by their definition, histograms that hold every row once, bars."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.doctor.lengths import BAR, BUCKETS, bar, bucket_edges, measure

LENGTHS = st.lists(st.integers(0, 3_000_000), min_size=1)


@given(LENGTHS)
def test_percentiles_and_buckets(lengths: list[int]) -> None:
    found = measure(np.array(lengths), "tokens", 1000)
    for share, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99")):
        value = found.percentiles[name]
        assert value in lengths
        assert sum(n <= value for n in lengths) >= share * len(lengths) - 1e-9
        assert sum(n < value for n in lengths) < share * len(lengths)
    assert found.percentiles["max"] == max(lengths)
    for low, high, count in found.buckets:
        assert count == sum(low <= n < high for n in lengths)
    assert sum(count for _, _, count in found.buckets) == len(lengths)
    assert found.over == sum(n > 1000 for n in lengths)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_edges_rise_and_are_few(one: int, two: int) -> None:
    edges = bucket_edges(min(one, two), max(one, two))
    assert edges == sorted(set(edges))
    assert edges[0] <= min(one, two)
    assert edges[-1] > max(one, two)
    assert len(edges) <= BUCKETS + 3


def test_lines() -> None:
    found = measure(np.array([1, 2, 2, 3]), "tokens", 2)
    assert found.lines() == [
        "  tokens a row: p50 2, p90 3, p99 3, max 3",
        f"  1-1 {'█' * 20}{' ' * 20} 1",
        f"  2-2 {'█' * 40} 2",
        f"  3-3 {'█' * 20}{' ' * 20} 1",
    ]
    assert found.as_dict()["share_over_limit"] == 0.25
    assert found.as_dict()["histogram"][1] == {"from": 2, "to": 3, "rows": 2}


def test_bars() -> None:
    assert bar(0, 10) == ""
    assert bar(10, 10) == "█" * BAR
    assert bar(1, 1_000_000) == "▏"
    assert bar(1, 16) == "██▌"
