"""Batches: each example once an epoch, the same steps however many processes share them."""

import time
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from accelerate import skip_first_batches
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit.data.order import BatchPlan
from lmkit.labels import IGNORED
from lmkit.training.batches import BatchShape, KeySampler, MicroBatches, Order, train_loader

STRATEGIES = ("random", "sequential", "group_by_length")


class Numbered:
    """Example i holds the number i, i % 7 + 1 times."""

    def __init__(self, count):
        self.count = count

    @property
    def lengths(self):
        return np.arange(self.count) % 7 + 1

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        epoch, index = key
        ids = np.full(index % 7 + 1, index)
        return {"input_ids": ids, "labels": ids.copy(), "epoch": epoch}


def read(count, shape, strategy="random", epoch=0, seed=3):
    """The features of every micro-batch of one process, by step."""
    order = Order(Numbered(count), shape, seed=seed, strategy=strategy)
    batches = MicroBatches(Numbered(count), order)
    sampler = KeySampler(order)
    sampler.set_epoch(epoch)
    steps = {}
    for keys in sampler:
        steps.setdefault(keys[0][1], []).append(batches.__getitems__(keys))
    return steps


def counted(features):
    return [int(f["input_ids"][0]) for f in features if (f["labels"] != IGNORED).all()]


@given(
    count=st.integers(1, 60),
    total=st.integers(1, 16),
    micro=st.integers(1, 5),
    world=st.integers(1, 4),
    strategy=st.sampled_from(STRATEGIES),
    epoch=st.integers(0, 3),
)
def test_each_example_counts_once_an_epoch_whoever_reads_it(
    count, total, micro, world, strategy, epoch
):
    """Over all ranks each step has the examples that one process with one batch would have."""
    alone = read(count, BatchShape(total, total), strategy, epoch)
    expected = {step: Counter(counted(batches[0])) for step, batches in alone.items()}
    assert sum(expected.values(), Counter()) == Counter(range(count))
    found = {step: Counter() for step in expected}
    runs = set()
    for rank in range(world):
        shape = BatchShape(total, micro, world, rank)
        steps = read(count, shape, strategy, epoch)
        runs.add(tuple(len(batches) for batches in steps.values()))
        for step, batches in steps.items():
            assert len(batches) <= shape.accumulation
            for features in batches:
                assert len(features) == micro
                assert {f["epoch"] for f in features} == {epoch}
                found[step].update(counted(features))
    assert found == expected
    assert len(runs) == 1  # no rank waits for another


@pytest.mark.parametrize(
    ("total", "micro", "world", "accumulation"),
    [(8, 8, 1, 1), (8, 2, 1, 4), (8, 1, 2, 4), (8, 3, 1, 3), (8, 3, 2, 2), (1, 8, 4, 1)],
)
def test_accumulation_follows_from_the_total(total, micro, world, accumulation):
    assert BatchShape(total, micro, world).accumulation == accumulation


def test_short_batches_are_filled_with_rows_that_count_nothing():
    last = read(21, BatchShape(8, 4), "sequential")[2]
    assert [counted(features) for features in last] == [[16, 17], [18, 19, 20]]
    for features in last:
        for blank in features[len(counted(features)) :]:
            assert (blank["labels"] == IGNORED).all()
            assert np.array_equal(blank["input_ids"], features[0]["input_ids"])


def test_a_process_without_rows_still_has_a_batch():
    """One example for two processes: one of them counts nothing."""
    read_by = [read(1, BatchShape(2, 1, 2, rank))[0] for rank in range(2)]
    assert sorted(len(counted(batches[0])) for batches in read_by) == [0, 1]
    assert all(len(batches[0]) == 1 for batches in read_by)


def test_filling_leaves_the_example_itself_alone():
    kept = {"input_ids": np.arange(3), "labels": 2, "epoch": 0}

    class Single:
        lengths = np.array([3])

        def __len__(self):
            return 1

        def __getitem__(self, key):
            return kept

    order = Order(Single(), BatchShape(2, 2), seed=0, strategy="random")
    first, blank = MicroBatches(Single(), order).__getitems__([(0, 0, 0)])
    assert (first["labels"], blank["labels"]) == (2, IGNORED)
    assert kept["labels"] == 2


def test_varying_examples_are_grouped_by_the_lengths_of_their_epoch():
    class Turning(Numbered):
        """The same lengths, at other places in each epoch."""

        def lengths_in(self, epoch):
            return np.roll(self.lengths, epoch)

    for epoch in range(3):
        examples = Turning(60)
        order = Order(examples, BatchShape(4, 4), seed=1, strategy="group_by_length")
        grouped = [
            examples.lengths_in(epoch)[order.plan(epoch).indices(step, 0, 0)] for step in range(15)
        ]
        # sorted by length, fifteen steps of four hold at most seven changes of length
        assert sum(int(np.ptp(lengths) > 0) for lengths in grouped) <= 7


def test_epochs_and_seeds_differ_and_repeat():
    def sequence(**options):
        steps = read(40, BatchShape(8, 8), **options)
        return [index for batches in steps.values() for index in counted(batches[0])]

    assert sequence(epoch=0) == sequence(epoch=0)
    assert sequence(epoch=0) != sequence(epoch=1)
    assert sequence(seed=3) != sequence(seed=4)
    assert sequence(strategy="sequential", epoch=2) == list(range(40))


def test_steps_of_an_epoch():
    order = Order(Numbered(21), BatchShape(8, 2), seed=0, strategy="random")
    assert order.steps == 3
    sampler = KeySampler(order)
    assert len(sampler) == len(list(sampler)) == 4 + 4 + 3  # 5 examples are left for the last


def test_the_keys_of_a_huge_epoch_cost_nothing():
    """A billion examples, entered at the end: what a resume skips is not read or listed."""
    order = Order(Numbered(10**9), BatchShape(8, 2), seed=0, strategy="random")
    tracemalloc.start()
    began = time.perf_counter()
    sampler = KeySampler(order)
    assert len(sampler) == 4 * 10**9 // 8
    assert next(iter(sampler)) == [(0, 0, 0)]
    found = MicroBatches(Numbered(10**9), order).indices((0, order.steps - 1, 3))
    assert time.perf_counter() - began < 1
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
    assert len(found) == 2
    assert all(0 <= index < 10**9 for index in found)


@pytest.mark.parametrize("step", [100, 1_000_000])
def test_entering_at_a_step_touches_no_row_before_it(step, monkeypatch):
    """What Trainer skips on a resume: no plan is asked and no row read, however many steps."""
    asked = []
    real = BatchPlan.micro_batches
    monkeypatch.setattr(
        BatchPlan, "micro_batches", lambda plan, number: asked.append(number) or real(plan, number)
    )
    order = Order(Numbered(10**9), BatchShape(8, 2), seed=0, strategy="random")
    order.enter(step)
    skipping = skip_first_batches(train_loader(Numbered(10**9), order, counted), 4 * step)
    assert next(iter(skipping)) == order.plan(0).indices(step, 0, 0)
    assert set(asked) == {step}
    assert len(skipping) == 4 * (order.steps - step)


@given(count=st.integers(1, 60), total=st.integers(1, 16), micro=st.integers(1, 5), data=st.data())
@settings(deadline=None)
def test_a_resumed_run_has_the_keys_that_were_left(count, total, micro, data):
    """Over two epochs, entered anywhere: what is left is the end of the whole."""

    def keys(entered):
        order = Order(Numbered(count), BatchShape(total, micro), seed=3, strategy="random")
        order.enter(entered)
        sampler, found = KeySampler(order), []
        for epoch in range(entered // order.steps, 2):
            sampler.set_epoch(epoch)
            done = entered % order.steps if epoch == entered // order.steps else 0
            found += list(sampler)[done * order.shape.accumulation :]
        return found

    step = data.draw(st.integers(0, 2 * -(-count // total) - 1))
    left = keys(step)
    assert left == keys(0)[-len(left) :]
    epoch, within = divmod(step, -(-count // total))
    assert left[0] == [(epoch, within, 0)]


def numbers(features):
    return [f["input_ids"].tolist() for f in features], [f["labels"].tolist() for f in features]


# a forked child of a process with threads, as every loader with workers is
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_worker_processes_change_nothing(strategy):
    loaded = []
    for options in ({}, {"num_workers": 2, "multiprocessing_context": "fork"}):
        order = Order(Numbered(37), BatchShape(8, 3), seed=5, strategy=strategy)
        loader = train_loader(Numbered(37), order, numbers, **options)
        passes = []
        for epoch in range(2):
            loader.set_epoch(epoch)
            passes.append(list(loader))
        loaded.append(passes)
    assert loaded[0] == loaded[1]
    assert (loaded[0][0] == loaded[0][1]) == (strategy == "sequential")
