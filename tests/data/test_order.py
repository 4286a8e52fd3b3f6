"""Tests of lmkit/data/order.py."""

import pickle
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from lmkit.data.order import BatchPlan, Permutation, _mix


@given(size=st.integers(1, 5000), seed=st.integers(0, 2**64), epoch=st.integers(0, 1000))
def test_permutation_is_a_bijection(size, seed, epoch):
    elements = Permutation(size, seed, epoch)[np.arange(size)]
    assert np.array_equal(np.sort(elements), np.arange(size))


@pytest.mark.parametrize("size", range(1, 40))
def test_every_small_size_is_a_bijection(size):
    elements = Permutation(size, 3, 1)[np.arange(size)]
    assert sorted(elements.tolist()) == list(range(size))


def test_golden_order():
    """The order is part of what a recipe promises: it must not change between versions."""
    assert Permutation(10, 42, 0)[np.arange(10)].tolist() == [6, 4, 9, 5, 8, 1, 0, 2, 7, 3]
    assert [Permutation(10**12, 42, 3)[p] for p in (0, 1, 10**12 - 1)] == [
        764057999739,
        352393361332,
        897803211363,
    ]


def independent(size, seed, epoch, position):
    """The same network in Python integers, from the description in the docstring."""
    mask = 2**64 - 1

    def mix(z):
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    half = 2
    while 4**half < size:
        half += 1
    state = mix((mix(seed) + epoch) & mask)
    value = position
    while True:
        left, right = value >> half, value % 2**half
        for number in range(1, 9):
            key = mix((state + number * 0x9E3779B97F4A7C15) & mask)
            left, right = right, left ^ (mix(right ^ key) % 2**half)
        value = (left << half) | right
        if value < size:
            return value


@given(size=st.integers(1, 2**50), seed=st.integers(0, 2**64 - 1), data=st.data())
def test_permutation_equals_plain_integers(size, seed, data):
    position = data.draw(st.integers(0, size - 1))
    assert Permutation(size, seed, 7)[position] == independent(size, seed, 7, position)


def test_splitmix_reference():
    """First outputs of splitmix64 from seed 0 (as in its reference implementation)."""
    golden = 0x9E3779B97F4A7C15
    assert _mix(golden) == 0xE220A8397B1DCDAF
    assert _mix(2 * golden % 2**64) == 0x6E789E6AA1B965F4


def test_seeds_and_epochs_give_other_orders():
    orders = {
        tuple(Permutation(100, seed, epoch)[np.arange(100)].tolist())
        for seed in range(10)
        for epoch in range(10)
    }
    assert len(orders) == 100


@pytest.mark.slow
@pytest.mark.parametrize("size", [3, 16, 17])
def test_each_element_is_as_likely_at_each_position(size):
    draws = 1000
    counts = np.zeros((size, size))
    for epoch in range(draws):
        counts[np.arange(size), Permutation(size, 11, epoch)[np.arange(size)]] += 1
    expected = draws / size
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert statistic < chi2.ppf(1 - 1e-6, (size - 1) ** 2)


def test_orders_of_four_are_all_as_likely():
    """All 24 orders of 4 elements, not only the even ones that a small Feistel network makes."""
    draws = 1200
    seen: dict[tuple[int, ...], int] = {}
    for epoch in range(draws):
        order = tuple(Permutation(4, 5, epoch)[np.arange(4)].tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 24
    statistic = sum((count - 50) ** 2 / 50 for count in seen.values())
    assert statistic < chi2.ppf(1 - 1e-6, 23)


def test_neighbours_do_not_stay_together():
    elements = Permutation(10_000, 0, 0)[np.arange(10_000)]
    assert abs(np.corrcoef(elements[:-1], elements[1:])[0, 1]) < 0.05  # five standard errors


@pytest.mark.parametrize("position", [-1, 10, np.array([0, 10])])
def test_positions_outside_are_refused(position):
    with pytest.raises(IndexError, match="permutation of 10"):
        Permutation(10, 0, 0)[position]


plans = st.fixed_dictionaries(
    {
        "size": st.integers(1, 400),
        "total_batch_size": st.integers(1, 40),
        "seed": st.integers(0, 99),
        "epoch": st.integers(0, 3),
    }
)


def cells(plan, step, world):
    """All micro-batches of a step in the order micro-batch, rank."""
    return [
        plan.indices(step, micro, rank)
        for micro in range(plan.micro_batches(step))
        for rank in range(world)
    ]


@settings(deadline=None)
@given(
    plans,
    st.integers(1, 9),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
)
def test_steps_do_not_depend_on_the_split(facts, micro, world, grouped, shuffle):
    lengths = np.random.default_rng(0).integers(1, 99, facts["size"]) if grouped else None
    split = BatchPlan(
        **facts, micro_batch_size=micro, world_size=world, lengths=lengths, shuffle=shuffle
    )
    whole = BatchPlan(
        **facts,
        micro_batch_size=facts["total_batch_size"],
        world_size=1,
        lengths=lengths,
        shuffle=shuffle,
    )
    assert split.steps == whole.steps == -(-facts["size"] // facts["total_batch_size"])
    seen = []
    for step in range(split.steps):
        parts = cells(split, step, world)
        assert list(chain.from_iterable(parts)) == whole.indices(step, 0, 0)
        sizes = [len(part) for part in parts]
        assert max(sizes) <= micro
        assert max(sizes) - min(sizes) <= 1
        seen += whole.indices(step, 0, 0)
    assert sorted(seen) == list(range(facts["size"]))


def test_last_step_runs_only_the_micro_batches_it_needs():
    plan = BatchPlan(19, 16, 2, 2, seed=0, epoch=0)
    assert [plan.micro_batches(step) for step in range(plan.steps)] == [4, 1]
    assert sorted(len(plan.indices(1, 0, rank)) for rank in (0, 1)) == [1, 2]


def test_a_rank_may_be_left_without_examples():
    plan = BatchPlan(1, 8, 2, 4, seed=0, epoch=0)
    assert sorted(len(plan.indices(0, 0, rank)) for rank in range(4)) == [0, 0, 0, 1]


def test_without_shuffling_the_order_is_kept():
    plan = BatchPlan(7, 4, 4, 1, seed=0, epoch=0, shuffle=False)
    assert [plan.indices(step, 0, 0) for step in range(2)] == [[0, 1, 2, 3], [4, 5, 6]]


def test_any_step_of_a_huge_epoch_is_there_at_once():
    plan = BatchPlan(10**12, 512, 8, 8, seed=1, epoch=2)
    assert len(plan.indices(plan.steps - 1, 0, 3)) == 8
    assert len(set(plan.indices(10**9, 0, 0))) == 8


@pytest.mark.parametrize(("step", "micro", "rank"), [(3, 0, 0), (-1, 0, 0), (0, 2, 0), (0, 0, 2)])
def test_what_is_not_in_the_plan_is_refused(step, micro, rank):
    with pytest.raises(IndexError, match="step"):
        BatchPlan(24, 8, 2, 2, seed=0, epoch=0).indices(step, micro, rank)


def test_grouping_saves_padding_and_still_shuffles():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 500, 3000)

    def padded(plan):
        steps = [plan.indices(step, 0, 0) for step in range(plan.steps)]
        return sum(lengths[rows].max() * len(rows) for rows in steps) / lengths.sum()

    plain = BatchPlan(3000, 16, 16, 1, seed=0, epoch=0)
    grouped = BatchPlan(3000, 16, 16, 1, seed=0, epoch=0, lengths=lengths)
    assert padded(plain) > 1.7
    assert padded(grouped) < 1.1
    means = [lengths[grouped.indices(step, 0, 0)].mean() for step in range(50)]
    assert abs(np.corrcoef(means, np.arange(50))[0, 1]) < 0.5  # not from long to short
    again = BatchPlan(3000, 16, 16, 1, seed=0, epoch=0, lengths=lengths)
    assert again.indices(37, 0, 0) == grouped.indices(37, 0, 0)
    assert pickle.loads(pickle.dumps(grouped)).indices(60, 0, 0) == grouped.indices(60, 0, 0)
    other = BatchPlan(3000, 16, 16, 1, seed=0, epoch=1, lengths=lengths)
    assert other.indices(37, 0, 0) != grouped.indices(37, 0, 0)
