"""The walk over epochs, shards and blocks: a function of the position, with nothing lost."""

import json
import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data import stream_examples
from lmkit.data.rows import Row
from lmkit.data.stream import Shard, Stream
from lmkit.data.stream_examples import StreamExamples
from lmkit.errors import DataError, NoRowsError
from lmkit.training.batches import BatchShape, KeySampler, MicroBatches, Order


class Part:
    """The number of a shard, and how many blocks it makes."""

    name = "train"

    def __init__(self, number, blocks):
        self.number, self.blocks = number, blocks

    def rows(self):
        if not self.blocks:
            raise NoRowsError("nothing")
        yield Row({"text": "x"}, "x")

    def fingerprint(self):
        return f"{self.number}: {self.blocks}"

    def describe(self):
        return [{"path": f"{self.number}.txt"}]


class Blocks:
    """Block i of a shard, of an epoch, with the seed it was made with."""

    def __init__(self, part, seed):
        self.part, self.seed, self.lengths = part, seed, np.ones(part.blocks)

    def __len__(self):
        return self.part.blocks

    def __getitem__(self, key):
        epoch, index = key
        assert 0 <= index < len(self)
        return {"block": (epoch, self.part.number, index), "seed": self.seed, "labels": np.ones(1)}


def examples(counts, *, seed=1, shuffle=True, made=None):
    """Examples over shards of so many blocks; `made` collects the shards that are prepared."""
    shards = tuple(Shard("train", Part(n, blocks)) for n, blocks in enumerate(counts))

    def make(shard, drawn):
        if made is not None:
            made.append(shard.source.number)
        return Blocks(shard.source, drawn)

    stream = Stream("train", shards, [], [])
    return StreamExamples(
        stream, make, seed=seed, shuffle=shuffle, length=8, identity=str(len(counts))
    )


COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=7).filter(any)


@given(counts=COUNTS, seed=st.integers(0, 99), shuffle=st.booleans(), epochs=st.integers(1, 3))
def test_each_epoch_holds_every_block_once(counts, seed, shuffle, epochs):
    stream, total = examples(counts, seed=seed, shuffle=shuffle), sum(counts)
    found = [stream[0, position]["block"] for position in range(total * epochs)]
    blocks = [(shard, index) for shard, count in enumerate(counts) for index in range(count)]
    for epoch in range(epochs):
        part = found[epoch * total : (epoch + 1) * total]
        assert {number for number, _, _ in part} == {epoch}
        assert sorted((shard, index) for _, shard, index in part) == blocks
        if not shuffle:
            assert [(shard, index) for _, shard, index in part] == blocks
    again = examples(counts, seed=seed, shuffle=shuffle)
    assert [again[0, at]["block"] for at in reversed(range(len(found)))] == found[::-1]


def test_epochs_and_seeds_have_other_orders():
    first = examples([50, 60, 40])
    one = [first[0, at]["block"][1:] for at in range(150)]
    two = [first[0, at]["block"][1:] for at in range(150, 300)]
    other = examples([50, 60, 40], seed=2)
    assert one != two
    assert one != [other[0, at]["block"][1:] for at in range(150)]
    assert len({first[0, at]["seed"] for at in range(150)}) == 3


@given(
    counts=COUNTS, total=st.integers(1, 12), micro=st.integers(1, 4), world=st.integers(1, 3),
    steps=st.integers(1, 9),
)  # fmt: skip
def test_steps_are_the_same_however_many_processes_share_them(counts, total, micro, world, steps):
    """None is short, whatever shards end in it."""
    alone = examples(counts)
    expected = [
        Counter(alone[0, at]["block"] for at in range(step * total, (step + 1) * total))
        for step in range(steps)
    ]
    found = [Counter() for _ in range(steps)]
    for rank in range(world):
        shape = BatchShape(total, micro, world, rank)
        stream = examples(counts)
        order = Order(stream, shape, seed=0, strategy="sequential", steps=steps)
        batches, sampler = MicroBatches(stream, order), KeySampler(order)
        assert len(sampler) == steps * shape.accumulation
        for (key,) in sampler:
            found[key[1]].update(stream[0, at]["block"] for at in batches.indices(key))
    assert found == expected


def test_a_resumed_run_opens_the_shard_it_goes_on_in(tmp_path):
    path = tmp_path / "stream.json"
    counts = [7, 0, 5, 9, 6]
    first = examples(counts)
    first.keep(path, resume=False, write=True)
    before = [first[0, at]["block"] for at in range(60)]
    assert len(json.loads(path.read_text())["shards"]) == 5
    for at in range(60):
        made = []
        again = examples(counts, made=made)
        again.keep(path, resume=True, write=True)
        assert again[0, at]["block"] == before[at]
        assert made[0] == before[at][1]
        assert len(made) <= 2  # the next may be begun in the background


def test_what_another_stream_noted_is_not_taken(tmp_path):
    path = tmp_path / "stream.json"
    for content in ("{", '{"identity": "2", "shards": {"0": {"blocks": 99, "sha256": "?"}}}'):
        path.write_text(content)
        other = examples([3])
        other.keep(path, resume=True, write=True)
        assert other.locate(4) == (1, 0, 1)
        assert json.loads(path.read_text())["shards"]["0"]["blocks"] == 3


def test_a_shard_of_other_content_is_refused(tmp_path):
    path = tmp_path / "stream.json"
    first = examples([3, 4])
    first.keep(path, resume=False, write=True)
    _ = [first[0, at] for at in range(7)]
    changed = examples([3, 5])
    changed.keep(path, resume=True, write=True)
    with pytest.raises(DataError, match=r"shard 2 of the stream \(1\.txt\) has other content"):
        _ = [changed[0, at] for at in range(7)]


def test_a_stream_of_nothing():
    with pytest.raises(DataError, match="no shard of the stream makes an example"):
        examples([0, 0]).locate(0)


def test_few_shards_are_held_open(monkeypatch):
    evicted = []
    monkeypatch.setattr(stream_examples, "evict", lambda *given: evicted.append(given))
    made = []
    stream = examples([2, 2, 2], made=made)
    _ = [stream[0, at] for at in range(12)]
    assert 5 <= len(evicted) <= 6  # the last shard of an epoch may be the first of the next
    assert len(evicted) <= len(made) <= len(evicted) + 1  # one may be prepared ahead
    assert {(folder.name, most) for folder, most in evicted} == {("stream", 10**10)}


def test_the_next_shard_is_prepared_in_the_background_once_half_is_read():
    made, threads = [], {}
    stream = examples([6, 6, 6], shuffle=False, made=made)
    make = stream._make
    stream._make = lambda shard, drawn: [
        threads.setdefault(shard.source.number, threading.current_thread().name),
        make(shard, drawn),
    ][1]
    for position in range(3):
        stream[0, position]
    assert made == [0]
    stream[0, 3]
    work = stream._ahead._work
    assert work is not None
    work._thread.join(10)
    assert made == [0, 1]
    for position in range(4, 18):
        stream[0, position]
    stream[0, 18]  # the second epoch begins with the first shard again
    assert threads == {0: "MainThread", 1: "lmkit-background", 2: "lmkit-background"}
    assert made == [0, 1, 2, 0]


def test_what_is_wrong_with_the_next_shard_is_told_when_its_turn_comes():
    stream = examples([4, 4], shuffle=False)
    make = stream._make

    def fail(shard, drawn):
        if shard.source.number:
            raise DataError("1.txt:7: no text")
        return make(shard, drawn)

    stream._make = fail
    for position in range(4):
        stream[0, position]
    with pytest.raises(DataError, match=r"1.txt:7: no text"):
        stream[0, 4]
