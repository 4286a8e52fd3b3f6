"""Tests of lmkit/data/isolated.py: blocks hold what `packing: none` holds, put together."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.isolated import IsolatedCausalBlocks, IsolatedMaskedBlocks
from lmkit.data.masking import Masker
from lmkit.data.packing import CausalBlocks, MaskedBlocks
from lmkit.data.packing_plan import Cut, PackingPlan, write_plan
from lmkit.labels import SEGMENTS

END, START = 1, 2
documents = st.lists(
    st.lists(st.integers(5, 69), max_size=30).map(lambda ids: [*ids, END]), min_size=2, max_size=9
).filter(lambda found: any(len(document) > 1 for document in found))


@pytest.fixture(scope="session")
def plan_of(tmp_path_factory):
    """A function from a corpus and a cut to its plan."""

    def make(corpus, cut):
        folder = tmp_path_factory.mktemp("plan")
        told = write_plan(folder, corpus.offsets, cut)
        documents, begins = (
            np.fromfile(folder / f"{name}.bin", dtype=told["dtype"])
            for name in ("documents", "begins")
        )
        ends, lengths = (
            np.fromfile(folder / f"{name}.bin", dtype="<i8") for name in ("ends", "lengths")
        )
        return PackingPlan(documents, begins, ends, lengths, cut, told["cut_documents"], folder)

    return make


def parts(blocks, epoch=0):
    """What each document of each block holds, by itself: (ids, labels), sorted."""
    found = []
    for index in range(len(blocks)):
        item = blocks[epoch, index]
        segments = item[SEGMENTS]
        assert len(segments) == blocks.lengths[index] == len(item["input_ids"])
        assert set(np.diff(segments, prepend=0)) <= {0, 1}
        for number in range(1, int(segments[-1]) + 1):
            own = segments == number
            found.append((tuple(item["input_ids"][own]), tuple(item["labels"][own])))
    return sorted(found)


def alone(blocks, epoch=0):
    items = [blocks[epoch, index] for index in range(len(blocks))]
    return sorted((tuple(item["input_ids"]), tuple(item["labels"])) for item in items)


@pytest.mark.parametrize("start", [START, None])
@given(documents=documents, size=st.integers(1, 40))
def test_causal_blocks_hold_the_examples_of_none(make_corpus, plan_of, start, documents, size):
    corpus = make_corpus(documents)
    plan = plan_of(corpus, Cut(size, 0, 0 if start is not None else 1))
    blocks = IsolatedCausalBlocks(corpus, plan, start_id=start, pad_id=0)
    none = CausalBlocks(
        corpus, block_size=size, packing="none", start_id=start, end_id=END, pad_id=0
    )
    assert parts(blocks) == parts(blocks, epoch=3) == alone(none)
    assert blocks.lengths.max() <= size
    assert len(blocks) <= len(none)
    whole, one_each = blocks.ledger(), none.ledger()
    assert whole.pop("padded") == len(blocks) * size - blocks.lengths.sum()
    del one_each["padded"]
    assert whole == one_each
    assert whole["dropped"] == 0


@given(documents=documents, size=st.integers(3, 40))
def test_masked_blocks_hold_the_examples_of_none(
    make_corpus, word_tokenizer, plan_of, documents, size
):
    last = word_tokenizer.sep_token_id
    corpus = make_corpus([[*document[:-1], last] for document in documents])
    masker = Masker(word_tokenizer, probability=0.3, whole_word=False, seed=0)
    blocks = IsolatedMaskedBlocks(corpus, plan_of(corpus, Cut(size, 2, 1)), masker)
    none = MaskedBlocks(corpus, masker, block_size=size, packing="none")
    for epoch in (0, 1):
        assert parts(blocks, epoch) == alone(none, epoch)
    assert blocks.lengths.max() <= size
    whole, one_each = blocks.ledger(), none.ledger()
    assert whole.pop("padded") == len(blocks) * size - blocks.lengths.sum()
    del one_each["padded"]
    assert whole == one_each
    assert whole["dropped"] == 0


def test_items_are_arrays_of_their_own(make_corpus, plan_of):
    corpus = make_corpus([[5, 6, END], [7, END]])
    blocks = IsolatedCausalBlocks(corpus, plan_of(corpus, Cut(8, 0, 0)), start_id=START, pad_id=0)
    item = blocks[0, 0]
    assert {name: value.tolist() for name, value in item.items()} == {
        "input_ids": [START, 5, 6, START, 7],
        "labels": [5, 6, END, 7, END],
        SEGMENTS: [1, 1, 1, 2, 2],
    }
    assert {(type(value), value.dtype) for value in item.values()} == {
        (np.ndarray, np.dtype(np.int64))
    }
    before = copy.deepcopy(item)
    item["labels"][:] = item["input_ids"][:] = 0
    assert blocks[0, 0]["labels"].tolist() == before["labels"].tolist()
    assert set(blocks.pad_values) == set(item)
