"""Tests of lmkit/data/best_fit.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.best_fit import best_fit, stable_order


@st.composite
def pieces(draw):
    """Lengths and a capacity that holds each of them."""
    capacity = draw(st.integers(1, 24))
    lengths = draw(st.lists(st.integers(1, capacity), min_size=1, max_size=60))
    return np.array(lengths, dtype=np.int64), capacity


def one_by_one(lengths, capacity):
    """Best-fit decreasing as it is defined: the room left in each block."""
    rooms = []
    for length in sorted(lengths, reverse=True):
        fitting = [room for room in rooms if room >= length]
        if fitting:
            rooms.remove(min(fitting))
            rooms.append(min(fitting) - length)
        else:
            rooms.append(capacity - length)
    return sorted(rooms)


def first_fit(lengths, capacity):
    """How many blocks first-fit makes, in the order of the corpus."""
    rooms = []
    for length in lengths:
        for number, room in enumerate(rooms):
            if room >= length:
                rooms[number] -= length
                break
        else:
            rooms.append(capacity - length)
    return len(rooms)


@given(pieces())
def test_it_is_best_fit_decreasing(given_):
    lengths, capacity = given_
    blocks = best_fit(lengths, capacity)
    assert blocks.shape == lengths.shape  # each piece is in one block
    fills = np.bincount(blocks, weights=lengths)
    assert fills.max() <= capacity
    assert sorted((capacity - fills).tolist()) == one_by_one(lengths.tolist(), capacity)


@given(pieces())
def test_no_two_blocks_could_be_one(given_):
    """What every such rule keeps, so padding stays under half of the places and one block."""
    lengths, capacity = given_
    fills = np.sort(np.bincount(best_fit(lengths, capacity), weights=lengths))
    assert len(fills) == 1 or fills[0] + fills[1] > capacity


@given(pieces())
def test_blocks_are_numbered_as_they_come(given_):
    blocks = best_fit(*given_)
    _, first = np.unique(blocks, return_index=True)
    assert blocks.min() == 0
    assert (np.diff(first) > 0).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [2.0, 3.5, 5.0])
def test_it_pads_no_more_than_first_fit(seed, scale):
    drawn = np.random.default_rng(seed).lognormal(scale, 1.0, 800).astype(np.int64)
    lengths = np.clip(drawn, 1, 128)
    blocks = int(best_fit(lengths, 128).max()) + 1
    assert -(-lengths.sum() // 128) <= blocks <= first_fit(lengths.tolist(), 128)


@given(st.lists(st.integers(0, 9)), st.sampled_from([10, 1 << 16, 1 << 20]))
def test_equal_values_keep_their_order(values, limit):
    found = stable_order(np.array(values, dtype=np.int64), limit).tolist()
    assert found == sorted(range(len(values)), key=lambda place: values[place])
