"""Rows of several texts: what goes in comes out, and a batch holds every text once."""

import logging

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.encoded_groups import (
    GroupWriter,
    counted_tokens,
    pad_groups,
    tell_cut,
)
from lmkit.labels import IGNORED

TEXT = st.lists(st.integers(1, 99), min_size=1, max_size=6)
ROWS = st.lists(st.lists(TEXT, min_size=1, max_size=4), min_size=1, max_size=5)


def written(rows):
    writer = GroupWriter()
    for number, texts in enumerate(rows):
        types = [[0] * (len(text) - 1) + [1] for text in texts]
        writer.add(texts, types, labels=number, sizes_of=[len(text) for text in texts])
    return writer.finish(cut=1)


@given(ROWS)
def test_what_goes_in_comes_out(rows):
    groups = written(rows)
    assert len(groups) == len(rows)
    assert groups.texts == sum(map(len, rows))
    assert groups.lengths.tolist() == [sum(map(len, texts)) for texts in rows]
    for number, texts in enumerate(rows):
        found = groups[0, number]
        assert [ids.tolist() for ids in found["texts"]] == texts
        assert [part.tolist() for part in found["types"]] == [
            [0] * (len(t) - 1) + [1] for t in texts
        ]
        assert (found["labels"], found["sizes_of"]) == (number, [len(text) for text in texts])


@given(ROWS)
def test_a_batch_holds_each_text_once(rows):
    groups = written(rows)
    features = [groups[0, number] for number in range(len(rows))]
    batch = pad_groups(features, pad_id=0, pad_values={"sizes_of": 0})
    flat = [text for texts in rows for text in texts]
    assert groups.padded(range(len(rows))) == batch["input_ids"].numel()
    mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
    for ids, own, types, text in zip(
        batch["input_ids"], mask, batch["token_type_ids"], flat, strict=True
    ):
        assert ids[own == 1].tolist() == text
        assert ids[own == 0].eq(0).all()
        assert types.nonzero().tolist() == [[len(text) - 1]]
    assert batch["sizes"].tolist() == [len(texts) for texts in rows]
    assert counted_tokens(batch) == sum(map(len, flat))
    batch["labels"][0] = IGNORED
    assert counted_tokens(batch) == sum(map(len, flat)) - sum(map(len, rows[0]))


def test_texts_without_types():
    writer = GroupWriter()
    writer.add([[1, 2], [3]], key=np.array([4, 5]))
    groups = writer.finish(0)
    assert groups.types is None
    assert groups[0, 0]["key"].tolist() == [4, 5]
    batch = pad_groups([groups[0, 0]], pad_id=9, pad_values={"key": 0})
    assert batch["input_ids"].tolist() == [[1, 2], [3, 9]]
    assert "token_type_ids" not in batch


def test_cut_texts_are_told(caplog):
    writer = GroupWriter()
    writer.add([[1], [2]])
    with caplog.at_level(logging.INFO, logger="lmkit"):
        tell_cut(writer.finish(0), "train", 8)
        assert caplog.text == ""
        tell_cut(writer.finish(1), "train", 8)
    assert "50 % of the train texts are cut at 8 tokens" in caplog.text
