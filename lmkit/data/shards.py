"""Finished parts of a corpus that is being tokenized, in a folder or an object store.

A shard is one file, `NNNNN.safetensors`, that is whole or absent: `tokens` (uint16 or uint32, each
document followed by its end token), `lengths` and `bytes` (int64; tokens and UTF-8 bytes of each
document). Its metadata hold the key of the corpus, its number, the library that encoded it and a
SHA-256 of the three arrays. Shards are cut by bytes of text alone, so they do not depend on who
makes them; and the key, a hash of the content, is in their place and in each of them.
"""

import hashlib
import json
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
import numpy as np
import numpy.typing as npt
from fsspec.implementations.local import LocalFileSystem
from safetensors import SafetensorError
from safetensors.numpy import load, save

from lmkit.errors import CacheError, MissingExtraError, UsageError

_ONLY = "only-tokenizers"  # beside shards whose sample `tiktoken` read otherwise


class Shard(NamedTuple):
    """Some consecutive documents. D documents, N tokens."""

    tokens: npt.NDArray[Any]
    """(N,)."""
    lengths: npt.NDArray[np.int64]
    """(D,) tokens of each document, its end token included."""
    sizes: npt.NDArray[np.int64]
    """(D,) UTF-8 bytes of each document."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory, and about as many on disk."""
        return self.tokens.nbytes + self.lengths.nbytes + self.sizes.nbytes


class ShardStore:
    """The shards of one corpus.

    Args:
        place: A folder, or a URL that fsspec opens (`s3://`, `gs://`, `hf://`, `memory://`, ...).
        key: Of the corpus; its shards are in the folder of that name.

    Raises:
        MissingExtraError: the library for this kind of URL is not installed.
        UsageError: no such kind of URL.
    """

    def __init__(self, place: str | Path, key: str) -> None:
        self.key = key
        try:
            self._files, path = fsspec.core.url_to_fs(str(place))
        except ImportError as error:
            raise MissingExtraError(f"{place}: {error}") from error
        except ValueError as error:
            raise UsageError(f"--output {place}: {error}") from error
        self.folder = f"{path.rstrip('/')}/{key}"

    @property
    def local(self) -> Path | None:
        """The folder, where it is one of this machine's."""
        return Path(self.folder) if isinstance(self._files, LocalFileSystem) else None

    def write(self, number: int, shard: Shard, engine: str) -> None:
        """Make a shard appear, whole."""
        data = {"tokens": shard.tokens, "lengths": shard.lengths, "bytes": shard.sizes}
        said = {"key": self.key, "number": str(number), "engine": engine, "sha256": _sha256(shard)}
        self._put(_name(number), save(data, said))

    def read(self, number: int) -> Shard | None:
        """A shard; None where it is absent, damaged, or made by `tiktoken` that may not be used."""
        try:
            content = self._files.cat_file(f"{self.folder}/{_name(number)}")
            said = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            said = said["__metadata__"]
            found = load(content)
            shard = Shard(found["tokens"], found["lengths"], found["bytes"])
        except (FileNotFoundError, SafetensorError, ValueError, KeyError, TypeError):
            return None
        expected = {"key": self.key, "number": str(number), "sha256": _sha256(shard)}
        if {name: said.get(name) for name in expected} != expected:
            return None
        return None if said.get("engine") == "tiktoken" and self.only_tokenizers else shard

    @property
    def only_tokenizers(self) -> bool:
        """Whether `tiktoken` was found to read this corpus otherwise."""
        return bool(self._files.exists(f"{self.folder}/{_ONLY}"))

    def forbid_tiktoken(self) -> None:
        """Have all shards made by `tokenizers`, those that are there too."""
        self._put(_ONLY, b"")

    def write_index(self, share: "Share", shards: int) -> None:
        """Note that a share is done, and how many shards the whole corpus has."""
        said = {"key": self.key, "shards": shards}
        self._put(f"index-{share.number}-of-{share.of}.json", json.dumps(said).encode())

    def read_index(self) -> tuple[int, list[str]]:
        """How many shards there are to be, and the shares (`I/N`) that are done.

        Raises:
            CacheError: no share is done.
        """
        found = sorted(self._files.glob(f"{self.folder}/index-*.json"))
        if not found:
            raise CacheError(
                f"{self.folder}: no share of this corpus is done; make them with "
                "`lmkit data prepare RECIPE --shard I/N`, I from 1 to N"
            )
        shards = max(int(json.loads(self._files.cat_file(path))["shards"]) for path in found)
        names = [str(path).rsplit("/", 1)[-1] for path in found]
        return shards, [name[6:-5].replace("-of-", "/") for name in names]

    def remove(self) -> None:
        """Delete all shards, and the folder of shards where these were the last."""
        if self._files.exists(self.folder):
            self._files.rm(self.folder, recursive=True)
        if self.local is not None:
            with suppress(OSError):
                self.local.parent.rmdir()

    def _put(self, name: str, content: bytes) -> None:
        """Write a file that is whole or absent. Object stores do so by themselves."""
        if self.local is None:
            self._files.pipe_file(f"{self.folder}/{name}", content)
            return
        self.local.mkdir(parents=True, exist_ok=True)
        temporary = self.local / f".{name}.{secrets.token_hex(6)}.tmp"
        try:
            temporary.write_bytes(content)
            temporary.replace(self.local / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


class Share(NamedTuple):
    """Which of `of` machines this one is, from 1: every `of`-th shard is its own."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Share":
        """`I/N`.

        Raises:
            UsageError: it is not.
        """
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise UsageError(f"--shard {text}: expected I/N, with I from 1 to N (as in 2/8)")
        return cls(int(number), int(of))

    def has(self, shard: int) -> bool:
        """Whether this machine makes a shard."""
        return shard % self.of == self.number - 1


ALL = Share(1, 1)
"""One machine, which makes every shard."""


def _name(number: int) -> str:
    return f"{number:05d}.safetensors"


def _sha256(shard: Shard) -> str:
    digest = hashlib.sha256()
    for array in shard:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
