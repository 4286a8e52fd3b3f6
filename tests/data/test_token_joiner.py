"""Tests of lmkit/data/token_joiner.py; see also test_token_writer.py."""

import numpy as np
import pytest

from lmkit.data.shards import Shard, ShardStore
from lmkit.data.token_joiner import MissingShardsError, Written, join_shards
from lmkit.errors import DataError


def shard(*lengths):
    tokens = np.concatenate([[*range(1, length), 0] for length in lengths]).astype("<u2")
    return Shard(tokens, np.array(lengths), np.array(lengths) * 10)


def test_documents_stay_in_order_and_offsets_go_on(tmp_path):
    store = ShardStore(tmp_path / "shards", "key")
    for number, part in enumerate((shard(3, 1), shard(2), shard(4, 4))):
        store.write(number, part, "tiktoken")
    assert join_shards(tmp_path, store, 3, name="train", dtype="<u2") == Written(5, 140, 14)
    tokens = [1, 2, 0, 0, 1, 0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert np.fromfile(tmp_path / "tokens.bin", "<u2").tolist() == tokens
    assert np.load(tmp_path / "offsets.npy").tolist() == [0, 3, 4, 6, 10, 14]
    assert np.load(tmp_path / "bytes.npy").tolist() == [30, 10, 20, 40, 40]


def test_every_missing_shard_is_named(tmp_path):
    store = ShardStore(tmp_path / "shards", "key")
    store.write(1, shard(3), "tiktoken")
    with pytest.raises(MissingShardsError) as caught:
        join_shards(tmp_path, store, 4, name="train", dtype="<u2")
    assert caught.value.numbers == [0, 2, 3]


def test_nothing_but_end_tokens_is_refused(tmp_path):
    store = ShardStore(tmp_path / "shards", "key")
    store.write(0, shard(1, 1), "tokenizers")
    with pytest.raises(DataError, match="train: no text in 2 documents"):
        join_shards(tmp_path, store, 1, name="train", dtype="<u2")
