"""Tests of lmkit/data/shares.py; real processes are in tests/cli/test_data.py."""

import hashlib

import pytest

from lmkit.data import token_writer
from lmkit.data.rows import Row
from lmkit.data.shards import Share
from lmkit.data.shares import make_share, merge_shares
from lmkit.data.token_cache import identify, prepare_corpus
from lmkit.errors import CacheError


class Texts:
    name = "train"

    def __init__(self, count=50):
        self.count = count

    def rows(self):
        for number in range(self.count):
            yield Row({"text": f"document {number} " * 9}, f"memory:{number}")

    def fingerprint(self):
        return hashlib.sha256(str(self.count).encode()).hexdigest()

    def describe(self):
        return []


@pytest.fixture
def identity(byte_tokenizer, tmp_path, monkeypatch):
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(token_writer, "SHARD_BYTES", 500)
    return identify(Texts(), byte_tokenizer, text_column="text")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("place", [None, "folder", "memory://shares"])
def test_shares_make_what_one_machine_makes(identity, tmp_path, monkeypatch, place):
    place = str(tmp_path / place) if place == "folder" else place
    with pytest.raises(CacheError, match="no share of this corpus is done"):
        merge_shares(identity, place)
    counts = {make_share(identity, Share(number, 3), place) for number in (3, 1)}
    with pytest.raises(CacheError, match=r"3 of \d+ .*|shards \d+ are not there.*1/3, 3/3; make"):
        merge_shares(identity, place)
    assert not list(tmp_path.glob("cache/tokens/*/meta.json"))
    counts.add(make_share(identity, Share(2, 3), place))
    assert len(counts) == 1
    merged = merge_shares(identity, place)
    assert not merged.hit
    assert merge_shares(identity, place).hit
    assert prepare_corpus(identity).hit
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "alone"))
    alone = prepare_corpus(identity)
    assert not alone.hit
    assert contents(alone.folder) == contents(merged.folder)


def test_a_place_that_cannot_be_written_is_named(identity, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"file/.*: the shards cannot be read or written"):
        make_share(identity, Share(1, 1), str(tmp_path / "file"))
