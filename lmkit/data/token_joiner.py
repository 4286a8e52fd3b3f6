"""Finished shards laid one after another: the files that every run maps into memory."""

from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lmkit.data.room import require_room
from lmkit.data.shards import ShardStore
from lmkit.errors import DataError


class Written(NamedTuple):
    """What went through, counted on the way."""

    documents: int
    bytes: int
    """UTF-8 bytes of the text."""
    tokens: int
    """Tokens that the tokenizer gave, and one end token a document."""


def join_shards(folder: Path, store: ShardStore, count: int, *, name: str, dtype: str) -> Written:
    """Lay shards one after another into `tokens.bin`, `offsets.npy` and `bytes.npy`.

    Raises:
        DataError: There is no token but end tokens.
        MissingShardsError: Some are not there, or damaged.
    """
    missing = []
    documents = size = tokens = 0
    with (
        (folder / "tokens.bin").open("wb") as file,
        _ArrayFile(folder / "offsets.npy") as offsets,
        _ArrayFile(folder / "bytes.npy") as sizes,
    ):
        offsets.append(np.zeros(1, dtype=np.int64))
        for number in range(count):
            shard = store.read(number)
            if shard is None:
                missing.append(number)
                continue
            assert shard.tokens.dtype == np.dtype(dtype), shard.tokens.dtype
            require_room(folder, shard.nbytes)
            file.write(shard.tokens.data)
            offsets.append(tokens + np.cumsum(shard.lengths))
            sizes.append(shard.sizes)
            documents += len(shard.lengths)
            size += int(shard.sizes.sum())
            tokens += len(shard.tokens)
    if missing:
        raise MissingShardsError(missing)
    if tokens == documents:
        raise DataError(f"{name}: no text in {documents:,} documents; give files or rows with text")
    return Written(documents, size, tokens)


class MissingShardsError(Exception):
    """Shards that are not there, or not whole; their numbers."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers
        super().__init__(f"shards {numbers}")


class _ArrayFile:
    """A one-dimensional int64 `.npy` file that grows; the header gets its length at the end."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._length = 0
        self._header()
        self._start = self._file.tell()

    def __enter__(self) -> "_ArrayFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            self._file.seek(0)
            self._header()
            assert self._file.tell() == self._start, "numpy leaves room for the length to grow"

    def append(self, values: npt.NDArray[np.int64]) -> None:
        """Write more elements."""
        self._file.write(values.astype("<i8", copy=False).data)
        self._length += len(values)

    def _header(self) -> None:
        header = {"descr": "<i8", "fortran_order": False, "shape": (self._length,)}
        np.lib.format.write_array_header_1_0(self._file, header)
