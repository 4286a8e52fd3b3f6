"""Tests of lmkit/data/windows.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.masking import Masker
from lmkit.data.windows import CausalWindows, MaskedWindows
from lmkit.errors import UsageError

END, START = 1, 2
documents = st.lists(
    st.lists(st.integers(3, 999), max_size=40).map(lambda ids: [*ids, END]), min_size=1, max_size=6
)


@pytest.mark.parametrize("start", [START, None])
@given(documents=documents, size=st.integers(1, 20), data=st.data())
def test_each_token_is_predicted_once_from_enough_context(
    make_corpus, start, documents, size, data
):
    stride = data.draw(st.integers(1, size))
    # Ids of a document are made its positions, so that a label tells where it stands.
    numbered = [list(range(10, 10 + len(document))) for document in documents]
    windows = CausalWindows(
        make_corpus(numbered), block_size=size, stride=stride, start_id=start, pad_id=0
    )
    items = [windows[0, index] for index in range(len(windows))]
    assert windows.lengths.tolist() == [len(item["input_ids"]) for item in items]
    seen = []
    for item in items:
        inputs, labels = item["input_ids"], item["labels"]
        assert len(inputs) == len(labels) <= size
        for place, label in enumerate(labels):
            if label == -100:
                continue
            seen.append((item["document"], int(label)))
            before = numbered[item["document"]][: label - 10]
            before = before if start is None else [start, *before]
            context = inputs[: place + 1].tolist()
            assert context == before[len(before) - len(context) :]
            assert len(context) >= min(len(before), size - stride + 1)
    skipped = 0 if start is not None else 1
    assert sorted(seen) == [
        (document, token) for document, ids in enumerate(numbered) for token in ids[skipped:]
    ]


@given(documents=documents, size=st.integers(3, 20))
def test_bytes_are_counted_once_a_document(make_corpus, word_tokenizer, documents, size):
    corpus = make_corpus(documents)
    masker = Masker(word_tokenizer, probability=0.15, whole_word=False, seed=0)
    for windows in (
        CausalWindows(corpus, block_size=size, start_id=None, pad_id=0),
        MaskedWindows(make_corpus([[5] * len(d) for d in documents]), masker, block_size=size),
    ):
        totals = np.zeros(len(documents), dtype=int)
        for index in range(len(windows)):
            totals[windows[0, index]["document"]] += windows[0, index]["bytes"]
        assert totals.tolist() == corpus.bytes.tolist()


def test_stride_is_half_the_block_by_default(make_corpus):
    corpus = make_corpus([[*range(10, 17), END]])
    windows = CausalWindows(corpus, block_size=4, start_id=START, pad_id=0)
    items = [windows[3, index] for index in range(len(windows))]
    assert [item["input_ids"].tolist() for item in items] == [
        [START, 10, 11, 12],
        [11, 12, 13, 14],
        [13, 14, 15, 16],
    ]
    assert [item["labels"].tolist() for item in items] == [
        [10, 11, 12, 13],
        [-100, -100, 14, 15],
        [-100, -100, 16, END],
    ]


def test_an_empty_document_without_start_token_predicts_nothing(make_corpus):
    windows = CausalWindows(make_corpus([[END]]), block_size=4, start_id=None, pad_id=0)
    item = windows[0, 0]
    assert (len(windows), item["input_ids"].tolist(), item["labels"].tolist()) == (1, [END], [-100])


@pytest.mark.parametrize("stride", [0, 9])
def test_a_stride_that_skips_tokens_is_refused(make_corpus, stride):
    with pytest.raises(UsageError, match=f"stride of {stride} .* 1 to 8"):
        CausalWindows(make_corpus([[END]]), block_size=8, stride=stride, start_id=None, pad_id=0)


@given(
    documents=st.lists(st.lists(st.integers(5, 70), max_size=40), min_size=1, max_size=6),
    size=st.integers(3, 20),
)
def test_masked_windows_hold_each_document(make_corpus, word_tokenizer, documents, size):
    masker = Masker(word_tokenizer, probability=0.15, whole_word=False, seed=0)
    windows = MaskedWindows(make_corpus([[*ids, 3] for ids in documents]), masker, block_size=size)
    held: list[list[int]] = [[] for _ in documents]
    for index in range(len(windows)):
        item = windows[0, index]
        labels = item["labels"]
        tokens = np.where(labels == -100, item["input_ids"], labels).tolist()
        assert windows.lengths[index] == len(tokens) <= size
        assert (tokens[0], tokens[-1]) == (2, 3)
        held[item["document"]] += tokens[1:-1]
    assert held == documents
    assert windows.maskable == sum(map(len, documents))


def test_masks_of_a_document_are_fixed(make_corpus, word_tokenizer):
    """The same masks in every epoch, in every instance, and whatever documents come after."""
    masker = Masker(word_tokenizer, probability=0.15, whole_word=False, seed=5)
    first = list(range(5, 65))
    alone = MaskedWindows(make_corpus([[*first, 3]]), masker, block_size=22)
    among = MaskedWindows(make_corpus([[*first, 3], [9, 9, 3]]), masker, block_size=22)
    for index in range(len(alone)):
        expected = alone[0, index]["input_ids"].tolist()
        assert alone[1, index]["input_ids"].tolist() == expected
        assert among[0, index]["input_ids"].tolist() == expected
