"""The SHA-256 of files, without reading a large one again that has not changed.

A hash that was computed once is kept in the cache folder under the file's device, inode, size and
times of change (mtime and ctime, in nanoseconds): a file for which all of them are as they were has
the content that was hashed. Nothing hangs on the table: without it, files are read again.
"""

import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmkit.data.cache import cache_dir, is_reading_only
from lmkit.data.rows import Source
from lmkit.errors import DataError
from lmkit.hashing import sha256_of

logger = logging.getLogger(__name__)

TABLE = "file-hashes.json"
_ENTRIES = 50_000  # the newest are kept
_CHUNK = 1 << 20  # bytes
_PLAIN = (".txt", ".text", ".md")  # a file of these is all text
# A write in the same tick of the file system's clock as the hashing leaves no trace in the times.
_SETTLED = 2_000_000_000  # nanoseconds


def file_hashes(paths: Sequence[Path]) -> list[tuple[int, str]]:
    """Size in bytes and SHA-256 (hex) of each file, as it lies on the disk.

    Raises:
        DataError: a file cannot be read, or changes while it is.
    """
    table = _load()
    known = dict(table)
    hashes = []
    for path in paths:
        try:
            state = path.stat()
            key = _key(state)
            if key not in known:
                known[key] = sha256_of(path)
                now = path.stat()
                if _key(now) != key:
                    raise DataError(f"{path}: the file changes while it is read; start again later")
                if time.time_ns() - max(now.st_mtime_ns, now.st_ctime_ns) > _SETTLED:
                    table[key] = known[key]
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        hashes.append((state.st_size, known[key]))
    _save(table)
    return hashes


def piece_hash(path: Path, begin: int, end: int) -> str:
    """SHA-256 (hex) of the bytes [begin, end) of a file, and of a Parquet file's footer.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(begin)
            digest, left = hashlib.sha256(), end - begin
            while left and (chunk := stream.read(min(_CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
            size = stream.seek(0, os.SEEK_END)
            stream.seek(-min(8, size), os.SEEK_END)
            footer = stream.read()  # its length, and the mark
            if footer[4:] == b"PAR1":
                stream.seek(-min(int.from_bytes(footer[:4], "little") + 8, size), os.SEEK_END)
                digest.update(stream.read())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def require_unchanged(source: Source) -> None:
    """See that the files of a split still hold what its fingerprint was taken of.

    Raises:
        DataError: one does not.
    """
    files = [file for file in source.describe() if Path(str(file.get("path"))).is_absolute()]
    whole = [Path(file["path"]) for file in files if "range" not in file]
    hashes = {
        str(path): sha256 for path, (_, sha256) in zip(whole, file_hashes(whole), strict=True)
    }
    for file in files:
        path, piece = Path(file["path"]), file.get("range")
        sha256 = hashes[str(path)] if piece is None else piece_hash(path, *piece)
        if file.get("sha256") != sha256:
            raise DataError(f"{file['path']}: the file changed while it was read; start again")


def expected_bytes(source: Source) -> int | None:
    """About how many bytes of text a split has; None where files do not tell."""
    files = source.describe()
    if any("part" in file or not str(file.get("path")).endswith(_PLAIN) for file in files):
        return None
    return sum(int(file["bytes"]) for file in files)


def combined(parts: Any) -> str:
    """SHA-256 (hex) of a value as canonical JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _key(state: os.stat_result) -> str:
    """What vouches for a file's content."""
    return f"{state.st_dev}:{state.st_ino}:{state.st_size}:{state.st_mtime_ns}:{state.st_ctime_ns}"


def _load() -> dict[str, str]:
    """The table as it was written last, or an empty one."""
    try:
        table = json.loads((cache_dir() / TABLE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _save(table: dict[str, str]) -> None:
    """Write the table if it grew: aside, then renamed, so that readers see a whole one."""
    before = _load()
    if table.keys() <= before.keys() or is_reading_only():
        return
    merged = dict(list({**before, **table}.items())[-_ENTRIES:])
    target = cache_dir() / TABLE
    temporary = target.with_name(f"{TABLE}.{secrets.token_hex(6)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(merged), encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        logger.debug("the table of file hashes cannot be written: %s", error)
