"""Tests of lmkit/data/packing.py."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.masking import Masker
from lmkit.data.packing import CausalBlocks, MaskedBlocks

END, START = 1, 2
documents = st.lists(
    st.lists(st.integers(3, 60_000), max_size=30).map(lambda ids: [*ids, END]),
    min_size=1,
    max_size=8,
)


def blocks_of(corpus, size, packing, start=START):
    blocks = CausalBlocks(
        corpus, block_size=size, packing=packing, start_id=start, end_id=END, pad_id=0
    )
    items = [blocks[0, index] for index in range(len(blocks))]
    assert blocks.lengths.tolist() == [len(item["input_ids"]) for item in items]
    return items


@given(documents, st.integers(1, 40))
def test_joined_predicts_every_token_once(make_corpus, documents, size):
    corpus = make_corpus(documents)
    items = blocks_of(corpus, size, "joined")
    stream = [END, *corpus.tokens.tolist()]
    assert len(items) == -(-len(corpus.tokens) // size)
    assert np.concatenate([item["labels"] for item in items]).tolist() == stream[1:]
    assert np.concatenate([item["input_ids"] for item in items]).tolist() == stream[:-1]
    assert all(len(item["labels"]) == size for item in items[:-1])


@pytest.mark.parametrize("start", [START, None])
@given(documents=documents, size=st.integers(1, 40))
def test_documents_by_themselves(make_corpus, start, documents, size):
    items = blocks_of(make_corpus(documents), size, "none", start)
    streams = [document if start is None else [start, *document] for document in documents]
    expected = [
        (stream[begin : min(begin + size, len(stream) - 1)], stream[begin + 1 : begin + 1 + size])
        for stream in streams
        for begin in range(0, len(stream) - 1, size)
    ]
    assert [(item["input_ids"].tolist(), item["labels"].tolist()) for item in items] == expected


def test_causal_items_are_plain_int64_arrays_of_their_own(make_corpus):
    blocks = CausalBlocks(
        make_corpus([[5, 6, 7, END]]),
        block_size=3,
        packing="joined",
        start_id=None,
        end_id=END,
        pad_id=0,
    )
    item = blocks[0, 0]
    assert {type(value) for value in item.values()} == {np.ndarray}
    assert {value.dtype for value in item.values()} == {np.dtype(np.int64)}
    item["labels"][:] = -1
    assert blocks[5, 0]["input_ids"].tolist() == item["input_ids"].tolist() == [END, 5, 6]
    assert blocks.pad_values == {"input_ids": 0, "labels": -100}


def masked(corpus, tokenizer, size, packing):
    masker = Masker(tokenizer, probability=0.15, whole_word=False, seed=0)
    return MaskedBlocks(corpus, masker, block_size=size, packing=packing)


def originals(item):
    """What an example held before tokens were hidden."""
    return np.where(item["labels"] == -100, item["input_ids"], item["labels"])


@pytest.mark.parametrize("packing", ["joined", "none"])
@given(
    documents=st.lists(st.lists(st.integers(5, 70), max_size=30), min_size=1, max_size=6),
    size=st.integers(3, 40),
)
def test_masked_blocks_hold_every_token(make_corpus, word_tokenizer, packing, documents, size):
    first, last = word_tokenizer.cls_token_id, word_tokenizer.sep_token_id
    corpus = make_corpus([[*document, last] for document in documents])
    blocks = masked(corpus, word_tokenizer, size, packing)
    items = [blocks[0, index] for index in range(len(blocks))]
    assert blocks.lengths.tolist() == [len(item["input_ids"]) for item in items]
    held = []
    for item in items:
        tokens = originals(item).tolist()
        assert (tokens[0], tokens[-1]) == (first, last)
        assert len(tokens) <= size
        held += tokens[1:-1]
    if packing == "joined":
        assert held == corpus.tokens.tolist()[:-1]
        assert all(len(item["input_ids"]) == size for item in items[:-1])
    else:
        assert held == [token for document in documents for token in document]


def test_masks_are_a_function_of_epoch_and_index(make_corpus, word_tokenizer):
    corpus = make_corpus([[*range(5, 70), 3]] * 4)
    blocks = masked(corpus, word_tokenizer, 32, "joined")
    keys = [(epoch, index) for epoch in range(3) for index in range(len(blocks))]
    forward = {key: blocks[key]["input_ids"].tolist() for key in keys}
    again = masked(corpus, word_tokenizer, 32, "joined")
    assert {key: again[key]["input_ids"].tolist() for key in reversed(keys)} == forward
    per_index = Counter(
        index for _, index in {(tuple(ids), key[1]) for key, ids in forward.items()}
    )
    assert set(per_index.values()) == {3}  # other masks in each epoch


@pytest.mark.parametrize("packing", ["joined", "none"])
@pytest.mark.parametrize("start", [START, None])
@given(documents=documents, size=st.integers(1, 40))
def test_the_ledger_counts_what_is_in_the_blocks(make_corpus, packing, start, documents, size):
    blocks = CausalBlocks(
        make_corpus(documents), block_size=size, packing=packing, start_id=start, end_id=END,
        pad_id=0,
    )  # fmt: skip
    found = blocks.ledger()
    tokens = sum(map(len, documents))
    inputs = sum(len(blocks[0, i]["input_ids"]) for i in range(len(blocks)))
    assert found["documents"] == len(documents)
    assert found["tokens"] == found["kept"] == tokens
    assert found["dropped"] == 0
    assert found["padded"] == len(blocks) * size - inputs
    unpredicted = 1 if packing == "none" and start is None else 0
    assert found["cut"] == cut_of([len(d) - unpredicted for d in documents], size, packing)


def cut_of(totals, size, packing):
    """Documents in more than one block, by writing down the block of every token."""
    stream = [document for document, total in enumerate(totals) for _ in range(total)]
    if packing == "none":
        return sum(total > size for total in totals)
    blocks = {(document, place // size) for place, document in enumerate(stream)}
    return sum(count > 1 for count in Counter(document for document, _ in blocks).values())


@pytest.mark.parametrize("packing", ["joined", "none"])
@given(documents=st.lists(st.lists(st.integers(5, 69), max_size=30), min_size=1, max_size=8))
def test_the_masked_ledger_counts_the_closing_tokens(
    make_corpus, word_tokenizer, packing, documents
):
    last = word_tokenizer.sep_token_id
    blocks = masked(
        make_corpus([[*document, last] for document in documents]), word_tokenizer, 10, packing
    )
    found = blocks.ledger()
    assert found["dropped"] == 0
    assert found["tokens"] == sum(len(document) + 1 for document in documents)
    read = sum(len(blocks[0, i]["input_ids"]) for i in range(len(blocks)))
    assert found["padded"] == 10 * len(blocks) - read
    totals = [len(document) + (packing == "joined") for document in documents]
    if packing == "joined":
        totals[-1] -= 1  # its end is the closing [SEP]
    assert found["cut"] == cut_of(totals, 8, packing)
