"""Tests of lmkit/data/shards.py."""

import json

import numpy as np
import pytest
from safetensors import safe_open

from lmkit.data.shards import ALL, Shard, ShardStore, Share
from lmkit.errors import CacheError, MissingExtraError, UsageError

SHARD = Shard(np.array([3, 1, 0, 4, 0], "<u2"), np.array([3, 2]), np.array([7, 4]))


@pytest.fixture(params=["folder", "file", "memory"])
def place(request, tmp_path):
    return {
        "folder": str(tmp_path),
        "file": f"file://{tmp_path}",
        "memory": f"memory://{tmp_path.name}",
    }[request.param]


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_what_is_written_is_read(place):
    store = ShardStore(place, "key")
    assert store.read(0) is None
    store.write(0, SHARD, "tiktoken")
    assert same(store.read(0), SHARD)
    assert store.read(1) is None
    assert ShardStore(place, "other").read(0) is None
    store.remove()
    assert store.read(0) is None
    store.remove()  # nothing to remove is no error


def test_others_can_open_it(tmp_path):
    ShardStore(tmp_path, "key").write(3, SHARD, "tiktoken")
    (path,) = (tmp_path / "key").iterdir()
    assert path.name == "00003.safetensors"
    with safe_open(path, "numpy") as file:
        assert file.get_tensor("tokens").tolist() == [3, 1, 0, 4, 0]
        assert file.metadata()["key"] == "key"


def flip(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("harm", [flip, lambda c: c[:-3], lambda _: b"", lambda c: b"\xff" * 9 + c])
def test_a_damaged_shard_is_absent(tmp_path, harm):
    store = ShardStore(tmp_path, "key")
    store.write(0, SHARD, "tiktoken")
    path = tmp_path / "key" / "00000.safetensors"
    path.write_bytes(harm(path.read_bytes()))
    assert store.read(0) is None


def test_the_shard_of_another_corpus_or_number_is_absent(tmp_path):
    for key, number in (("other", 0), ("key", 1)):
        store = ShardStore(tmp_path, key)
        store.write(number, SHARD, "tiktoken")
        content = (tmp_path / key / f"{number:05d}.safetensors").read_bytes()
        (tmp_path / "key" / "00000.safetensors").parent.mkdir(exist_ok=True)
        (tmp_path / "key" / "00000.safetensors").write_bytes(content)
        assert ShardStore(tmp_path, "key").read(0) is None


def test_tiktoken_s_shards_are_absent_once_it_is_forbidden(place):
    store = ShardStore(place, "engines")
    store.write(0, SHARD, "tiktoken")
    store.write(1, SHARD, "tokenizers")
    assert not store.only_tokenizers
    store.forbid_tiktoken()
    assert ShardStore(place, "engines").only_tokenizers
    assert store.read(0) is None
    assert same(store.read(1), SHARD)
    store.remove()


def test_the_index(place):
    store = ShardStore(place, "indexed")
    with pytest.raises(CacheError, match=r"no share of this corpus is done.*--shard I/N"):
        store.read_index()
    store.write_index(Share(2, 3), 7)
    store.write_index(Share(1, 3), 7)
    assert store.read_index() == (7, ["1/3", "2/3"])
    store.remove()


def test_nothing_but_whole_files_is_left(tmp_path):
    store = ShardStore(tmp_path, "key")
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / "00000.safetensors").mkdir()  # in the way
    with pytest.raises(OSError, match="directory"):
        store.write(0, SHARD, "tiktoken")
    assert [path.name for path in (tmp_path / "key").iterdir()] == ["00000.safetensors"]


def test_places_that_cannot_be_opened(monkeypatch):
    with pytest.raises(UsageError, match=r"--output nosuch://a: .*nosuch"):
        ShardStore("nosuch://a", "key")

    def absent(place):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", absent)
    with pytest.raises(MissingExtraError, match="s3://b: Install s3fs to access S3"):
        ShardStore("s3://b", "key")


def test_every_shard_is_of_one_share():
    for shard in range(10):
        assert sum(Share(number, 4).has(shard) for number in range(1, 5)) == 1
    assert all(ALL.has(shard) for shard in range(10))
    assert Share.parse("2/8") == Share(2, 8)


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "a/b", "1/", "-1/2", "1/2/3"])
def test_what_is_no_share(text):
    with pytest.raises(UsageError, match=r"expected I/N, with I from 1 to N"):
        Share.parse(text)


def test_an_index_is_json(tmp_path):
    ShardStore(tmp_path, "key").write_index(Share(1, 2), 5)
    assert json.loads((tmp_path / "key/index-1-of-2.json").read_text()) == {
        "key": "key",
        "shards": 5,
    }
