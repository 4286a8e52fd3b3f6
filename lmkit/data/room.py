"""Room on the disk, asked for before it is needed."""

import shutil
from pathlib import Path

from lmkit.errors import CacheError


def require_room(folder: Path, needed: int) -> None:
    """See that a folder, which may not be there yet, has room for `needed` bytes.

    Raises:
        CacheError: it has not; both numbers are told.
    """
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise CacheError(
            f"{folder}: no room: {needed / 1e6:,.1f} MB needed, {free / 1e6:,.1f} MB free; make "
            "room or set LMKIT_CACHE to a folder on a larger disk"
        )
