"""Folders that are whole or absent: what is prepared once and used by every run after it.

An entry is a folder that some function fills. It is filled under a temporary name beside its
final one, its files reach the disk, a manifest (`meta.json`: the size and SHA-256 of each file, and
what the writer says of them) is written last, and one rename makes it appear. A process that is
killed at any moment leaves a temporary folder and nothing that could be taken for whole; the next
one removes it. A lock beside each entry makes two runs that start together prepare it once.
"""

import errno
import json
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmkit.data.integrity import MANIFEST, mark_damaged
from lmkit.data.integrity import damage as damage
from lmkit.data.integrity import read_manifest as read_manifest
from lmkit.data.locks import locked, locked_if_free
from lmkit.durable import sync
from lmkit.errors import CacheError
from lmkit.hashing import sha256_of

logger = logging.getLogger(__name__)

_NEWEST = 6  # entries: shards that steps cross between, each perhaps with a plan of its blocks
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


@dataclass(frozen=True)
class Entry:
    """An entry that is whole."""

    folder: Path
    """Where its files are."""
    meta: dict[str, Any]
    """Its manifest: `files`, and what the writer returned."""
    hit: bool
    """Whether it was there, written by an earlier run or by another process just now."""
    reason: str
    """Why it was a hit or a miss, in a few words."""


class CacheMissError(Exception):
    """Something would have to be prepared, while `reading_only` is in force."""


_reading_only: ContextVar[bool] = ContextVar("reading_only", default=False)
_scratch: ContextVar[Path | None] = ContextVar("scratch", default=None)
_verifying: ContextVar[bool] = ContextVar("verifying", default=False)


@contextmanager
def reading_only() -> Iterator[None]:
    """Nothing is prepared inside: what is absent raises `CacheMissError`."""
    token = _reading_only.set(True)
    try:
        yield
    finally:
        _reading_only.reset(token)


def is_reading_only() -> bool:
    """Whether nothing may be written to the cache here."""
    return _reading_only.get()


@contextmanager
def verifying() -> Iterator[None]:
    """Every entry that is used inside is read whole; nothing is prepared.

    What is absent raises `CacheMissError`; what is damaged raises `CacheError`, and is prepared
    again by whoever needs it next.
    """
    token = _verifying.set(True)
    try:
        with reading_only():
            yield
    finally:
        _verifying.reset(token)


@contextmanager
def scratch() -> Iterator[None]:
    """What is prepared inside goes to a temporary folder, and is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lmkit-") as folder:
        token = _scratch.set(Path(folder))
        try:
            yield
        finally:
            _scratch.reset(token)


def cache_dir() -> Path:
    """The cache folder: $LMKIT_CACHE, else $XDG_CACHE_HOME/lmkit, else ~/.cache/lmkit."""
    if temporary := _scratch.get():
        return temporary
    if own := os.environ.get("LMKIT_CACHE"):
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lmkit"


def entry(folder: Path, write: Callable[[Path], Mapping[str, Any]]) -> Entry:
    """The whole entry at `folder`, written now if it is absent or damaged.

    Args:
        folder: Its final place, named by a hash of all that its content depends on.
        write: Fills an empty folder and returns what the manifest shall say of it.

    Raises:
        CacheError: The cache cannot be written or its disk is full.
    """
    found = damage(folder, contents=_verifying.get()) if folder.is_dir() else "absent"
    if found is None:
        return Entry(folder, read_manifest(folder), hit=True, reason="found")
    if _verifying.get() and found != "absent":
        mark_damaged(folder, found)
        raise CacheError(f"{folder}: damaged: {found}; prepare it again: leave out --verify")
    if _reading_only.get():
        raise CacheMissError(str(folder))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            return _entry_locked(folder, write)
    except OSError as error:
        if problem := _explain(error, folder):
            raise problem from error
        raise


def _entry_locked(folder: Path, write: Callable[[Path], Mapping[str, Any]]) -> Entry:
    """`entry`, by the one process that holds the lock."""
    _remove_abandoned(folder)
    reason = "not in the cache"
    if folder.is_dir():
        found = damage(folder)
        if found is None:
            meta = read_manifest(folder)
            return Entry(folder, meta, hit=True, reason="prepared meanwhile by another process")
        reason = f"damaged: {found}"
        logger.warning("%s is damaged and is prepared again: %s", folder, found)
        folder.rename(_temporary(folder))
    temporary = _temporary(folder)
    temporary.mkdir()
    try:
        ours = publish(temporary, folder, write(temporary))
    except OSError as error:
        written = sum(file.stat().st_size for file in temporary.rglob("*") if file.is_file())
        shutil.rmtree(temporary, ignore_errors=True)
        if problem := _explain(error, folder, written):
            raise problem from error
        raise
    finally:
        _remove_abandoned(folder)
    if not ours:  # only where the file system keeps no locks
        reason = "prepared meanwhile by another process"
    return Entry(folder, read_manifest(folder), hit=not ours, reason=reason)


def publish(temporary: Path, final: Path, meta: Mapping[str, Any] | None = None) -> bool:
    """Make the filled folder `temporary` appear as `final`, whole, or not at all.

    Returns:
        Whether this one was taken; False where another process published first: then theirs
        stays and `temporary` is removed.
    """
    files = {}
    for file in sorted(path for path in temporary.rglob("*") if path.is_file()):
        name = file.relative_to(temporary).as_posix()
        files[name] = {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
        with file.open("rb+") as handle:
            os.fsync(handle.fileno())
    manifest = temporary / MANIFEST
    with manifest.open("w", encoding="utf-8") as handle:
        json.dump({**(meta or {}), "files": files}, handle, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    try:
        temporary.rename(final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        shutil.rmtree(temporary)
        return False
    sync(final.parent)
    return True


def evict(kind: Path, most: int) -> None:
    """Remove the entries that were not used for longest, until the others take `most` bytes.

    The newest stay whatever they take: somebody reads them. Where another process still does, its
    files stay open to it; one that is being prepared again, or looked at, is left.

    Args:
        kind: The folder that the entries are in.
        most: Bytes.
    """
    found = []
    for manifest in kind.glob(f"*/{MANIFEST}"):
        with suppress(OSError, ValueError, KeyError):  # another process removes it too
            sizes = [file["bytes"] for file in read_manifest(manifest.parent)["files"].values()]
            found.append((manifest.parent.stat().st_mtime_ns, manifest.parent, sum(sizes)))
    size = 0
    for number, (_, folder, taken) in enumerate(sorted(found, reverse=True)):
        size += taken
        if size > most and number >= _NEWEST:
            with locked_if_free(folder) as free:
                if not free:
                    continue
                gone = _temporary(folder)
                with suppress(OSError):
                    folder.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)


def _temporary(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.{secrets.token_hex(6)}.tmp"


def _remove_abandoned(folder: Path) -> None:
    """Remove the temporary folders beside `folder` that no living process fills.

    Whoever fills an entry holds its lock, whatever machine it runs on; so a temporary folder whose
    lock is ours or free belongs to a process that was killed.
    """
    for temporary in folder.parent.glob(".*.tmp"):
        owner = folder.parent / temporary.name[1:].rsplit(".", 2)[0]
        if owner.name == folder.name:
            shutil.rmtree(temporary, ignore_errors=True)
            continue
        with locked_if_free(owner) as free:
            if free:
                shutil.rmtree(temporary, ignore_errors=True)


def _explain(error: OSError, folder: Path, written: int = 0) -> CacheError | None:
    """What the user can do about a failed write, or None where the error is not the cache's."""
    cure = "set LMKIT_CACHE to a folder"
    if error.errno in _FULL:
        existing = next(path for path in folder.parents if path.is_dir())
        free = shutil.disk_usage(existing).free
        return CacheError(
            f"{folder.parent}: no room left ({error.strerror}): more than {written / 1e6:,.1f} MB "
            f"needed, {free / 1e6:,.1f} MB free; make room or {cure} on a larger disk"
        )
    where = Path(os.fsdecode(error.filename)) if error.filename is not None else folder
    if error.errno in _DENIED and (folder.is_relative_to(where) or folder.parent in where.parents):
        return CacheError(
            f"{where}: the cache cannot be written ({error.strerror}); {cure} that you may write to"
        )
    return None
