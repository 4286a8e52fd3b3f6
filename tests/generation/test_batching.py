"""Windows, batches of like lengths, padding."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from lmkit.generation.batching import batches, left_padded, right_padded, windows
from lmkit.generation.continuation import Continuation, TextStream


def _rows(byte_tokenizer, lengths):
    return [
        Continuation([1] * length, key=(i, 0), limit=1, text=TextStream(byte_tokenizer))
        for i, length in enumerate(lengths)
    ]


def test_a_window_is_read_only_when_asked_for():
    read = []
    items = (read.append(i) or i for i in range(10))
    first = next(windows(items, 3))
    assert (first, read) == ([0, 1, 2], [0, 1, 2])
    assert list(windows(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(windows([], 2)) == []


@given(st.lists(st.integers(1, 9)), st.integers(1, 4), st.booleans())
def test_every_row_is_in_one_batch_of_like_lengths(byte_tokenizer, lengths, size, one_length):
    rows = _rows(byte_tokenizer, lengths)
    made = list(batches(rows, lambda _: size, one_length=one_length))
    keys = [row.key[0] for batch in made for row in batch]
    assert sorted(keys) == list(range(len(lengths)))
    found = [len(row.ids) for batch in made for row in batch]
    assert found == sorted(lengths, reverse=True)
    assert all(len(batch) <= size for batch in made)
    if one_length:
        assert all(len({len(row.ids) for row in batch}) == 1 for batch in made)
    else:
        assert len(made) == -(-len(lengths) // size)
        assert max(map(len, made), default=0) - min(map(len, made), default=0) <= 1


def test_equal_lengths_keep_their_order(byte_tokenizer):
    (batch,) = batches(_rows(byte_tokenizer, [2, 3, 2, 3]), lambda _: 4, one_length=False)
    assert [row.key[0] for row in batch] == [1, 3, 0, 2]


def test_the_longest_say_how_many_go_with_them(byte_tokenizer):
    rows = _rows(byte_tokenizer, [2, 8, 2, 2, 8, 2, 2])
    made = list(batches(rows, lambda row: 16 // len(row.ids), one_length=False))
    assert [len(batch) for batch in made] == [2, 5]


def test_rows_of_one_prompt_stay_together(byte_tokenizer):
    rows = _rows(byte_tokenizer, [2] * 15)  # five prompts of three rows
    made = list(batches(rows, lambda _: 12, one_length=False, together=3))
    assert [len(batch) for batch in made] == [9, 6]
    assert [row.key[0] for batch in made for row in batch] == list(range(15))


def test_padding():
    ids, mask = left_padded([[5, 6, 7], [8]])
    assert torch.equal(ids, torch.tensor([[5, 6, 7], [0, 0, 8]]))
    assert torch.equal(mask, torch.tensor([[1, 1, 1], [0, 0, 1]]))
    ids, mask = right_padded([[5, 6, 7], [8]])
    assert torch.equal(ids, torch.tensor([[5, 6, 7], [8, 0, 0]]))
    assert torch.equal(mask, torch.tensor([[1, 1, 1], [1, 0, 0]]))
