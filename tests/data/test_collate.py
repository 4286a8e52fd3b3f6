"""Tests of lmkit/data/collate.py."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence

from lmkit.data.collate import pad_batch

PAD = {"input_ids": 7, "labels": -100}
rows = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=20), min_size=1, max_size=6)


@given(rows)
def test_padding_equals_torchs_own(ids):
    features = [{"input_ids": np.array(row), "labels": row} for row in ids]
    batch = pad_batch(features, pad_values=PAD, attention_mask=True)
    tensors = [torch.tensor(row) for row in ids]
    for name, value in PAD.items():
        expected = pad_sequence(tensors, batch_first=True, padding_value=value)
        assert torch.equal(batch[name], expected)
        assert batch[name].dtype == torch.int64
    ones = [torch.ones_like(tensor) for tensor in tensors]
    assert torch.equal(batch["attention_mask"], pad_sequence(ones, batch_first=True))


@given(rows, st.integers(1, 16))
def test_length_is_the_next_multiple(ids, multiple):
    batch = pad_batch([{"labels": row} for row in ids], pad_values=PAD, pad_to_multiple=multiple)
    longest = max(len(row) for row in ids)
    assert batch["labels"].shape[1] % multiple == 0
    assert longest <= batch["labels"].shape[1] < longest + multiple


def test_each_sequence_has_its_own_length():
    features = [{"input_ids": [1, 2, 3], "labels": [4]}, {"input_ids": [5], "labels": [6, 6]}]
    batch = pad_batch(features, pad_values=PAD)
    assert batch["input_ids"].tolist() == [[1, 2, 3], [5, 7, 7]]
    assert batch["labels"].tolist() == [[4, -100], [6, 6]]
    assert "attention_mask" not in batch


def test_numbers_are_stacked():
    features = [{"labels": 3, "score": 0.5, "document": np.int64(4)}] * 2
    batch = pad_batch(features, pad_values={})
    assert {name: (value.dtype, value.tolist()) for name, value in batch.items()} == {
        "labels": (torch.int64, [3, 3]),
        "score": (torch.float32, [0.5, 0.5]),
        "document": (torch.int64, [4, 4]),
    }


def test_a_sequence_without_pad_value_is_refused():
    with pytest.raises(KeyError, match="token_type_ids"):
        pad_batch([{"token_type_ids": [0]}], pad_values=PAD)
