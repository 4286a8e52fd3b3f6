"""A corpus too large to prepare: shards, of which each is read when its turn comes.

Opening a stream reads file names and sizes, and the first rows. A shard is known by its content as
soon as it is read; its tokens lie in a folder of the cache of their own, where the shards that were
not used for longest make room for others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lmkit.data.fingerprint import combined
from lmkit.data.rows import Row, Source
from lmkit.errors import DataError, NoRowsError

STREAM = "stream"
"""The kind of the cache's entries that are of shards."""


@dataclass(frozen=True)
class Shard:
    """One part of a stream; it may turn out to hold no row."""

    name: str
    source: Source

    def rows(self) -> Iterator[Row]:
        """The rows of the part, maybe none."""
        try:
            yield from self.source.rows()
        except NoRowsError:
            return

    def is_empty(self) -> bool:
        """Whether there is no row; the first is read for it."""
        return next(self.rows(), None) is None

    def fingerprint(self) -> str:
        """That of the part."""
        return self.source.fingerprint()

    def describe(self) -> list[dict[str, Any]]:
        """The files, or pieces of files, of the part."""
        return self.source.describe()


@dataclass(frozen=True, eq=False)
class Stream:
    """All shards, in the order of the files."""

    name: str
    shards: tuple[Shard, ...]
    identity: Any
    """What the stream is known by, without reading it: JSON."""
    files: list[dict[str, Any]]
    """Its description."""

    def rows(self) -> Iterator[Row]:
        """Every row of every shard."""
        for shard in self.shards:
            yield from shard.rows()

    def fingerprint(self) -> str:
        """SHA-256 of names and sizes (of a hub set, of its commit): the content is not read."""
        return combined(["stream", self.identity])

    def describe(self) -> list[dict[str, Any]]:
        """Path and size of each file, without a hash."""
        return self.files

    @cached_property
    def first(self) -> Shard:
        """The first shard that holds a row: what stands for the whole where a sample must do.

        Raises:
            DataError: none does.
        """
        for shard in self.shards:
            if not shard.is_empty():
                return shard
        raise DataError(f"{self.name} data: none of {len(self.shards)} shards holds a row of data")

    @cached_property
    def scale(self) -> float:
        """How many times as large as its first shard the stream is: in bytes, else in shards."""
        sizes = [file.get("bytes") for file in self.files]
        first = sum(int(file.get("bytes") or 0) for file in self.first.describe())
        if None in sizes or not first:
            return float(len(self.shards))
        return max(1.0, sum(int(size or 0) for size in sizes) / first)


def beginning(source: Source) -> Source:
    """The first shard of a stream; any other source itself."""
    return source.first if isinstance(source, Stream) else source
