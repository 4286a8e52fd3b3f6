"""The share of padding, against batches that are really put together."""

import numpy as np
import pytest

from lmkit.data.collate import pad_batch
from lmkit.labels import IGNORED
from lmkit.training import padding
from lmkit.training.batches import BatchShape, Order, train_loader
from lmkit.training.padding import padding_share


class Texts:
    """Example i is a run of as many ones as `lengths` says."""

    def __init__(self, lengths):
        self.lengths = np.array(lengths)

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, key):
        ones = np.ones(self.lengths[key[1]], dtype=np.int64)
        return {"input_ids": ones, "labels": ones.copy()}


def counted(texts, shape, strategy):
    """Tokens that count and places, over the batches of all processes."""
    held = places = 0
    for rank in range(shape.world_size):
        own = BatchShape(shape.total, shape.micro, shape.world_size, rank)
        order = Order(texts, own, seed=3, strategy=strategy)

        def collate(features):
            return pad_batch(features, pad_values={"input_ids": 0, "labels": IGNORED})

        for batch in train_loader(texts, order, collate):
            held += int((batch["labels"] != IGNORED).sum())
            places += batch["input_ids"].numel()
    return held, places


@pytest.mark.parametrize("strategy", ["random", "group_by_length", "sequential"])
@pytest.mark.parametrize("shape", [BatchShape(8, 4), BatchShape(6, 4, 2), BatchShape(50, 3)])
def test_it_is_that_of_the_batches(shape, strategy):
    texts = Texts(np.random.default_rng(0).integers(1, 60, 41))
    order = Order(texts, shape, seed=3, strategy=strategy)
    held, places = counted(texts, shape, strategy)
    assert held == texts.lengths.sum()
    assert padding_share(texts.lengths, order, int) == pytest.approx(1 - held / places)
    filled = padding_share(texts.lengths, order, lambda _: 64)
    assert filled == pytest.approx(1 - texts.lengths.sum() / (places_of(order) * 64))


def places_of(order):
    """Rows of all batches of an epoch."""
    plan = order.plan(0)
    micro_batches = sum(plan.micro_batches(step) for step in range(plan.steps))
    return micro_batches * order.shape.world_size * order.shape.micro


def test_grouping_pads_less():
    texts = Texts(np.random.default_rng(0).integers(1, 200, 400))
    shares = [
        padding_share(texts.lengths, Order(texts, BatchShape(8, 8), seed=0, strategy=name), int)
        for name in ("random", "group_by_length")
    ]
    assert shares[1] < 0.1 < 0.3 < shares[0]


@pytest.mark.parametrize("strategy", ["random", "group_by_length"])
def test_of_a_long_epoch_a_sample_is_looked_at(strategy, monkeypatch):
    texts = Texts(np.random.default_rng(0).integers(1, 200, 4_000))
    order = Order(texts, BatchShape(4, 4), seed=0, strategy=strategy)
    exact = padding_share(texts.lengths, order, int)
    monkeypatch.setattr(padding, "CELLS", 300)
    looked = padding._steps(1000, 1)
    assert (len(looked), len(set(looked)), looked[0], looked[-1]) == (300, 300, 0, 999)
    assert padding_share(texts.lengths, order, int) == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize(("total", "cells"), [(1, 1), (9, 5000), (11, 5000), (1001, 1), (10**9, 7)])
def test_whatever_the_epoch_its_steps_are_in_it(total, cells):
    steps = padding._steps(total, cells)
    assert 1 <= len(set(steps)) == len(steps) <= 1000
    assert 0 <= min(steps) <= max(steps) < total


def test_rows_of_several_sequences_take_their_own_places():
    """Each example is two sequences, of which one is half as long: a quarter is padding."""
    texts = Texts(np.full(64, 30))
    order = Order(texts, BatchShape(8, 8), seed=0, strategy="random")
    assert padding_share(texts.lengths, order, int, lambda rows: 2 * 20 * len(rows)) == 0.25
