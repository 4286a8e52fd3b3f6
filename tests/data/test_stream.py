"""Streams: shards as one source that is told by what can be known without reading it."""

import pytest

from lmkit.data.rows import Row
from lmkit.data.stream import Shard, Stream, beginning
from lmkit.errors import DataError, NoRowsError


class Texts:
    """Rows of a list; of none, as `RowSource` has it, an error."""

    name = "train"

    def __init__(self, *texts, size=10):
        self.texts, self.size, self.hashed = texts, size, 0

    def rows(self):
        if not self.texts:
            raise NoRowsError("nothing")
        yield from (Row({"text": text}, text) for text in self.texts)

    def fingerprint(self):
        self.hashed += 1
        return " ".join(self.texts)

    def describe(self):
        return [{"path": "a.txt", "bytes": self.size}]


def stream(*parts, files=({"path": "a.txt", "bytes": 40},)):
    return Stream("train", tuple(Shard("train", part) for part in parts), ["x"], list(files))


def test_all_rows_and_the_first_shard_that_has_some():
    parts = Texts(), Texts("a", "b"), Texts(), Texts("c")
    found = stream(*parts)
    assert [row.values["text"] for row in found.rows()] == ["a", "b", "c"]
    assert [shard.is_empty() for shard in found.shards] == [True, False, True, False]
    assert beginning(found) is found.shards[1]
    assert beginning(found.shards[3]) is found.shards[3]
    assert found.scale == 4.0
    assert stream(*parts, files=[{"path": "hf://datasets/a/b"}]).scale == 4.0


def test_the_content_is_not_read_to_tell_it():
    part = Texts("a")
    found = stream(part)
    assert found.fingerprint() == stream(Texts("b")).fingerprint()
    assert found.describe() == [{"path": "a.txt", "bytes": 40}]
    assert not part.hashed
    assert found.shards[0].fingerprint() == "a"


def test_a_stream_without_a_row():
    with pytest.raises(DataError, match="train data: none of 2 shards holds a row of data"):
        _ = stream(Texts(), Texts()).first
