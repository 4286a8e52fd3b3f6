"""What has its name is on the disk: room is asked for, and all is synced before it is renamed."""

import contextlib
import os
import shutil
from pathlib import Path


def sync(path: Path) -> None:
    """Have the disk hold a file or the names in a folder.

    Some network file systems cannot sync a folder, Windows cannot open one; that is let be.
    """
    with contextlib.suppress(OSError) if path.is_dir() else contextlib.nullcontext():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def put_in_place(aside: Path, final: Path, leaving: Path) -> None:
    """Give a folder its name, in one step, once all that it holds is synced.

    Args:
        aside: the folder as it was filled, on the same file system.
        final: its name. What had it goes only when the new one is whole.
        leaving: what the old one is called until it is deleted.
    """
    for path in aside.rglob("*"):
        sync(path)
    sync(aside)
    if final.exists():
        shutil.rmtree(leaving, ignore_errors=True)
        final.rename(leaving)
    aside.rename(final)
    sync(final.parent)
    shutil.rmtree(leaving, ignore_errors=True)


def shortage(folder: Path, needed: int) -> str | None:
    """`N MB needed, M MB free` where a folder lacks room for `needed` bytes, else None.

    The folder may not be there yet.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    if needed <= free:
        return None
    return f"{needed / 1e6:,.1f} MB needed, {free / 1e6:,.1f} MB free"
