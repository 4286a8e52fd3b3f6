"""The examples of a mixture: what an epoch holds, and what is drawn anew."""

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.mixed import MixedExamples, Passes


class Part:
    """Examples that tell by which key they were asked for."""

    def __init__(self, name, count):
        self.name, self.count = name, count

    @property
    def lengths(self):
        return np.arange(self.count) + 1

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        assert 0 <= key[1] < self.count
        return {"part": self.name, "epoch": key[0], "index": key[1]}


def mixed(*counts_and_sizes, seed=42):
    parts = [Part(number, count) for number, (count, _) in enumerate(counts_and_sizes)]
    return MixedExamples(parts, [size for _, size in counts_and_sizes], seed)


def epoch_of(examples, epoch):
    return [examples[epoch, index] for index in range(len(examples))]


def test_one_part_once_is_the_part_itself():
    examples = mixed((7, 7))
    for epoch in range(3):
        assert epoch_of(examples, epoch) == [Part(0, 7)[epoch, index] for index in range(7)]


@given(
    sizes=st.lists(
        st.integers(1, 20).flatmap(lambda n: st.tuples(st.just(n), st.integers(n, 5 * n))),
        min_size=1,
        max_size=4,
    ),
    epochs=st.integers(1, 12),
)
def test_every_example_as_often_as_every_other_of_its_part(sizes, epochs):
    examples = mixed(*sizes)
    total: Counter = Counter()
    for epoch in range(epochs):
        once = Counter((item["part"], item["index"]) for item in epoch_of(examples, epoch))
        assert once.total() == len(examples) == sum(size for _, size in sizes)
        for part, (count, size) in enumerate(sizes):
            uses = [once[part, index] for index in range(count)]
            assert sum(uses) == size
            assert size // count <= min(uses)
            assert max(uses) <= -(-size // count)
        total += once
    for part, (count, _) in enumerate(sizes):
        uses = [total[part, index] for index in range(count)]
        assert max(uses) - min(uses) <= 1


@given(
    sizes=st.lists(
        st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(n, 4 * n))),
        min_size=1,
        max_size=3,
    )
)
def test_no_key_of_a_part_comes_twice_in_a_run(sizes):
    """So masks, a function of a part's (epoch, index), are never the same twice."""
    examples = mixed(*sizes)
    keys = [
        (item["part"], item["epoch"], item["index"])
        for epoch in range(4)
        for item in epoch_of(examples, epoch)
    ]
    assert len(set(keys)) == len(keys)


def test_a_partial_pass_moves_on():
    examples = mixed((100, 130))
    first, second = ({i["index"] for i in epoch_of(examples, e)[100:]} for e in (0, 1))
    assert len(first) == len(second) == 30
    assert not first & second
    other = {item["index"] for item in epoch_of(mixed((100, 130), seed=7), 0)[100:]}
    assert other != first


@given(epoch=st.integers(0, 1000))
def test_lengths_are_those_of_the_epoch(epoch):
    examples = mixed((5, 13), (8, 8), (3, 4))
    found = [item["index"] + 1 for item in epoch_of(examples, epoch)]
    assert examples.lengths_in(epoch).tolist() == found
    assert examples.tokens(epoch) == [sum(found[:13]), sum(found[13:21]), sum(found[21:])]
    assert examples.lengths.tolist() == examples.lengths_in(0).tolist()


def test_an_index_beyond_the_epoch():
    with pytest.raises(IndexError, match="example 8 of 8"):
        mixed((3, 8))[0, 8]


def test_workers_get_it_by_pickle():
    examples = mixed((5, 13))
    assert examples[3, 12] == pickle.loads(pickle.dumps(examples))[3, 12]


def test_passes_of_a_large_part_cost_no_list():
    passes = Passes(examples=10**12, used=3 * 10**12 + 7, seed=1)
    assert passes.rounds == 4
    assert passes.at(5, 2 * 10**12 + 9) == (2, 9)
    number, index = passes.at(5, 3 * 10**12 + 6)
    assert number == 3
    assert 0 <= index < 10**12
