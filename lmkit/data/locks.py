"""The lock beside each entry of the cache: whoever fills or removes an entry holds it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of an entry; say so if that means to wait."""
    lock = _lock(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("waiting for another process that prepares %s", folder)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked_if_free(folder: Path) -> Iterator[bool]:
    """Hold the lock of an entry unless somebody else does; tells which."""
    lock = _lock(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _lock(folder: Path) -> FileLock:
    return FileLock(folder.parent / f".{folder.name}.lock")
